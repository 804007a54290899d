"""Programs that a person lets in from a browser (RFC 8628), and who would like to be let in without."""

from typing import Any

import httpx2
from sqlalchemy import Connection, select, update

from tests.access.conftest import ANN, BOB, World, code
from vidcompute.db.schema import audit
from vidcompute.db.schema_people import device_logins
from vidcompute.ports.rates import Allowance
from vidcompute.services import people

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
VIEW, ANSWER = "/api/v1/devices/view", "/api/v1/devices/answer"


async def begin(world: World, agent: str = "vidctl on laptop") -> dict[str, Any]:
    answer = await world.client(**{"User-Agent": agent}).post("/oauth/device", data={"client_id": "vidctl"})
    assert answer.status_code == 200, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def trade(world: World, begun: dict[str, Any], **changes: str) -> httpx2.Response:
    form = {"client_id": "vidctl", "grant_type": GRANT, "device_code": begun["device_code"], **changes}
    return await world.client(**{"User-Agent": "vidctl on laptop"}).post("/oauth/token", data=form)


def refused(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]


async def patient(world: World) -> None:
    """As if the program had waited since its last question."""
    await world.platform.deps.db.write(lambda conn: conn.execute(update(device_logins).values(asked_ms=1)) and None)


async def test_a_program_is_let_in_by_who_sees_what_asks(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    home = (await ann.get("/api/v1/organizations")).json()["items"][0]["organization_id"]
    begun = await begin(world)
    assert begun["verification_uri"] == "https://video.test/account/device"
    assert begun["verification_uri_complete"] == f"https://video.test/account/device#{begun['user_code']}"
    assert (begun["interval"], begun["expires_in"]) == (5, 600)
    assert refused(await trade(world, begun)) == (400, "authorization_pending")
    typed = begun["user_code"].lower().replace("-", " ")
    seen = (await ann.post(VIEW, json={"code": typed})).json()
    assert seen["agent"] == "vidctl on laptop"
    assert seen["address"]
    wish = {"code": typed, "allow": True, "organization_id": home}
    assert (await ann.post(ANSWER, json=wish)).status_code == 204
    given = (await trade(world, begun)).json()
    assert (given["token_type"], given["organization_id"]) == ("Bearer", home)
    program = world.client(Authorization=f"Bearer {given['access_token']}")
    assert (await program.get("/api/v1/caller")).json()["role"] == "editor"
    (session,) = [one for one in (await ann.get("/api/v1/me/sessions")).json()["items"] if "laptop" in one["agent"]]
    assert (session["kind"], session["id"]) == ("app", given["session_id"])
    assert (await ann.delete(f"/api/v1/me/sessions/{session['id']}")).status_code == 204
    assert code(await program.get("/api/v1/caller")) == (401, "session_ended")


async def test_a_code_is_good_once(world: World) -> None:
    ann = await world.joined(ANN)
    begun = await begin(world)
    wish = {"code": begun["user_code"], "allow": True}
    assert (await ann.post(ANSWER, json=wish)).status_code == 204
    assert code(await ann.post(ANSWER, json={**wish, "allow": False})) == (404, "device_not_found"), "it is final"
    assert code(await ann.post(VIEW, json={"code": begun["user_code"]})) == (404, "device_not_found")
    assert (await trade(world, begun)).status_code == 200
    assert refused(await trade(world, begun)) == (400, "invalid_grant")


async def test_who_says_no_and_who_says_nothing_lets_nobody_in(world: World) -> None:
    ann = await world.joined(ANN)
    denied, late = await begin(world), await begin(world)
    assert (await ann.post(ANSWER, json={"code": denied["user_code"], "allow": False})).status_code == 204
    assert refused(await trade(world, denied)) == (400, "access_denied")
    assert refused(await trade(world, denied)) == (400, "invalid_grant")
    await world.platform.deps.db.write(lambda conn: conn.execute(update(device_logins).values(expires_ms=1)) and None)
    assert refused(await trade(world, late)) == (400, "expired_token")
    assert code(await ann.post(ANSWER, json={"code": late["user_code"], "allow": True})) == (404, "device_not_found")
    assert await world.platform.deps.db.write(people.purge_devices) == 1
    assert refused(await trade(world, late)) == (400, "invalid_grant")


async def test_who_asks_too_often_is_slowed_down(world: World) -> None:
    begun = await begin(world)
    assert refused(await trade(world, begun)) == (400, "authorization_pending")
    assert refused(await trade(world, begun)) == (400, "slow_down")
    slower = await trade(world, begun)
    assert refused(slower) == (400, "slow_down")
    assert "15 s" in slower.json()["error_description"]
    await patient(world)
    assert refused(await trade(world, begun)) == (400, "authorization_pending")


async def test_nobody_lets_a_program_into_what_is_not_theirs(world: World) -> None:
    ann, bob = await world.joined(ANN), await world.joined(BOB)
    theirs = (await bob.post("/api/v1/organizations", json={"name": "Bob"})).json()["id"]
    begun = await begin(world)
    for home in (theirs, "org_0000000000000000000000000z"):
        wish = {"code": begun["user_code"], "allow": True, "organization_id": home}
        assert code(await ann.post(ANSWER, json=wish)) == (404, "organization_not_found")
    assert refused(await trade(world, begun)) == (400, "authorization_pending")
    for path in (VIEW, ANSWER):
        asked = await world.operator().post(path, json={"code": begun["user_code"], "allow": True})
        assert code(asked) == (403, "person_required"), "a key is nobody's browser"
    stolen = {"code": begun["user_code"], "allow": True, "person_id": "person_x"}
    assert code(await ann.post(ANSWER, json=stolen)) == (422, "invalid_request")


async def test_another_sites_page_lets_no_program_in(world: World) -> None:
    await world.joined(ANN)
    browser = await world.browser(ANN)
    begun = await begin(world)
    wish = {"code": begun["user_code"], "allow": True}
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
    assert code(await browser.post(ANSWER, json=wish, headers=elsewhere)) == (403, "cross_site")
    assert refused(await trade(world, begun)) == (400, "authorization_pending")
    assert (await browser.post(ANSWER, json=wish)).status_code == 204


async def test_guesses_of_codes_and_programs_that_begin_are_counted(make_world: Any) -> None:
    world: World = make_world()
    ann = await world.joined(ANN)
    narrow: World = make_world(attempts_from=Allowance(3, 0.001))
    ann = narrow.client(Authorization=ann.headers["Authorization"])
    told = [code(await ann.post(VIEW, json={"code": f"BCDF-GHJ{letter}"})) for letter in "KLMN"]
    assert told == [(404, "device_not_found")] * 3 + [(429, "too_many_attempts")]
    answers = [await narrow.client().post("/oauth/device", data={"client_id": "vidctl"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_request_that_is_none_is_told_so_in_the_words_of_oauth(world: World) -> None:
    begun = await begin(world)
    assert refused(await trade(world, begun, client_id="other")) == (401, "invalid_client")
    assert refused(await trade(world, begun, grant_type="password")) == (400, "unsupported_grant_type")
    assert refused(await trade(world, begun, device_code=begun["user_code"])) == (400, "invalid_grant")
    client = world.client()
    twice = "client_id=vidctl&client_id=vidctl"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert refused(await client.post("/oauth/device", content=twice, headers=form)) == (400, "invalid_request")
    assert refused(await client.post("/oauth/device", content=b"\xff", headers=form)) == (400, "invalid_request")
    assert refused(await client.post("/oauth/device", json={"client_id": "vidctl"})) == (400, "invalid_request")
    assert refused(await client.post("/oauth/device", content="x" * 9000, headers=form)) == (413, "body_too_large")


async def test_tokens_are_traded_for_the_next_by_oauth_as_well(world: World) -> None:
    await world.joined(ANN)
    pair = await world.log_in(ANN)
    client = world.client()
    form = {"client_id": "vidctl", "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    fresh = (await client.post("/oauth/token", data=form)).json()
    assert fresh["refresh_token"] != pair["refresh_token"]
    assert refused(await client.post("/oauth/token", data=form)) == (400, "invalid_grant")
    again = {**form, "refresh_token": fresh["refresh_token"]}
    assert refused(await client.post("/oauth/token", data=again)) == (400, "invalid_grant"), "reuse ended the family"


async def test_nothing_secret_is_kept_and_what_was_decided_is(world: World) -> None:
    ann = await world.joined(ANN)
    begun = await begin(world)

    def rows(conn: Connection) -> str:
        return str(conn.execute(select(device_logins)).all())

    kept = await world.platform.deps.db.read(rows)
    assert "vidctl on laptop" in kept
    assert begun["device_code"] not in kept
    assert begun["user_code"].replace("-", "") not in kept
    await ann.post(ANSWER, json={"code": begun["user_code"], "allow": True})

    def deeds(conn: Connection) -> list[str]:
        return list(conn.execute(select(audit.c.action).where(audit.c.actor == ANN)).scalars())

    assert "device.allowed" in await world.platform.deps.db.read(deeds)
