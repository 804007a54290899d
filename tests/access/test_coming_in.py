"""Registering, logging in, and what mails are for; and that nobody learns who else is here."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from tests.access.conftest import ANN, BOB, EVE, PASSWORD, World, code
from vidcompute.db.schema_people import invitations, persons, proofs
from vidcompute.ports.rates import Allowance

Make = Callable[..., World]


def wish(email: str = ANN, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    return {"email": email, "name": "Ann", "password": password, **more}


async def test_who_is_invited_comes_in_and_is_at_home(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    me = (await ann.get("/api/v1/me")).json()
    assert (me["email"], [home["role"] for home in me["organizations"]]) == (ANN, ["editor"])
    assert (await ann.get("/api/v1/caller")).json()["role"] == "editor"
    assert (await ann.get("/api/v1/jobs")).status_code == 200
    assert code(await ann.get("/api/v1/keys")) == (403, "scope_missing")


async def test_an_invitation_is_good_once_for_its_mailbox_and_for_a_while(world: World) -> None:
    operator = world.operator()
    await operator.post("/api/v1/invitations", json={"email": ANN.upper(), "role": "viewer"})
    secret = await world.secret(ANN, "invitation")
    view = (await world.client().post("/api/v1/invitations/view", json={"token": secret})).json()
    assert (view["organization"], view["email"], view["role"], view["registered"]) == ("local", ANN, "viewer", False)
    stranger = world.client()
    refused = (404, "invitation_not_found")
    assert code(await stranger.post("/api/v1/register", json=wish(EVE, invitation=secret))) == refused
    assert code(await stranger.post("/api/v1/register", json=wish(ANN, invitation=secret + "x"))) == refused
    assert (await stranger.post("/api/v1/register", json=wish(ANN, invitation=secret))).status_code == 202
    assert code(await stranger.post("/api/v1/register", json=wish(BOB, invitation=secret))) == refused
    assert code(await stranger.post("/api/v1/invitations/view", json={"token": secret})) == refused
    await operator.post("/api/v1/invitations", json={"email": BOB})
    late = await world.secret(BOB, "invitation")
    ended = update(invitations).where(invitations.c.email == BOB).values(expires_ms=1)
    await world.platform.deps.db.write(lambda conn: conn.execute(ended) and None)
    assert code(await stranger.post("/api/v1/register", json=wish(BOB, invitation=late))) == refused


async def test_an_invitation_that_was_taken_back_opens_nothing(world: World) -> None:
    operator = world.operator()
    made = (await operator.post("/api/v1/invitations", json={"email": ANN})).json()
    assert made["id"] in (await operator.get("/api/v1/invitations")).text
    assert (await operator.delete(f"/api/v1/invitations/{made['id']}")).status_code == 204
    secret = await world.secret(ANN, "invitation")
    answer = await world.client().post("/api/v1/register", json=wish(invitation=secret))
    assert code(answer) == (404, "invitation_not_found")
    assert (await operator.get("/api/v1/invitations")).json()["items"] == []
    assert code(await operator.delete(f"/api/v1/invitations/{made['id']}")) == (404, "invitation_not_found")


async def test_registration_may_be_closed_or_by_invitation_alone(make_world: Make) -> None:
    assert code(await make_world(registration="closed").client().post("/api/v1/register", json=wish())) == (
        *(403, "registration_closed"),
    )
    invited = make_world(registration="invitation").client()
    assert code(await invited.post("/api/v1/register", json=wish())) == (403, "invitation_wanted")
    assert (await invited.get("/api/v1/ways-in")).json()["registration"] == "invitation"


async def test_an_open_door_wants_the_mailbox_and_the_password(make_world: Make) -> None:
    world = make_world(registration="open")
    visitor = world.client()
    assert (await visitor.post("/api/v1/register", json=wish())).json() == {"verified": False}
    login = {"email": ANN, "password": PASSWORD}
    assert code(await visitor.post("/api/v1/login", json=login)) == (403, "email_unverified")
    assert code(await visitor.post("/api/v1/login", json={**login, "password": "x"})) == (401, "login_failed")
    link = {"token": await world.secret(ANN, "verify"), "password": PASSWORD}
    assert code(await visitor.post("/api/v1/verify-email", json={**link, "password": "x"})) == (401, "login_failed")
    assert (await visitor.post("/api/v1/verify-email", json=link)).status_code == 204
    assert code(await visitor.post("/api/v1/verify-email", json=link)) == (422, "link_invalid")
    ann = world.client(Authorization=f"Bearer {(await world.log_in(ANN))['access_token']}")
    (home,) = (await ann.get("/api/v1/organizations")).json()["items"]
    assert (home["name"], home["role"], home["slug"]) == ("Ann", "owner", "ann")


async def test_who_registers_with_anothers_mailbox_does_not_get_their_account(make_world: Make) -> None:
    world = make_world(registration="open")
    thief, ann = world.client(), world.client()
    await thief.post("/api/v1/register", json=wish(password="password of a thief"))
    await ann.post("/api/v1/register", json=wish())
    link = {"token": await world.secret(ANN, "verify"), "password": PASSWORD}
    assert code(await ann.post("/api/v1/verify-email", json=link)) == (401, "login_failed")
    await ann.post("/api/v1/forgot-password", json={"email": ANN})
    reset = {"token": await world.secret(ANN, "reset"), "password": PASSWORD}
    assert (await ann.post("/api/v1/reset-password", json=reset)).status_code == 204
    await world.log_in(ANN)
    stolen = {"email": ANN, "password": "password of a thief"}
    assert code(await thief.post("/api/v1/login", json=stolen)) == (401, "login_failed")


async def test_nobody_learns_who_has_an_account(make_world: Make) -> None:
    world = make_world(registration="open")
    await world.joined(ANN)
    visitor = world.client()
    for path, more in (
        ("/api/v1/login", {"password": "wrong password"}),
        ("/api/v1/forgot-password", {}),
        ("/api/v1/verify-email/again", {}),
        ("/api/v1/register", {"password": PASSWORD, "name": "Ann"}),
    ):
        told = []
        for email in (ANN, EVE):
            answer = await visitor.post(path, json={"email": email, **more})
            problem = answer.json() if answer.content else None
            told.append((answer.status_code, {**(problem or {}), "request_id": ""}, sorted(answer.headers)))
        assert told[0] == told[1], path
    templates = [mail.template for mail in await world.mails(ANN)]
    assert templates == ["invitation", "welcome", "reset", "reset"], "who registers again gets the mail that helps"


async def test_tries_are_counted_by_account_and_by_address(make_world: Make) -> None:
    world = make_world(attempts=Allowance(3, 0.001))
    await world.joined(ANN)
    visitor = world.client()
    told = [code(await visitor.post("/api/v1/login", json={"email": ANN, "password": "x"})) for _ in range(4)]
    assert told == [(401, "login_failed")] * 2 + [(429, "too_many_attempts")] * 2, "one was spent on coming in"
    answer = await visitor.post("/api/v1/login", json={"email": ANN, "password": PASSWORD})
    assert code(answer) == (429, "too_many_attempts"), "the right one comes too late as well"
    assert int(answer.headers["retry-after"]) > 0
    assert code(await visitor.post("/api/v1/login", json={"email": EVE, "password": "x"})) == (401, "login_failed")
    narrow = make_world(attempts_from=Allowance(2, 0.001)).client()
    spread = [
        code(await narrow.post("/api/v1/login", json={"email": f"{n}@x.test", "password": "x"})) for n in range(3)
    ]
    assert spread[-1] == (429, "too_many_attempts")


async def test_mails_are_counted_by_mailbox(make_world: Make) -> None:
    world = make_world(mails=Allowance(2, 0.001))
    await world.joined(ANN)
    visitor = world.client()
    told = [(await visitor.post("/api/v1/forgot-password", json={"email": ANN})).status_code for _ in range(3)]
    assert told == [202, 429, 429], "one was spent on coming in"
    assert (await visitor.post("/api/v1/forgot-password", json={"email": EVE})).status_code == 202


async def test_a_forgotten_password_is_set_by_a_link_that_is_good_once(world: World) -> None:
    ann = await world.joined(ANN)
    visitor = world.client()
    await visitor.post("/api/v1/forgot-password", json={"email": ANN})
    first = await world.secret(ANN, "reset")
    await visitor.post("/api/v1/forgot-password", json={"email": ANN})
    second = await world.secret(ANN, "reset")
    fresh = {"password": "staple of the day"}
    assert code(await visitor.post("/api/v1/reset-password", json={"token": first, **fresh})) == (422, "link_invalid")
    short = await visitor.post("/api/v1/reset-password", json={"token": second, "password": "short"})
    assert code(short) == (422, "password_weak")
    assert (await visitor.post("/api/v1/reset-password", json={"token": second, **fresh})).status_code == 204
    assert code(await visitor.post("/api/v1/reset-password", json={"token": second, **fresh})) == (422, "link_invalid")
    assert code(await ann.get("/api/v1/me")) == (401, "session_ended"), "all sessions end"
    await world.log_in(ANN, "staple of the day")
    assert code(await visitor.post("/api/v1/login", json={"email": ANN, "password": PASSWORD})) == (401, "login_failed")


async def test_a_link_that_is_old_is_good_for_nothing(world: World) -> None:
    await world.joined(ANN)
    visitor = world.client()
    await visitor.post("/api/v1/forgot-password", json={"email": ANN})
    await world.platform.deps.db.write(lambda conn: conn.execute(update(proofs).values(expires_ms=1)) and None)
    wanted = {"token": await world.secret(ANN, "reset"), "password": "staple of the day"}
    assert code(await visitor.post("/api/v1/reset-password", json=wanted)) == (422, "link_invalid")


async def test_passwords_are_kept_by_argon2id_and_nowhere_else(world: World) -> None:
    await world.joined(ANN)

    def kept(conn: Connection) -> Any:
        return conn.execute(select(persons)).one()

    person = await world.platform.deps.db.read(kept)
    assert person.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(person)


@pytest.mark.parametrize("password", ["short", "a" * 300, ANN, "ann"])
async def test_weak_passwords_are_refused(make_world: Make, password: str) -> None:
    visitor = make_world(registration="open", shortest_password=3).client()
    weak = password if password != "short" else "ab"
    assert code(await visitor.post("/api/v1/register", json=wish(password=weak))) == (422, "password_weak")


@pytest.mark.parametrize("email", ["nobody", "a b@c.de", "a@b\r\nBcc: c@d.e", "<a@b.c>", "a@b,c@d.e", "@", "a@"])
async def test_what_is_no_mailbox_is_refused(make_world: Make, email: str) -> None:
    world = make_world(registration="open")
    assert code(await world.client().post("/api/v1/register", json=wish(email))) in {
        (422, "email_invalid"),
        (422, "invalid_request"),
    }
    invited = await world.operator().post("/api/v1/invitations", json={"email": email})
    assert code(invited) in {(422, "email_invalid"), (422, "invalid_request")}


async def test_changing_the_password_and_the_mailbox(world: World) -> None:
    ann = await world.joined(ANN)
    other = world.client(Authorization=f"Bearer {(await world.log_in(ANN))['access_token']}")
    wrong = {"current_password": "nonsense", "password": "staple of the day"}
    assert code(await ann.post("/api/v1/me/password", json=wrong)) == (403, "password_wrong")
    right = {**wrong, "current_password": PASSWORD}
    assert (await ann.post("/api/v1/me/password", json=right)).status_code == 204
    assert (await ann.get("/api/v1/me")).status_code == 200
    assert code(await other.get("/api/v1/me")) == (401, "session_ended")
    await world.joined(BOB)
    change = {"current_password": "staple of the day"}
    assert (await ann.post("/api/v1/me/email", json={**change, "email": BOB})).status_code == 202
    assert "verify" not in [mail.template for mail in await world.mails(BOB)]
    assert (await ann.post("/api/v1/me/email", json={**change, "email": "ann@example.org"})).status_code == 202
    secret = await world.secret("ann@example.org", "verify")
    assert (await ann.get("/api/v1/me")).json()["email"] == ANN, "it counts when the link was followed"
    bob = world.client(Authorization=f"Bearer {(await world.log_in(BOB))['access_token']}")
    assert code(await bob.post("/api/v1/me/email/confirm", json={"token": secret})) == (422, "link_invalid")
    assert (await ann.post("/api/v1/me/email/confirm", json={"token": secret})).json()["email"] == "ann@example.org"
    await world.log_in("ann@example.org", "staple of the day")


async def test_who_has_the_mailbox_of_before_is_told_and_gets_in_by_no_link_of_before(world: World) -> None:
    ann = await world.joined(ANN)
    await world.client().post("/api/v1/forgot-password", json={"email": ANN})
    late = await world.secret(ANN, "reset")
    await ann.post("/api/v1/me/email", json={"current_password": PASSWORD, "email": "ann@example.org"})
    token = await world.secret("ann@example.org", "verify")
    assert (await ann.post("/api/v1/me/email/confirm", json={"token": token})).status_code == 200
    told = (await world.mails(ANN))[-1]
    assert told.template == "account_changed"
    assert "another e-mail address" in told[1]["change"]
    reset = {"token": late, "password": "staple of the day"}
    assert code(await world.client().post("/api/v1/reset-password", json=reset)) == (422, "link_invalid")


async def test_who_did_not_set_the_password_learns_of_it(world: World) -> None:
    ann = await world.joined(ANN)
    change = {"current_password": PASSWORD, "password": "staple of the day"}
    assert (await ann.post("/api/v1/me/password", json=change)).status_code == 204
    await world.client().post("/api/v1/forgot-password", json={"email": ANN})
    reset = {"token": await world.secret(ANN, "reset"), "password": PASSWORD}
    assert (await world.client().post("/api/v1/reset-password", json=reset)).status_code == 204
    told = [mail[1]["change"] for mail in await world.mails(ANN) if mail.template == "account_changed"]
    assert [change.partition(":")[0] for change in told] == [
        "Your password was changed",
        "Your password was set anew by a link that was sent to you",
    ]


async def test_names_and_nothing_else_are_set_by_what_is_sent(world: World) -> None:
    ann = await world.joined(ANN, "viewer")
    assert (await ann.patch("/api/v1/me", json={"name": "Ann Example"})).json()["name"] == "Ann Example"
    for stolen in ({"email": BOB}, {"verified_ms": 1}, {"id": "person_x"}, {"role": "owner"}, {"password": "x"}):
        assert code(await ann.patch("/api/v1/me", json={"name": "Ann", **stolen})) == (422, "invalid_request")
    wanted = wish(EVE, role="owner", organization_id="org_00000000000000000000000000", verified=True)
    assert code(await world.client().post("/api/v1/register", json=wanted)) == (422, "invalid_request")
    joined = (await ann.get("/api/v1/me")).json()
    assert (joined["email"], joined["organizations"][0]["role"]) == (ANN, "viewer")


async def test_an_invitation_that_is_used_twice_at_once_lets_one_in(world: World) -> None:
    await world.operator().post("/api/v1/invitations", json={"email": ANN})
    wanted = wish(invitation=await world.secret(ANN, "invitation"))
    answers = await asyncio.gather(*(world.client().post("/api/v1/register", json=wanted) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 404, 404, 404]
