"""Passkeys: a device that knows its person opens the account, and nothing that looks like it does."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pyotp
import pytest
from sqlalchemy import Connection, select, update

from tests.access.conftest import ANN, BOB, PASSWORD, SAME_SITE, World, code
from tests.access.device import PRESENT, VERIFIED, Device, decoded, encoded
from vidcompute.api.app import create_app
from vidcompute.db.schema import audit
from vidcompute.db.schema_people import challenges
from vidcompute.errors import VidComputeError
from vidcompute.ports.rates import Allowance
from vidcompute.services import people
from vidcompute.services.people import ceremonies

ME = "/api/v1/me"
MINE = "/api/v1/me/passkeys"
OPTIONS = "/api/v1/me/passkeys/options"
LOGIN = "/api/v1/login/passkey"
LOGIN_OPTIONS = "/api/v1/login/passkey/options"
REFUSED = (403, "passkey_refused")


async def asked_to_make(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.post(OPTIONS, json={"current_password": PASSWORD})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["options"]
    return options


async def asked_to_sign(world: World) -> dict[str, Any]:
    answer = await world.client().post(LOGIN_OPTIONS)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["options"]
    return options


async def add(client: httpx2.AsyncClient, made: dict[str, Any], name: str = "Phone") -> httpx2.Response:
    return await client.post(MINE, json={"name": name, "credential": made})


async def equipped(world: World, email: str = ANN) -> tuple[httpx2.AsyncClient, Device]:
    """A person with a passkey: a client of theirs, and the device."""
    client, device = await world.joined(email), Device()
    answer = await add(client, device.make(await asked_to_make(client)))
    assert answer.status_code == 201, answer.text
    return client, device


async def log_in(world: World, signed: dict[str, Any], kind: str = "app") -> httpx2.Response:
    return await world.client(**SAME_SITE).post(LOGIN, json={"credential": signed, "kind": kind})


@pytest.mark.parametrize("kind", ["app", "browser"])
async def test_a_passkey_opens_the_account_by_itself(world: World, kind: str) -> None:
    _, device = await equipped(world)
    visitor = world.client(**SAME_SITE)
    for _ in range(2):
        signed = device.sign(await asked_to_sign(world))
        answer = await visitor.post(LOGIN, json={"credential": signed, "kind": kind})
        assert answer.status_code == 200, answer.text
        if kind == "app":
            visitor.headers["Authorization"] = f"Bearer {answer.json()['tokens']['access_token']}"
        assert (await visitor.get(ME)).json()["email"] == ANN


async def test_what_a_browser_is_told_to_ask_for(world: World) -> None:
    ann, device = await equipped(world)
    options = await asked_to_make(ann)
    assert options["rp"] == {"name": "VidCompute", "id": "video.test"}
    assert options["user"]["name"] == ANN
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [known["id"] for known in options["excludeCredentials"]] == [encoded(device.name)]
    told = await asked_to_sign(world)
    assert (told["rpId"], told["userVerification"]) == ("video.test", "required")
    assert not told.get("allowCredentials"), "whose passkeys there are is told to nobody"
    assert len(decoded(told["challenge"])) >= 32


async def test_passkeys_are_listed_named_and_removed(world: World) -> None:
    ann, device = await equipped(world)
    (mine,) = (await ann.get(MINE)).json()["items"]
    assert (mine["name"], mine["used_at"]) == ("Phone", None)
    assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200
    (mine,) = (await ann.get(MINE)).json()["items"]
    assert mine["used_at"] is not None
    one = f"{MINE}/{mine['id']}"
    bob = await world.joined(BOB)
    assert code(await bob.patch(one, json={"name": "Mine"})) == (404, "passkey_not_found")
    assert code(await bob.delete(one)) == (404, "passkey_not_found")
    assert (await ann.patch(one, json={"name": "Old phone"})).json()["name"] == "Old phone"
    assert (await ann.delete(one)).status_code == 204
    assert (await ann.get(MINE)).json() == {"items": []}
    assert code(await ann.delete(one)) == (404, "passkey_not_found")
    assert code(await log_in(world, device.sign(await asked_to_sign(world)))) == REFUSED

    def told(conn: Connection) -> list[str]:
        return list(conn.execute(select(audit.c.action).where(audit.c.subject_id == mine["id"])).scalars())

    assert sorted(await world.platform.deps.db.read(told)) == [
        *("person.passkey_added", "person.passkey_removed", "person.passkey_renamed"),
    ]
    changes = [mail[1]["change"] for mail in await world.mails(ANN) if mail.template == "account_changed"]
    assert [change.partition(":")[0] for change in changes] == ["A passkey, Phone, was added", "A passkey was removed"]


async def test_an_answer_is_good_once(world: World) -> None:
    ann, device = await equipped(world)
    signed = device.sign(await asked_to_sign(world))
    assert (await log_in(world, signed)).status_code == 200
    assert code(await log_in(world, signed)) == REFUSED
    second = Device()
    made = second.make(await asked_to_make(ann))
    assert (await add(ann, made)).status_code == 201
    assert code(await add(ann, made)) == REFUSED


async def test_a_challenge_is_used_up_by_a_wrong_answer_too(world: World) -> None:
    _, device = await equipped(world)
    options = await asked_to_sign(world)
    elsewhere = replace(device, origin="https://evil.test")
    assert code(await log_in(world, elsewhere.sign(options))) == REFUSED
    device.count = elsewhere.count
    assert code(await log_in(world, device.sign(options))) == REFUSED
    assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200


LIES: dict[str, dict[str, Any]] = {
    "a page of another site": {"origin": "https://evil.test"},
    "a page whose host ends alike": {"origin": "https://evil-video.test"},
    "a page below ours": {"origin": "https://x.video.test"},
    "a page without TLS": {"origin": "http://video.test"},
    "another port": {"origin": "https://video.test:8443"},
    "a passkey for another host": {"host": "evil.test"},
    "nobody was there": {"flags": VERIFIED},
    "who was there is not known": {"flags": PRESENT},
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_not_as_it_should_be_opens_nothing(world: World, lie: str) -> None:
    ann, device = await equipped(world)
    liar = replace(device, **LIES[lie])
    assert code(await log_in(world, liar.sign(await asked_to_sign(world)))) == REFUSED
    assert code(await add(ann, Device(**LIES[lie]).make(await asked_to_make(ann)))) == REFUSED
    device.count = liar.count
    assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200, "the device itself works"


async def test_challenges_are_for_who_got_them_and_for_what(world: World) -> None:
    ann, device = await equipped(world)
    bob = await world.joined(BOB)
    assert code(await add(bob, Device().make(await asked_to_make(ann)))) == REFUSED, "Ann's challenge"
    to_make, to_sign = await asked_to_make(ann), await asked_to_sign(world)
    assert code(await log_in(world, device.sign(to_make))) == REFUSED, "one to add a passkey"
    assert code(await add(ann, Device().make({**to_make, "challenge": to_sign["challenge"]}))) == REFUSED
    invented = {"challenge": encoded(b"x" * 64)}
    assert code(await log_in(world, device.sign(invented))) == REFUSED
    assert code(await log_in(world, device.sign(await asked_to_sign(world), "webauthn.create"))) == REFUSED


async def test_a_challenge_ends_in_time(world: World) -> None:
    _, device = await equipped(world)
    options = await asked_to_sign(world)
    await world.platform.deps.db.write(lambda conn: conn.execute(update(challenges).values(expires_ms=1)) and None)
    assert code(await log_in(world, device.sign(options))) == REFUSED
    assert await world.platform.deps.db.write(people.purge_links) == 1


async def test_a_foreign_passkey_opens_no_account(world: World) -> None:
    _, device = await equipped(world)
    _, bobs = await equipped(world, BOB)
    stranger = Device(user=device.user)
    assert code(await log_in(world, stranger.sign(await asked_to_sign(world)))) == REFUSED, "known to nobody"
    forger = Device(user=device.user, name=device.name)
    assert code(await log_in(world, forger.sign(await asked_to_sign(world)))) == REFUSED, "another key by that name"
    bobs.user = device.user
    assert code(await log_in(world, bobs.sign(await asked_to_sign(world)))) == REFUSED, "Bob's, for Ann"
    signed = device.sign(await asked_to_sign(world))
    del signed["response"]["userHandle"]
    assert code(await log_in(world, signed)) == REFUSED, "for nobody"


async def test_a_counter_that_does_not_grow_is_that_of_a_copy(world: World) -> None:
    _, device = await equipped(world)
    copy = replace(device)
    assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200
    assert code(await log_in(world, copy.sign(await asked_to_sign(world)))) == REFUSED
    assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200


async def test_a_device_that_does_not_count_is_fine(world: World) -> None:
    ann, device = await world.joined(ANN), Device(counts=False)
    assert (await add(ann, device.make(await asked_to_make(ann)))).status_code == 201
    for _ in range(2):
        assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200


@pytest.mark.parametrize("value", [None, 7, "", "!", "AAAA", "A" * 3000, {}, [], encoded(b"\xff" * 60)])
async def test_answers_that_make_no_sense_are_refused(world: World, value: Any) -> None:
    ann, device = await equipped(world)
    for part in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        signed = device.sign(await asked_to_sign(world))
        signed["response"][part] = value
        assert code(await log_in(world, signed)) == REFUSED, part
    for part in ("id", "rawId", "type", "response"):
        assert code(await log_in(world, {**device.sign(await asked_to_sign(world)), part: value})) == REFUSED, part
    for part in ("clientDataJSON", "attestationObject"):
        made = Device().make(await asked_to_make(ann))
        made["response"][part] = value
        assert code(await add(ann, made)) == REFUSED, part


async def test_bytes_that_were_changed_are_refused(world: World) -> None:
    ann, device = await equipped(world)
    made = decoded(Device().make(await asked_to_make(ann))["response"]["attestationObject"])
    for at in range(0, len(made), 7):
        answer = Device().make(await asked_to_make(ann))
        raw = bytearray(decoded(answer["response"]["attestationObject"]))
        raw[at] ^= 0xFF
        answer["response"]["attestationObject"] = encoded(bytes(raw))
        told = await add(ann, answer)
        assert told.status_code in {201, 403, 409}, (at, told.text)
    for part in ("authenticatorData", "signature"):
        signed = device.sign(await asked_to_sign(world))
        raw = bytearray(decoded(signed["response"][part]))
        raw[-1] ^= 1
        signed["response"][part] = encoded(bytes(raw))
        assert code(await log_in(world, signed)) == REFUSED, part


async def test_adding_one_takes_the_password_and_ends_at_a_limit(world: World) -> None:
    world.app = create_app(replace(world.platform.deps, limits=replace(world.platform.deps.limits, max_passkeys=1)))
    ann = await world.joined(ANN)
    assert code(await ann.post(OPTIONS, json={"current_password": "x"})) == (403, "password_wrong")
    device = Device()
    assert (await add(ann, device.make(await asked_to_make(ann)))).status_code == 201
    assert code(await add(ann, device.make(await asked_to_make(ann)))) == (409, "passkey_known")
    assert code(await add(ann, Device().make(await asked_to_make(ann)))) == (409, "passkeys_full")
    assert len((await ann.get(MINE)).json()["items"]) == 1


async def test_a_passkey_is_both_factors(world: World) -> None:
    ann, device = await equipped(world)
    factor = f"{ME}/second-factor"
    secret = (await ann.post(factor, json={"current_password": PASSWORD})).json()["secret"]
    assert (await ann.post(f"{factor}/confirm", json={"code": pyotp.TOTP(secret).now()})).status_code == 200
    assert (await log_in(world, device.sign(await asked_to_sign(world)))).status_code == 200


async def test_another_sites_page_logs_nobody_in(world: World) -> None:
    _, device = await equipped(world)
    wish = {"credential": device.sign(await asked_to_sign(world)), "kind": "browser"}
    answer = await world.client(**{"Sec-Fetch-Site": "cross-site"}).post(LOGIN, json=wish)
    assert code(answer) == (403, "cross_site")


async def test_challenges_are_limited_by_address(make_world: Callable[..., World]) -> None:
    visitor = make_world(attempts_from=Allowance(2, 0.001)).client()
    told = [(await visitor.post(LOGIN_OPTIONS)).status_code for _ in range(3)]
    assert told == [200, 200, 429]


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://video.test", "https://video.test"),
        ("https://Video.Test:443/below", "https://video.test"),
        ("https://video.test:8443", "https://video.test:8443"),
        ("http://localhost:8550", "http://localhost:8550"),
    ],
)
def test_passkeys_are_for_the_host_and_the_pages_of_the_public_url(base_url: str, origin: str) -> None:
    site = ceremonies.site_of(base_url)
    assert (site.host, site.origin) == (origin.split("/")[2].partition(":")[0], origin)
    assert people.takes_passkeys(base_url)


@pytest.mark.parametrize(
    "base_url", ["http://video.test", "https://192.0.2.7", "http://127.0.0.1:8550", "https://[::1]"]
)
def test_where_browsers_make_no_passkeys_that_is_said(base_url: str) -> None:
    with pytest.raises(VidComputeError, match="passkeys_unavailable"):
        ceremonies.site_of(base_url)
    assert not people.takes_passkeys(base_url)
