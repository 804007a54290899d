"""Codes of an authenticator app beside the password: who has them on gets in by both, and by nothing less."""

import asyncio
import time
from collections.abc import Callable
from xml.etree import ElementTree

import httpx2
import pyotp
import pytest
from sqlalchemy import Connection, select, update

from tests.access.conftest import ANN, BOB, PASSWORD, SAME_SITE, World, code
from vidcompute.db.schema import audit, metadata
from vidcompute.db.schema_people import begun_logins, second_factors
from vidcompute.errors import VidComputeError
from vidcompute.ports.rates import Allowance
from vidcompute.services import people
from vidcompute.services.people import Policy, queries, second_factor
from vidcompute.services.visitors import Visitor

LOGIN = "/api/v1/login"
FINISH = "/api/v1/login/second-factor"
ME = "/api/v1/me"
FACTOR = "/api/v1/me/second-factor"
TAKE = "/api/v1/people/second-factor/off"
STEP_S = 30


def shown(secret: str, steps: int = 0) -> str:
    """What an app with this secret shows now, or some steps of 30 s later."""
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // STEP_S + steps)


def wrong(secret: str) -> str:
    """A code that is none of these minutes."""
    good = {shown(secret, steps) for steps in range(-2, 5)}
    return next(text for text in map("{:06}".format, range(10)) if text not in good)


async def enrolled(world: World, email: str = ANN, role: str = "owner") -> tuple[httpx2.AsyncClient, str, list[str]]:
    """A person who is asked for codes: a client of theirs, their app's secret, their recovery codes."""
    client = await world.joined(email, role)
    secret: str = (await client.post(FACTOR, json={"current_password": PASSWORD})).json()["secret"]
    answer = await client.post(f"{FACTOR}/confirm", json={"code": shown(secret)})
    assert answer.status_code == 200, answer.text
    return client, secret, answer.json()["recovery_codes"]


async def begun(world: World, email: str = ANN) -> str:
    """The ticket of who has said the right password."""
    answer = await world.client().post(LOGIN, json={"email": email, "password": PASSWORD})
    assert code(answer) == (401, "second_factor_wanted")
    ticket: str = answer.json()["ticket"]
    return ticket


async def finish(world: World, ticket: str, given: str) -> httpx2.Response:
    return await world.client().post(FINISH, json={"ticket": ticket, "code": given})


async def let_time_pass(world: World) -> None:
    """Codes of now are as good as those of a later time."""
    await world.platform.deps.db.write(lambda conn: conn.execute(update(second_factors).values(last_step=0)) and None)


@pytest.mark.parametrize("kind", ["app", "browser"])
async def test_logging_in_takes_the_password_and_a_code(world: World, kind: str) -> None:
    _, secret, _ = await enrolled(world)
    visitor = world.client(**SAME_SITE)
    answer = await visitor.post(LOGIN, json={"email": ANN, "password": PASSWORD, "kind": kind})
    assert code(answer) == (401, "second_factor_wanted")
    assert answer.json()["ticket_s"] == 300
    assert not visitor.cookies
    wish = {"ticket": answer.json()["ticket"], "kind": kind}
    assert code(await visitor.post(FINISH, json={**wish, "code": wrong(secret)})) == (401, "login_failed")
    answer = await visitor.post(FINISH, json={**wish, "code": shown(secret, 1)})
    assert answer.status_code == 200, answer.text
    if kind == "app":
        visitor.headers["Authorization"] = f"Bearer {answer.json()['tokens']['access_token']}"
    else:
        assert answer.json()["tokens"] is None
    assert (await visitor.get(ME)).json()["email"] == ANN
    assert code(await visitor.post(FINISH, json={**wish, "code": shown(secret, 1)})) == (401, "login_ended")


async def test_another_sites_page_logs_nobody_in(world: World) -> None:
    _, secret, _ = await enrolled(world)
    wish = {"ticket": await begun(world), "code": shown(secret, 1), "kind": "browser"}
    answer = await world.client(**{"Sec-Fetch-Site": "cross-site"}).post(FINISH, json=wish)
    assert code(answer) == (403, "cross_site")


async def test_a_wrong_password_is_told_alike_with_and_without_a_second_factor(world: World) -> None:
    await enrolled(world)
    answer = await world.client().post(LOGIN, json={"email": ANN, "password": "x"})
    assert code(answer) == (401, "login_failed")
    assert "ticket" not in answer.json()


async def test_a_code_is_good_for_a_step_before_and_after_and_once(world: World) -> None:
    _, secret, _ = await enrolled(world)
    db = world.platform.deps.db
    ann = await db.read(queries.by_email, ANN)
    assert ann is not None

    def opens(conn: Connection, step: int, at_ms: int) -> bool:
        wanted = second_factor.ask(conn, ann.id, Policy())
        assert wanted is not None
        given = pyotp.TOTP(secret).generate_otp(step)
        ticket = wanted.extra["ticket"]
        try:
            second_factor.finish(conn, ticket, given, "app", Visitor(), policy=Policy(), at_ms=at_ms)
        except VidComputeError as error:
            return error.code != "login_failed"
        return True

    far = 100_000_000  # newer than any code of these minutes
    for step, good in ((-2, False), (2, False), (-1, True), (-1, False), (0, True), (0, False), (-1, False), (1, True)):
        assert await db.write(opens, far + step, far * STEP_S * 1000) == good, step
    later = (far + 10) * STEP_S * 1000
    assert not await db.write(opens, far + 10, later - STEP_S * 1000 - 1)
    assert await db.write(opens, far + 10, later - STEP_S * 1000)


async def test_a_code_that_two_bring_at_once_lets_one_in(world: World) -> None:
    _, secret, _ = await enrolled(world)
    tickets, given = [await begun(world), await begun(world)], shown(secret, 1)
    answers = await asyncio.gather(*(finish(world, ticket, given) for ticket in tickets))
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_recovery_codes_open_once_each(world: World) -> None:
    ann, _, codes = await enrolled(world)
    assert len(set(codes)) == 10
    for given in (codes[0], codes[1].upper().replace("-", " ")):
        assert (await finish(world, await begun(world), given)).status_code == 200
        assert code(await finish(world, await begun(world), given)) == (401, "login_failed")
    assert (await ann.get(FACTOR)).json()["recovery_codes"] == 8
    assert [mail[1]["change"] for mail in await world.mails(ANN) if mail.template == "account_changed"][1:] == [
        "Somebody has logged in by one of your recovery codes; 9 of them are left.",
        "Somebody has logged in by one of your recovery codes; 8 of them are left.",
    ]


async def test_one_persons_codes_open_no_other_account(world: World) -> None:
    _, secret, codes = await enrolled(world)
    await enrolled(world, BOB)
    for given in (shown(secret, 1), codes[0]):
        assert code(await finish(world, await begun(world, BOB), given)) == (401, "login_failed")


async def test_nothing_is_asked_for_before_a_code_was_confirmed(world: World) -> None:
    ann = await world.joined(ANN)
    other = world.client(Authorization=f"Bearer {(await world.log_in(ANN))['access_token']}")
    assert (await ann.get(FACTOR)).json() == {"on": False, "since": None, "recovery_codes": 0}
    assert code(await ann.post(f"{FACTOR}/confirm", json={"code": "123456"})) == (409, "second_factor_off")
    assert code(await ann.post(FACTOR, json={"current_password": "nonsense"})) == (403, "password_wrong")
    first, second = [(await ann.post(FACTOR, json={"current_password": PASSWORD})).json() for _ in range(2)]
    assert first["secret"] != second["secret"]
    await world.log_in(ANN)
    assert code(await ann.post(f"{FACTOR}/confirm", json={"code": shown(first["secret"])})) == (403, "code_wrong")
    assert (await other.get(ME)).status_code == 200
    assert (await ann.post(f"{FACTOR}/confirm", json={"code": shown(second["secret"])})).status_code == 200
    assert code(await other.get(ME)) == (401, "session_ended"), "what came in by the password alone goes"
    told = (await ann.get(FACTOR)).json()
    assert (told["on"], told["recovery_codes"]) == (True, 10)
    assert code(await ann.post(f"{FACTOR}/confirm", json={"code": "123456"})) == (409, "second_factor_on")
    assert code(await ann.post(FACTOR, json={"current_password": PASSWORD})) == (409, "second_factor_on")


async def test_an_app_gets_the_secret_as_a_uri_and_as_a_picture(world: World) -> None:
    ann = await world.joined(ANN)
    made = (await ann.post(FACTOR, json={"current_password": PASSWORD})).json()
    app = pyotp.parse_uri(made["uri"])
    assert isinstance(app, pyotp.TOTP)
    assert (app.secret, app.name, app.issuer, app.digits, app.interval) == (made["secret"], ANN, "VidCompute", 6, 30)
    picture = ElementTree.fromstring(made["qr_svg"])
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    side = int(picture.attrib["viewBox"].split()[2]) - 8  # without the border
    assert (side - 17) % 4 == 0, "as wide as a QR code of some version"


async def test_switching_it_off_takes_the_password_and_a_code(world: World) -> None:
    ann, secret, codes = await enrolled(world)
    await let_time_pass(world)
    for password, given, told in (
        ("nonsense", shown(secret), "password_wrong"),
        (PASSWORD, wrong(secret), "code_wrong"),
        (PASSWORD, "abcd-abcd-abcd-abcd", "code_wrong"),
    ):
        answer = await ann.post(f"{FACTOR}/off", json={"current_password": password, "code": given})
        assert code(answer) == (403, told)
    assert (await ann.get(FACTOR)).json()["on"] is True
    both = {"current_password": PASSWORD, "code": shown(secret)}
    assert (await ann.post(f"{FACTOR}/off", json=both)).status_code == 204
    await world.log_in(ANN)
    off = {"current_password": PASSWORD, "code": codes[0]}
    assert code(await ann.post(f"{FACTOR}/off", json=off)) == (409, "second_factor_off")
    assert (await ann.get(FACTOR)).json() == {"on": False, "since": None, "recovery_codes": 0}

    def told_of(conn: Connection) -> list[str]:
        return list(conn.execute(select(audit.c.action).order_by(audit.c.id)).scalars())

    told_actions = await world.platform.deps.db.read(told_of)
    assert [action for action in told_actions if "factor" in action] == [
        *("person.second_factor_on", "person.second_factor_off"),
    ]


async def test_a_recovery_code_switches_it_off_for_who_has_lost_the_phone(world: World) -> None:
    ann, _, codes = await enrolled(world)
    both = {"current_password": PASSWORD, "code": codes[3]}
    assert (await ann.post(f"{FACTOR}/off", json=both)).status_code == 204
    await world.log_in(ANN)


async def test_who_runs_the_installation_lets_somebody_in_who_has_lost_everything(world: World) -> None:
    ann, _, codes = await enrolled(world, ANN, "viewer")
    own = {"X-Organization": (await ann.post("/api/v1/organizations", json={"name": "Films"})).json()["id"]}
    ticket = await begun(world)
    operator = world.operator()
    assert (await operator.post(TAKE, json={"email": f" {ANN.upper()} "})).status_code == 204
    assert code(await finish(world, ticket, codes[0])) == (401, "login_ended")
    await world.log_in(ANN)
    assert (await ann.get(FACTOR)).json() == {"on": False, "since": None, "recovery_codes": 0}
    assert code(await operator.post(TAKE, json={"email": ANN})) == (409, "second_factor_off")
    assert code(await operator.post(TAKE, json={"email": BOB})) == (404, "person_not_found")
    told = (await world.mails(ANN))[-1]
    assert told.template == "account_changed"
    assert "Who runs this server has switched off the codes" in told[1]["change"]
    for reader, home in ((operator, {}), (ann, own)):
        query = {"action": "person.second_factor_taken"}
        (entry,) = (await reader.get("/api/v1/audit", params=query, headers=home)).json()["items"]
        assert (entry["actor_kind"], entry["subject_id"]) == ("key", (await ann.get(ME)).json()["id"])


async def test_nobody_else_takes_a_second_factor_away(world: World) -> None:
    ann, _, _ = await enrolled(world)
    admin = await world.joined(BOB, "admin")
    made = (await admin.post("/api/v1/organizations", json={"name": "Films"})).json()
    for headers in ({}, {"X-Organization": made["id"]}):
        assert code(await admin.post(TAKE, json={"email": ANN}, headers=headers)) == (403, "scope_missing")
    assert (await ann.get(FACTOR)).json()["on"] is True


async def test_tries_of_codes_are_counted_as_those_of_passwords(make_world: Callable[..., World]) -> None:
    world = make_world(attempts=Allowance(8, 0.001))
    _, secret, _ = await enrolled(world)  # three tries are spent on it
    ticket = await begun(world)
    told = [code(await finish(world, ticket, wrong(secret))) for _ in range(5)]
    assert told == [(401, "login_failed")] * 4 + [(429, "too_many_attempts")]
    assert code(await finish(world, ticket, shown(secret, 1))) == (429, "too_many_attempts"), "the right one is late"


async def test_a_log_in_that_was_begun_ends_in_time_and_with_the_password(world: World) -> None:
    ann, secret, _ = await enrolled(world)
    old = await begun(world)
    await world.platform.deps.db.write(lambda conn: conn.execute(update(begun_logins).values(expires_ms=1)) and None)
    assert code(await finish(world, old, shown(secret, 1))) == (401, "login_ended")
    assert await world.platform.deps.db.write(people.purge_links) == 1
    assert code(await finish(world, "A" * 43, shown(secret, 1))) == (401, "login_ended")
    ticket = await begun(world)
    change = {"current_password": PASSWORD, "password": "staple of the day"}
    assert (await ann.post("/api/v1/me/password", json=change)).status_code == 204
    assert code(await finish(world, ticket, shown(secret, 1))) == (401, "login_ended")


async def test_a_forgotten_password_is_set_and_the_code_still_asked_for(world: World) -> None:
    await enrolled(world)
    visitor = world.client()
    await visitor.post("/api/v1/forgot-password", json={"email": ANN})
    reset = {"token": await world.secret(ANN, "reset"), "password": "staple of the day"}
    assert (await visitor.post("/api/v1/reset-password", json=reset)).status_code == 204
    answer = await visitor.post(LOGIN, json={"email": ANN, "password": "staple of the day"})
    assert code(answer) == (401, "second_factor_wanted")


async def test_neither_the_secret_nor_a_code_nor_a_ticket_is_kept(world: World) -> None:
    ann, secret, codes = await enrolled(world)
    ticket = await begun(world)
    given = [secret, ticket, *codes, *(text.replace("-", "") for text in codes)]

    def rows(conn: Connection) -> str:
        return str([conn.execute(select(table)).all() for table in metadata.sorted_tables])

    kept = await world.platform.deps.db.read(rows)
    assert ANN in kept
    assert not [text for text in given if text in kept]
    assert secret not in (await ann.get(FACTOR)).text


async def test_what_is_not_named_is_refused(world: World) -> None:
    ann = await world.joined(ANN)
    stolen = {"current_password": PASSWORD, "secret": "A" * 32}
    assert code(await ann.post(FACTOR, json=stolen)) == (422, "invalid_request")
