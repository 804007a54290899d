"""`Idempotency-Key`: every POST takes one or says why not, and nothing that was asked for twice is done twice."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from sqlalchemy import Connection, func, select

from tests.access.conftest import ANN, BOB, PASSWORD, World, code
from vidcompute.api.idempotency import APART, HEADER, SHOWN_ONCE
from vidcompute.db.schema import idempotency_keys, uploads
from vidcompute.services.accounts import OPERATIONS, Entry

KEY = {HEADER: "once"}
SECRETS = re.compile(r"secret|private_key|password|token|one_time_url|codes|credential")
# Their secrets can be shown again: see tests/unit/api/test_events_and_webhooks.py.
OF_WEBHOOKS = {"create_webhook", "rotate_webhook_secret"}


def posts(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """The path and the declaration of every operation by POST."""
    for path, item in world.platform.app.openapi()["paths"].items():
        if "post" in item:
            yield path, item["post"]


def takes_key(operation: Mapping[str, Any]) -> bool:
    return any(one["name"] == HEADER for one in operation.get("parameters", ()))


def fields(world: World, schema: Any) -> Iterator[str]:
    """The names of all fields below a schema."""
    if isinstance(schema, list):
        for part in schema:
            yield from fields(world, part)
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from fields(world, world.platform.app.openapi()["components"]["schemas"][schema["$ref"].split("/")[-1]])
    yield from schema.get("properties", ())
    for name, part in schema.items():
        if name not in {"example", "examples", "default"}:
            yield from fields(world, part)


def test_every_post_takes_a_key_or_says_why_not(world: World) -> None:
    found = {operation["operationId"]: operation for _, operation in posts(world)}
    assert set(APART) <= set(found)
    for name, operation in found.items():
        assert takes_key(operation) == (name not in APART), name
        assert operation.get("x-without-key") == APART.get(name)
        if takes_key(operation):
            assert {"409", "422"} <= operation["responses"].keys()
            assert OPERATIONS[name] is not Entry.PUBLIC, f"{name}: nobody is known there who could have a key"
    assert len(found) - len(APART) > 20


def test_of_no_password_anything_is_kept(world: World) -> None:
    """What tells a request from others is a digest, which says of a password what argon2 does not."""
    for _, operation in posts(world):
        sent = set(fields(world, operation.get("requestBody", {}))) if takes_key(operation) else set()
        assert not [name for name in sent if "password" in name], operation["operationId"]


def test_what_is_shown_once_is_known(world: World) -> None:
    for _, operation in posts(world):
        name = operation["operationId"]
        if takes_key(operation) and name not in OF_WEBHOOKS:
            good = [told for status, told in operation["responses"].items() if status.startswith("2")]
            shown = {field for field in fields(world, good) if SECRETS.search(field)}
            assert shown <= SHOWN_ONCE, name


async def test_the_key_of_every_post_is_looked_at(world: World) -> None:
    ann = await world.joined(ANN)
    for path, operation in posts(world):
        if takes_key(operation):
            answer = await ann.post(re.sub(r"{\w+}", "x", path), headers={HEADER: "k" * 256})
            assert code(answer) == (422, "invalid_request"), path
            assert answer.json()["problems"][0]["pointer"] == f"/header/{HEADER}"


async def twice(client: httpx2.AsyncClient, path: str, **wanted: Any) -> tuple[httpx2.Response, httpx2.Response]:
    headers = {**wanted.pop("headers", {}), **KEY}
    first = await client.post(path, headers=headers, **wanted)
    assert first.is_success, first.text
    assert "idempotent-replayed" not in first.headers
    return first, await client.post(path, headers=headers, **wanted)


async def listed(client: httpx2.AsyncClient, path: str) -> list[Any]:
    items: list[Any] = (await client.get(path)).json()["items"]
    return items


async def kept(world: World) -> str:
    """All that is kept of requests with keys."""

    def read(conn: Connection) -> str:
        return str(conn.execute(select(idempotency_keys)).all())

    return await world.platform.deps.db.read(read)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("invitations", {"email": BOB, "role": "viewer"}),
        ("organizations", {"name": "Films"}),
        ("uploads", {"name": "a.mp4", "size_bytes": 1000}),
        ("webhooks", {"url": "https://receiver.test/hook"}),
    ],
)
async def test_what_is_asked_for_twice_is_made_once(world: World, path: str, body: dict[str, Any]) -> None:
    ann, path = await world.joined(ANN), f"/api/v1/{path}"
    before = len(await listed(ann, path))
    first, again = await twice(ann, path, json=body)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers.get("location") == first.headers.get("location")
    assert len(await listed(ann, path)) == before + 1
    assert len([mail for mail in await world.mails(BOB) if mail.template == "invitation"]) <= 1
    reused = await ann.post(path, headers=KEY, json={name: f"{value}1" for name, value in body.items()})
    assert code(reused) in {(409, "idempotency_key_reused"), (422, "invalid_request")}
    assert (await ann.post(path, headers={HEADER: "another"}, json=body)).status_code in {201, 409}


@pytest.mark.parametrize(
    ("path", "body", "secret"),
    [
        ("keys", {"name": "ci", "scopes": ["jobs:read"]}, "secret"),
        ("signing-keys", {"name": "web"}, "private_key"),
        ("uploads", {"one_time": {"expires_s": 600}}, "one_time_url"),
    ],
)
async def test_what_is_shown_once_is_not_kept_for_who_asks_again(
    world: World, path: str, body: dict[str, Any], secret: str
) -> None:
    ann, path = await world.joined(ANN), f"/api/v1/{path}"
    before = len(await listed(ann, path))
    first, again = await twice(ann, path, json=body)
    shown = first.json()
    assert code(again) == (409, "idempotency_secret_not_kept")
    assert again.json()["answer"] == {name: value for name, value in shown.items() if name != secret}
    assert len(await listed(ann, path)) == before + 1
    longest = max(re.split(r"[\s/]", shown[secret]), key=len)
    assert len(longest) > 40
    assert longest not in await kept(world)


async def test_a_cookie_is_given_once(world: World) -> None:
    operator = world.operator()
    first, again = await twice(operator, "/api/v1/browser-key", json={"name": "Laptop"})
    assert code(again) == (409, "idempotency_secret_not_kept")
    assert "set-cookie" not in again.headers
    assert first.headers["set-cookie"].split("=")[1].split(";")[0] not in await kept(world)


async def test_a_signing_key_of_ones_own_has_no_secret_and_comes_again(world: World) -> None:
    ann = await world.joined(ANN)
    made = (await ann.post("/api/v1/signing-keys", json={"name": "pair", "algorithm": "EdDSA"})).json()
    public = {"name": "own", "algorithm": "EdDSA", "public_key": _pem(made["private_key"])}
    first, again = await twice(ann, "/api/v1/signing-keys", json=public)
    assert first.json() == again.json()


def _pem(private: str) -> str:
    public = load_pem_private_key(private.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def test_a_key_holds_for_requests_at_one_time(world: World) -> None:
    ann = await world.joined(ANN)
    before = len(await listed(ann, "/api/v1/keys"))
    wish = {"name": "ci", "scopes": ["jobs:read"]}
    answers = await asyncio.gather(*(ann.post("/api/v1/keys", json=wish, headers=KEY) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert len(await listed(ann, "/api/v1/keys")) == before + 1


async def test_keys_of_people_are_their_own(world: World) -> None:
    ann, bob = await world.joined(ANN), await world.joined(BOB)
    hers = await ann.post("/api/v1/organizations", json={"name": "Films"}, headers=KEY)
    his = await bob.post("/api/v1/organizations", json={"name": "Films"}, headers=KEY)
    assert (hers.status_code, his.status_code) == (201, 201)
    assert hers.json()["id"] != his.json()["id"]


async def test_who_leaves_twice_leaves_once(world: World) -> None:
    """Without a key the second one would be about the next organization that they are in."""
    ann = await world.joined(ANN, "editor")
    await ann.post("/api/v1/organizations", json={"name": "Films"})
    first, again = await twice(ann, "/api/v1/organization/leave")
    assert (first.status_code, again.status_code, again.content) == (204, 204, b"")
    assert [home["name"] for home in await listed(ann, "/api/v1/organizations")] == ["Films"]


async def test_an_upload_that_is_described_by_headers_is_begun_once(world: World) -> None:
    ann = await world.joined(ANN)
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Metadata": "filename YS5tcDQ="}
    first, again = await twice(ann, "/api/v1/uploads", headers=tus)
    assert again.headers["location"] == first.headers["location"]
    assert (again.status_code, again.content, again.headers["tus-resumable"]) == (201, b"", "1.0.0")
    other = await ann.post("/api/v1/uploads", headers={**tus, **KEY, "Upload-Length": "1001"})
    assert code(other) == (409, "idempotency_key_reused")
    assert len(await listed(ann, "/api/v1/uploads")) == 1


async def test_what_began_and_failed_is_not_kept(world: World) -> None:
    ann = await world.joined(ANN)
    described = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Content-Type": "application/offset+octet-stream"}
    wrong = {**described, **KEY, "Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    for _ in range(2):
        answer = await ann.post("/api/v1/uploads", headers=wrong, content=b"x" * 1000)
        assert code(answer) == (460, "upload_checksum_mismatch")
    begun = select(func.count()).select_from(uploads)
    assert await world.platform.deps.db.read(lambda conn: conn.execute(begun).scalar_one()) == 2
    assert await kept(world) == "[]"


async def test_an_erased_person_is_in_no_answer_that_is_kept(world: World) -> None:
    ann = await world.joined(ANN)
    await twice(ann, "/api/v1/invitations", json={"email": BOB, "role": "editor"})
    wish = {"email": BOB, "name": "Bob", "password": PASSWORD, "invitation": await world.secret(BOB, "invitation")}
    assert (await world.client().post("/api/v1/register", json=wish)).is_success
    bob = world.client(Authorization=f"Bearer {(await world.log_in(BOB))['access_token']}")
    await twice(bob, "/api/v1/organizations", json={"name": "Bob's"})
    mine = (await bob.get("/api/v1/me")).json()["id"]
    assert BOB in await kept(world)
    assert mine in await kept(world)
    erased = await world.operator().post("/api/v1/people/erase", json={"email": BOB}, headers={HEADER: "another"})
    assert erased.status_code == 204
    assert BOB not in await kept(world)
    assert mine not in await kept(world)
