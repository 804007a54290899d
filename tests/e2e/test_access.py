"""Every operation of the API, asked for by everybody, on a running platform: the rows of the table, and no more."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import pytest
from sqlalchemy import Connection, insert, update

from tests.e2e import sweeping
from tests.e2e.sweeping import Operation
from tests.fixtures.plain_http import NO_TLS
from tests.fixtures.platform import Server
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.db.schema_people import passkeys
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services import accounts, passwords
from vidcompute.services.accounts import OPERATIONS, Entry, Role, Scope, keys
from vidcompute.services.organizations import service as members
from vidcompute.services.people import service as people_service

T = TypeVar("T")

PASSWORD = "correct horse battery"
PASSWORD_KEPT = asyncio.run(passwords.hashed(PASSWORD))
OURS = {"Sec-Fetch-Site": "same-origin"}  # as a browser says on our own pages
LEAVING = frozenset({"log_out", "leave_organization", "end_other_sessions"})  # need no id, and leave one without


def in_database(server: Server, step: Callable[[Connection], T]) -> T:
    """Do something to the rows of a running platform."""

    async def work() -> T:
        database = Database.open(server.database_url)
        try:
            return await database.write(step)
        finally:
            await database.close()

    return asyncio.run(work())


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def may(told: sweeping.Told) -> bool:
    """Whether the guard let it pass: what a public operation says of wrong passwords is something else."""
    return told.status not in {401, 403} or told.problem.get("code") in {"login_failed", "invitation_wanted"}


@dataclass(frozen=True)
class World:
    """A running platform with two organizations: what the local one has, and who is in the other one."""

    server: Server
    client: httpx2.Client
    operations: list[Operation]
    ids: dict[str, str]
    stranger: str
    theirs: str

    def ask(self, operation: Operation, headers: Mapping[str, str], **ids: str) -> sweeping.Told:
        """Ask for something that is not there, so that nothing comes of it; with a body where there are ids."""
        asked = {**sweeping.unknown(), **ids}
        return sweeping.ask(self.client, operation, asked, headers, full=bool(ids))

    def person(self, role: Role, organization_id: str) -> str:
        """Add a person with this role to an organization; their address."""
        email = f"{role}-{organization_id[-4:]}-{new_id('x')}@example.com"

        def step(conn: Connection) -> None:
            made = people_service.add(conn, email, role, PASSWORD_KEPT, verified=True)
            members.join(conn, organization_id, made.id, email, role)

        in_database(self.server, step)
        return email

    def log_in(self, email: str, kind: str) -> dict[str, str]:
        """The headers of who has logged in."""
        wish = {"email": email, "password": PASSWORD, "kind": kind}
        with httpx2.Client(
            base_url=self.server.url, headers=OURS, timeout=30, trust_env=False, verify=NO_TLS
        ) as client:
            answer = client.post("/api/v1/login", json=wish)
            assert answer.status_code == 200, answer.text
            if kind == "app":
                return bearer(answer.json()["tokens"]["access_token"])
            return {"Cookie": f"vidcompute_session={client.cookies['vidcompute_session']}", **OURS}


@pytest.fixture(scope="module")
def world(server: Server) -> Generator[World]:
    theirs, secret = new_id("org"), keys.new_secret()

    def other(conn: Connection) -> None:
        conn.execute(insert(schema.organizations).values(id=theirs, name="other", created_ms=1))
        keys.add_whole(conn, theirs, "theirs", secret)

    in_database(server, other)
    with server.client() as mine:
        made = mine.post("/api/v1/jobs", json={"input": "http://127.0.0.1:9/none.mp4"}).json()
        key = mine.post("/api/v1/keys", json={"name": "mine", "scopes": ["jobs:read"]}).json()
        upload = mine.post("/api/v1/uploads", json={"size_bytes": 9}).json()
        hook = mine.post("/api/v1/webhooks", json={"url": "https://receiver.invalid/"}).json()
        ping = mine.post(f"/api/v1/webhooks/{hook['id']}/ping").json()
        tracks = f"/api/v1/assets/{made['asset_id']}/tracks"
        cue = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"
        text = mine.post(tracks, params={"language": "en"}, content=cue).json()
        document = mine.get("/openapi.json").json()
        invited = mine.post("/api/v1/invitations", json={"email": "invited@example.com"}).json()
        ids = {"job_id": made["id"], "asset_id": made["asset_id"], "key_id": key["id"], "invitation_id": invited["id"]}
        ids |= {"upload_id": upload["id"], "webhook_id": hook["id"], "delivery_id": ping["id"], "track_id": text["id"]}
        ids["organization_id"] = LOCAL_ORGANIZATION
        with httpx2.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client:
            made = World(server, client, list(sweeping.operations(document)), ids, secret, theirs)
            owner = made.log_in(made.person(Role.OWNER, LOCAL_ORGANIZATION), "app")
            ids["person_id"] = client.get("/api/v1/me", headers=owner).json()["id"]
            ids["session_id"] = client.get("/api/v1/me/sessions", headers=owner).json()["items"][0]["id"]
            ids["passkey_id"] = new_id("pk")
            row = {"id": ids["passkey_id"], "person_id": ids["person_id"], "credential": "x", "public_key": "x"}
            kept = insert(passkeys).values(**row, name="Phone", sign_count=0, created_ms=1)
            in_database(server, lambda conn: conn.execute(kept) and None)
            yield made


def test_the_sweep_knows_every_operation_and_identifier(world: World) -> None:
    assert {operation.name for operation in world.operations} <= set(OPERATIONS)
    assert {name for operation in world.operations for name in operation.ids} == set(sweeping.KINDS)
    assert set(world.ids) == set(sweeping.KINDS)
    assert len(world.operations) > 20


def test_nothing_opens_without_a_key_that_lives(world: World, server: Server) -> None:
    with server.client() as mine:
        expired, revoked = (mine.post("/api/v1/keys", json={"name": "x", "scopes": ["*"]}).json() for _ in range(2))
        mine.delete(f"/api/v1/keys/{revoked['id']}")
    ended = update(schema.api_keys).where(schema.api_keys.c.id == expired["id"]).values(expires_ms=1)
    in_database(server, lambda conn: conn.execute(ended) and None)
    for operation in world.operations:
        for secret in ("", "vck_" + "A" * 43, expired["secret"], revoked["secret"]):
            told = world.ask(operation, bearer(secret) if secret else {})
            refused = told.status == 401 and told.problem.get("code") != "login_failed"
            assert refused == (operation.rule is not Entry.PUBLIC), (operation, told)


def test_a_key_with_one_scope_opens_what_stands_in_its_row(world: World, server: Server) -> None:
    for scope in Scope:
        with server.client() as mine:
            key = mine.post("/api/v1/keys", json={"name": scope, "scopes": [scope]}).json()
        for operation in world.operations:
            told = world.ask(operation, bearer(key["secret"]))
            opens = operation.rule in {scope, Entry.SIGNED_IN, Entry.PUBLIC}
            assert may(told) == opens, (scope, operation, told)
            assert told.status < 500, (scope, operation, told)


@pytest.mark.parametrize("kind", ["app", "browser"])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_what_stands_in_its_row(world: World, role: Role, kind: str) -> None:
    email = world.person(role, world.theirs)
    headers = world.log_in(email, kind)
    for operation in world.operations:
        if operation.name in LEAVING:
            continue
        told = world.ask(operation, headers)
        opens = isinstance(operation.rule, Entry) or operation.rule in accounts.ROLES[role]
        assert may(told) == opens, (role, operation, told)
        assert told.status < 500, (role, operation, told)
        if role is Role.VIEWER and operation.changes and isinstance(operation.rule, Scope):
            assert told.status == 403, operation
    for operation in world.operations:
        if operation.name in LEAVING and operation.name != "log_out":
            assert may(world.ask(operation, headers)), operation
    gone = next(operation for operation in world.operations if operation.name == "log_out")
    assert world.ask(gone, headers).status == 204
    assert world.ask(gone, headers).status == 401


def test_others_things_answer_exactly_like_what_is_not_there(world: World) -> None:
    asked, person = 0, world.log_in(world.person(Role.OWNER, world.theirs), "app")
    for operation in world.operations:
        if operation.ids:
            headers = person if operation.rule is Entry.PERSON else bearer(world.stranger)
            theirs = world.ask(operation, headers, **{name: world.ids[name] for name in operation.ids})
            nobodys = world.ask(operation, headers, **sweeping.unknown())
            assert theirs == nobodys, operation
            closed = operation.rule in accounts.INSTALLATION  # to all who do not run it, whatever they ask for
            assert theirs.status == (403 if closed else 404), (operation, theirs)
            asked += 1
    assert asked > 10


def test_what_was_asked_for_by_others_is_as_it_was(world: World, server: Server) -> None:
    with server.client() as mine:
        assert mine.get(f"/api/v1/assets/{world.ids['asset_id']}").status_code == 200
        assert mine.get(f"/api/v1/keys/{world.ids['key_id']}").json()["revoked_at"] is None
        assert mine.get(f"/api/v1/uploads/{world.ids['upload_id']}").json()["status"] == "uploading"
        assert not [key for key in mine.get("/api/v1/keys").json()["items"] if key["replaces"]]
    lists: dict[str, Any] = {}
    for path in ("assets", "jobs", "uploads", "invitations"):
        lists[path] = world.client.get(f"/api/v1/{path}", headers=bearer(world.stranger)).json()["items"]
    assert lists == {"assets": [], "jobs": [], "uploads": [], "invitations": []}


def test_the_local_key_may_do_everything(world: World, server: Server) -> None:
    with server.client() as mine:
        me = mine.get("/api/v1/caller").json()
    assert me["organization_id"] == LOCAL_ORGANIZATION
    assert set(me["scopes"]) == set(Scope) == accounts.scopes_of_key([accounts.ALL], LOCAL_ORGANIZATION)
