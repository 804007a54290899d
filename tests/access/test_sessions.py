"""Sessions of browsers and apps, and who would like to have one: forged tokens, stolen ones, other sites' pages."""

import base64
import hmac
import json
import time
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, select, update

from tests.access.conftest import ANN, BOB, EVE, PASSWORD, SAME_SITE, World, code
from vidcompute.db.schema import audit, secrets
from vidcompute.db.schema_people import refresh_tokens, sessions
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services import people
from vidcompute.services.accounts import ROLES, Role, Scope
from vidcompute.services.people import tokens

LOGIN = "/api/v1/login"
ME = "/api/v1/me"


async def signing_key(world: World, name: str = "access") -> str:
    def read(conn: Connection) -> str:
        return str(conn.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one())

    return await world.platform.deps.db.read(read)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    head, body, _ = (base64.urlsafe_b64decode(text + "==") for text in token.split("."))
    return json.loads(head), json.loads(body)


def signed(key: bytes, header: dict[str, Any], said: dict[str, Any], hash_: str = "sha256") -> str:
    """A token by hand, as no library would make it."""
    text = f"{part(header)}.{part(said)}"
    made = hmac.digest(key, text.encode(), hash_)
    return f"{text}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


async def ask(world: World, token: str) -> httpx2.Response:
    return await world.client(Authorization=f"Bearer {token}").get(ME)


async def test_a_browser_has_a_cookie_that_no_script_and_no_other_site_gets(world: World) -> None:
    await world.joined(ANN)
    ann = await world.browser(ANN)
    answer = await ann.post(LOGIN, json={"email": ANN, "password": PASSWORD, "kind": "browser"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-vidcompute_session=")
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert "Domain" not in cookie
    assert (await ann.get(ME)).json()["email"] == ANN
    assert (await ann.patch(ME, json={"name": "Ann A."})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.video.test"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": "http://video.test"},
        {"Sec-Fetch-Site": ""},
    ],
)
async def test_pages_of_other_sites_change_nothing_in_ones_name(world: World, headers: dict[str, str]) -> None:
    await world.joined(ANN)
    ann = await world.browser(ANN)
    told = {name: value for name, value in headers.items() if value}
    del ann.headers["Sec-Fetch-Site"]
    for method, path, body in (
        ("PATCH", ME, {"name": "Eve"}),
        ("POST", "/api/v1/jobs", {"input": "https://example.com/a.mp4"}),
        ("DELETE", "/api/v1/me/sessions", None),
        ("POST", LOGIN, {"email": ANN, "password": PASSWORD, "kind": "browser"}),
    ):
        assert code(await ann.request(method, path, json=body, headers=told)) == (403, "cross_site"), path
    assert (await ann.get(ME, headers=told)).json()["name"] == "ann"
    ours = {"Origin": "https://video.test"}
    assert (await ann.patch(ME, json={"name": "Ann"}, headers=ours)).status_code == 200


async def test_a_cookie_that_is_none_opens_nothing_and_a_key_goes_before_it(world: World) -> None:
    await world.joined(ANN)
    ann = await world.browser(ANN)
    key = {"Authorization": f"Bearer {world.platform.key}"}
    assert (await ann.get("/api/v1/caller", headers=key)).json()["person_id"] is None
    guess = world.client(Cookie="__Host-vidcompute_session=" + "A" * 43, **SAME_SITE)
    assert code(await guess.get(ME)) == (401, "session_ended")
    other = world.client(Cookie="vidcompute_session=" + "A" * 43, **SAME_SITE)
    assert code(await other.get(ME)) == (401, "api_key_missing")


async def test_what_a_session_may_is_asked_as_it_goes_on(world: World) -> None:
    ann, bob = await world.joined(ANN), await world.joined(BOB, "editor")
    db = world.platform.deps.db
    (session,) = (await bob.get("/api/v1/me/sessions")).json()["items"]
    member = f"/api/v1/members/{(await bob.get('/api/v1/me')).json()['id']}"

    async def scopes() -> frozenset[Scope]:
        return await db.read(people.scopes_now, LOCAL_ORGANIZATION, session["id"])

    assert await scopes() == ROLES[Role.EDITOR]
    await ann.patch(member, json={"role": "viewer"})
    assert await scopes() == ROLES[Role.VIEWER]
    await ann.delete(member)
    assert await scopes() == frozenset()
    assert await db.read(people.scopes_now, LOCAL_ORGANIZATION, "ses_00000000000000000000000000") == frozenset()


async def test_sessions_are_listed_and_ended(world: World) -> None:
    app = await world.joined(ANN)
    browser = await world.browser(ANN)
    found = (await app.get("/api/v1/me/sessions")).json()["items"]
    assert [(one["kind"], one["current"]) for one in found] == [("browser", False), ("app", True)]
    assert all(one["agent"].startswith("python-httpx") and one["address"] for one in found)
    bob = await world.joined(BOB)
    mine = found[0]["id"]
    assert code(await bob.delete(f"/api/v1/me/sessions/{mine}")) == (404, "session_not_found")
    assert (await app.delete(f"/api/v1/me/sessions/{mine}")).status_code == 204
    assert code(await app.delete(f"/api/v1/me/sessions/{mine}")) == (404, "session_not_found")
    assert code(await browser.get(ME)) == (401, "session_ended")
    again = await world.browser(ANN)
    assert (await app.delete("/api/v1/me/sessions")).json() == {"ended": 1}
    assert code(await again.get(ME)) == (401, "session_ended")
    assert (await app.post("/api/v1/logout")).status_code == 204
    assert code(await app.get(ME)) == (401, "session_ended")


async def test_logging_out_takes_the_cookie_back(world: World) -> None:
    await world.joined(ANN)
    ann = await world.browser(ANN)
    answer = await ann.post("/api/v1/logout")
    assert 'vidcompute_session="";' in answer.headers["set-cookie"]
    assert code(await ann.get(ME)) == (401, "api_key_missing")


async def test_tokens_are_traded_for_the_next_and_one_that_comes_back_ends_the_family(world: World) -> None:
    await world.joined(ANN)
    pairs = [await world.log_in(ANN)]
    other = await world.log_in(ANN)
    client = world.client()
    for _ in range(3):
        answer = await client.post("/api/v1/tokens/refresh", json={"refresh_token": pairs[-1]["refresh_token"]})
        pairs.append(answer.json()["tokens"])
    assert len({pair["refresh_token"] for pair in pairs}) == 4
    assert (await ask(world, pairs[-1]["access_token"])).status_code == 200
    stolen = await client.post("/api/v1/tokens/refresh", json={"refresh_token": pairs[1]["refresh_token"]})
    assert code(stolen) == (401, "refresh_token_reused")
    for pair in pairs:
        again = await client.post("/api/v1/tokens/refresh", json={"refresh_token": pair["refresh_token"]})
        assert code(again) == (401, "invalid_token")
        assert code(await ask(world, pair["access_token"])) == (401, "session_ended")
    assert (await ask(world, other["access_token"])).status_code == 200, "another family goes on"

    def told(conn: Connection) -> list[str]:
        return list(conn.execute(select(audit.c.action).where(audit.c.actor_kind == "person")).scalars())

    assert "session.started" in await world.platform.deps.db.read(told)


async def test_no_secret_of_a_session_is_kept(world: World) -> None:
    await world.joined(ANN)
    ann = await world.browser(ANN)
    pair = await world.log_in(ANN)
    given = [*ann.cookies.values(), pair["refresh_token"], pair["access_token"]]

    def rows(conn: Connection) -> str:
        return str([conn.execute(select(table)).all() for table in (sessions, refresh_tokens, audit)])

    kept = await world.platform.deps.db.read(rows)
    assert given
    assert not [secret for secret in given if secret in kept]


async def test_forged_tokens_open_nothing(world: World) -> None:
    await world.joined(ANN)
    pair = await world.log_in(ANN)
    header, said = read(pair["access_token"])
    assert header["alg"] == "HS256"
    head, body, signature = pair["access_token"].split(".")
    real = bytes.fromhex(key := await signing_key(world))
    without = {name: {n: v for n, v in said.items() if n != name} for name in ("aud", "exp", "sid", "sub", "iat")}
    later = {**said, "exp": said["exp"] + 10**6}
    forged = {
        "none": f"{part({**header, 'alg': 'none'})}.{body}.",
        "None": f"{part({**header, 'alg': 'None'})}.{body}.",
        "none with the signature": f"{part({**header, 'alg': 'none'})}.{body}.{signature}",
        "no algorithm": signed(real, {"kid": header["kid"]}, said),
        "other body": f"{head}.{part({**said, 'sub': 'person_x'})}.{signature}",
        "no signature": f"{head}.{body}.",
        "an empty key": signed(b"", header, said),
        "the name of the key as the key": signed(header["kid"].encode(), header, said),
        "the digest as the key": signed(tokens.digest_of(key).encode(), header, said),
        "the key as text": signed(key.encode(), header, said),
        "another algorithm with the right key": signed(real, {**header, "alg": "HS512"}, said, "sha512"),
        "an asymmetric algorithm with the right key": signed(real, {**header, "alg": "RS256"}, said),
        "kid as a path": signed(b"", {**header, "kid": "../../../../dev/null"}, said),
        "kid as a query": signed(b"x", {**header, "kid": "' UNION SELECT 'x"}, said),
        "kid of another secret": signed(b"x", {**header, "kid": "grants"}, said),
        "kid that is no text": signed(real, {**header, "kid": ["a", 7]}, said),
        "no kid": signed(real, {"alg": "HS256"}, said),
        "a key of its own": signed(b"x" * 32, {**header, "jwk": {"kty": "oct", "k": "eHh4"}}, later),
        "a key from elsewhere": signed(b"x" * 32, {**header, "jku": "https://evil.test/keys"}, later),
        "a header that must be understood": signed(real, {**header, "crit": ["b64"], "b64": False}, said),
        "wrong audience": signed(real, header, {**said, "aud": "video"}),
        "wrong issuer": signed(real, header, {**said, "iss": "https://evil.test"}),
        "of the future": signed(real, header, {**said, "iat": said["iat"] + 10**6}),
        "not yet": signed(real, header, {**said, "nbf": said["iat"] + 10**6}),
        "ends some day": signed(real, header, {**said, "exp": "some day"}),
        "too long": signed(real, header, {**said, "more": "x" * 9000}),
        "no JSON": f"{head}.bm8.{signature}",
        "two dots": "..",
        "nested too deeply": f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.{body}.{signature}",
        "a refresh token": pair["refresh_token"],
        **{f"no {name}": signed(real, header, rest) for name, rest in without.items()},
    }
    for name, token in forged.items():
        answer = await ask(world, token)
        assert answer.status_code == 401, name
        assert answer.json()["code"] in {"invalid_token", "invalid_api_key"}, name
    ended = signed(real, header, {**said, "exp": int(time.time()) - 1})
    assert code(await ask(world, ended)) == (401, "token_expired")
    assert (await ask(world, signed(real, header, said))).status_code == 200, "the forge itself works"


async def test_a_token_of_one_session_is_not_one_of_another_person_or_kind(world: World) -> None:
    await world.joined(ANN)
    await world.joined(BOB)
    (header, ann), (_, bob) = [read((await world.log_in(email))["access_token"]) for email in (ANN, BOB)]
    real = bytes.fromhex(await signing_key(world))
    assert code(await ask(world, signed(real, header, {**ann, "sid": bob["sid"]}))) == (401, "invalid_token")
    browser = await world.browser(ANN)
    (own,) = [one["id"] for one in (await browser.get("/api/v1/me/sessions")).json()["items"] if one["current"]]
    assert code(await ask(world, signed(real, header, {**ann, "sid": own}))) == (401, "invalid_token")


async def test_keys_change_and_old_ones_are_believed_once(world: World) -> None:
    await world.joined(ANN)
    first = (await world.log_in(ANN))["access_token"]
    await world.platform.deps.db.write(people.rotate_key)
    second = (await world.log_in(ANN))["access_token"]
    assert read(first)[0]["kid"] != read(second)[0]["kid"]
    for token in (first, second):
        assert (await ask(world, token)).status_code == 200
    await world.platform.deps.db.write(people.rotate_key)
    assert code(await ask(world, first)) == (401, "invalid_token"), "signed with an old key"
    assert (await ask(world, second)).status_code == 200


async def test_a_session_ends_in_time_and_its_rows_go(world: World) -> None:
    app = await world.joined(ANN)
    await world.browser(ANN)
    await world.platform.deps.db.write(lambda conn: conn.execute(update(sessions).values(expires_ms=1)) and None)
    assert code(await app.get(ME)) == (401, "session_ended")
    assert await world.platform.deps.db.write(people.purge_sessions) == 2

    def left(conn: Connection) -> int:
        return len(conn.execute(select(refresh_tokens)).all())

    assert await world.platform.deps.db.read(left) == 0


async def test_keys_are_no_people_and_people_make_keys_within_their_role(world: World) -> None:
    operator = world.operator()
    for method, path in (("GET", ME), ("POST", "/api/v1/organizations"), ("POST", "/api/v1/logout")):
        assert code(await operator.request(method, path, json={"name": "x"})) == (403, "person_required")
    admin = await world.joined(EVE, "admin")
    made = await admin.post("/api/v1/keys", json={"name": "mine", "scopes": ["members:write", "audit:read"]})
    assert made.status_code == 201
    for above in ("*", "ownership:write"):
        answer = await admin.post("/api/v1/keys", json={"name": "mine", "scopes": [above]})
        assert code(answer) == (403, "scope_not_granted")
    key = world.client(Authorization=f"Bearer {made.json()['secret']}")
    assert code(await key.post("/api/v1/invitations", json={"email": BOB, "role": "owner"})) == (
        403,
        "role_not_granted",
    )


async def test_on_our_own_pages_no_wrong_password_makes_the_browser_ask_for_one(world: World) -> None:
    wrong = {"email": ANN, "password": "x"}
    scripted = await world.client(**SAME_SITE, **{"Sec-Fetch-Dest": "empty"}).post(LOGIN, json=wrong)
    assert (scripted.status_code, scripted.headers["www-authenticate"]) == (401, 'Bearer realm="vidcompute"')
    assert "Basic" in (await world.client().post(LOGIN, json=wrong)).headers["www-authenticate"]
