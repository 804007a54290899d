"""Logging in at an OpenID Connect provider that really answers, and what may be wrong about what it answers."""

import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import Connection, select, update

from tests.access.conftest import ANN, EVE, PASSWORD, SAME_SITE, World, code
from tests.access.test_second_factor import FACTOR, FINISH, enrolled, shown, wrong
from tests.fixtures.provider import CLIENT, SECRET, SUBJECT, Claims, Provider, key_of, providing
from vidcompute.adapters.identity_oidc import OidcClient, OidcProvider
from vidcompute.api.app import Application
from vidcompute.api.deps import Deps
from vidcompute.db.schema_people import identities, persons, provider_logins
from vidcompute.ports.rates import Allowance
from vidcompute.services import people
from vidcompute.services.people import Policy, SignOn

LOGIN, CALLBACK, ME = "/oauth/login", "/oauth/callback", "/api/v1/me"
HOME = "https://video.test/account/login"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as made:
        yield made


@pytest.fixture
async def signing_on(
    world: World, provider: Provider, application: Callable[[Deps], Application]
) -> AsyncIterator[Any]:
    """Worlds in which one can log in at that provider: `signing_on(registers=True)`."""
    made: list[World] = []

    def make(*, private: bool = True, client: Claims | None = None, **how: Any) -> World:
        agreed = OidcClient(provider.issuer, **{"client_id": CLIENT, "client_secret": SECRET, **(client or {})})
        there = OidcProvider(agreed, allow_private_addresses=private, timeout_s=5)
        policy = Policy(attempts_from=Allowance(10_000, 1.0))
        sign_on = SignOn(there, "Example", **how)
        app = application(replace(world.platform.deps, policy=policy, sign_on=sign_on))
        made.append(World(world.platform, app))
        return made[-1]

    yield make
    for one in made:
        await one.app.state.uses.close()
        for client in one.clients:
            await client.aclose()


def problem_of(answer: httpx2.Response) -> str:
    """What the log-in page is told."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{HOME}?problem="), answer.headers["location"]
    return parse_qs(urlsplit(answer.headers["location"]).query)["problem"][0]


async def leave(browser: httpx2.AsyncClient) -> httpx2.URL:
    """Go to the provider; where it sends the browser back to."""
    sent = await browser.get(LOGIN)
    assert sent.status_code == 303, sent.text
    async with httpx2.AsyncClient(trust_env=False) as web:
        answer = await web.get(sent.headers["location"])
    assert answer.status_code == 303, answer.text
    return httpx2.URL(answer.headers["location"])


async def come_back(browser: httpx2.AsyncClient, to: httpx2.URL, **changes: str) -> httpx2.Response:
    return await browser.get(to.copy_merge_params(changes))


async def log_in(world: World) -> tuple[httpx2.AsyncClient, httpx2.Response]:
    browser = world.client()
    return browser, await come_back(browser, await leave(browser))


async def rows(world: World, table: Any) -> list[Any]:
    def read(conn: Connection) -> list[Any]:
        return list(conn.execute(select(table)))

    return await world.platform.deps.db.read(read)


async def test_a_member_logs_in_and_is_who_they_were(signing_on: Any, world: World) -> None:
    ann = await world.joined(ANN, "editor")
    there = signing_on()
    browser, answer = await log_in(there)
    assert answer.headers["location"] == HOME
    cookies = answer.headers.get_list("set-cookie")
    assert any(one.startswith("__Host-vidcompute_session=") and "HttpOnly" in one for one in cookies)
    assert any(one.startswith('__Host-vidcompute_sign_on="";') for one in cookies)
    assert (await browser.get(ME)).json()["id"] == (await ann.get(ME)).json()["id"]
    (known,) = await rows(world, identities)
    assert known.subject == SUBJECT
    again, _ = await log_in(there)
    assert (await again.get(ME)).json()["email"] == ANN
    assert len(await rows(world, identities)) == 1
    assert await rows(world, provider_logins) == []


async def test_the_provider_is_known_by_its_subject_from_then_on(
    signing_on: Any, world: World, provider: Provider
) -> None:
    """An address may change hands; the subject may not."""
    await world.joined(ANN)
    there = signing_on(registers=True)
    await log_in(there)
    provider.person["email"] = "ann.new@example.com"
    browser, _ = await log_in(there)
    assert (await browser.get(ME)).json()["email"] == ANN
    provider.person |= {"sub": "somebody else", "email": ANN}
    other, _ = await log_in(there)
    assert (await other.get(ME)).json()["email"] == ANN, "who has the mailbox now has proved it"
    assert len(await rows(world, identities)) == 2


async def test_who_is_unknown_registers_where_that_is_allowed(signing_on: Any, world: World) -> None:
    _, answer = await log_in(signing_on())
    assert problem_of(answer) == "account_wanted"
    browser, _ = await log_in(signing_on(registers=True))
    me = (await browser.get(ME)).json()
    assert (me["email"], me["name"], [home["role"] for home in me["organizations"]]) == (ANN, "Ann", ["owner"])
    (person,) = await rows(world, persons)
    assert person.password is None
    wrong = await world.client().post("/api/v1/login", json={"email": ANN, "password": ""})
    assert wrong.status_code in {401, 422}, "no password is not an empty one"


async def test_who_registered_anothers_address_does_not_stay_in_it(
    signing_on: Any, make_world: Callable[..., World]
) -> None:
    world = make_world(registration="open")
    wish = {"email": ANN, "name": "Thief", "password": PASSWORD}
    assert (await world.client().post("/api/v1/register", json=wish)).status_code == 202
    link = await world.secret(ANN, "verify")
    browser, _ = await log_in(signing_on())
    assert (await browser.get(ME)).json()["email"] == ANN
    login = await world.client().post("/api/v1/login", json={"email": ANN, "password": PASSWORD})
    assert code(login) == (401, "login_failed")
    late = await world.client().post("/api/v1/verify-email", json={"token": link, "password": PASSWORD})
    assert code(late) == (422, "link_invalid")


async def test_a_code_is_asked_for_behind_the_provider_too(signing_on: Any, world: World) -> None:
    _, secret, _ = await enrolled(world)
    browser, answer = await log_in(signing_on())
    page, _, ticket = answer.headers["location"].partition("#")
    assert page == HOME
    assert not [one for one in answer.headers.get_list("set-cookie") if "vidcompute_session=" in one]
    assert code(await browser.get(ME)) == (401, "api_key_missing")
    browser.headers.update(SAME_SITE)
    wish = {"ticket": ticket, "kind": "browser"}
    assert code(await browser.post(FINISH, json={**wish, "code": wrong(secret)})) == (401, "login_failed")
    assert (await browser.post(FINISH, json={**wish, "code": shown(secret, 1)})).status_code == 200
    assert (await browser.get(ME)).json()["email"] == ANN
    assert code(await browser.post(FINISH, json={**wish, "code": shown(secret, 1)})) == (401, "login_ended")


async def test_who_comes_by_the_provider_alone_sets_a_password_before_an_app(signing_on: Any) -> None:
    there = signing_on(registers=True)
    browser, _ = await log_in(there)
    browser.headers.update(SAME_SITE)
    assert code(await browser.post(FACTOR, json={"current_password": "x"})) == (403, "password_unset")
    await browser.post("/api/v1/forgot-password", json={"email": ANN})
    reset = {"token": await there.secret(ANN, "reset"), "password": PASSWORD}
    assert (await browser.post("/api/v1/reset-password", json=reset)).status_code == 204
    browser, _ = await log_in(there)
    browser.headers.update(SAME_SITE)
    secret = (await browser.post(FACTOR, json={"current_password": PASSWORD})).json()["secret"]
    assert (await browser.post(f"{FACTOR}/confirm", json={"code": shown(secret)})).status_code == 200
    _, answer = await log_in(there)
    assert answer.headers["location"].startswith(f"{HOME}#")


UNPROVED: list[Claims] = [{"email": ""}, *({"email_verified": said} for said in (False, "true", 1, None))]


@pytest.mark.parametrize("told", UNPROVED)
async def test_a_mailbox_that_is_not_proved_opens_nothing(
    signing_on: Any, world: World, provider: Provider, told: Claims
) -> None:
    await world.joined(ANN)
    provider.person |= told
    browser, answer = await log_in(signing_on(registers=True))
    assert problem_of(answer) == "email_not_proved"
    assert code(await browser.get(ME)) == (401, "api_key_missing")
    assert await rows(world, identities) == []


async def test_domains_may_be_named(signing_on: Any, provider: Provider) -> None:
    there = signing_on(registers=True, domains=("example.com",))
    for email, told in (("x@example.com.evil.test", "domain_refused"), ("x@sub.example.com", "domain_refused")):
        provider.person["email"] = email
        assert problem_of((await log_in(there))[1]) == told
    provider.person["email"] = "Ann@Example.COM"
    browser, _ = await log_in(there)
    assert (await browser.get(ME)).json()["email"] == ANN


async def test_the_mailbox_may_be_told_elsewhere_than_in_the_token(signing_on: Any, provider: Provider) -> None:
    provider.document["userinfo_endpoint"] = f"{provider.issuer}/userinfo"
    provider.userinfo = {"sub": SUBJECT, "email": ANN, "email_verified": True}
    provider.forge = lambda claims: provider.sign({n: v for n, v in claims.items() if not n.startswith("email")})
    browser, _ = await log_in(signing_on(registers=True))
    assert (await browser.get(ME)).json()["email"] == ANN
    provider.userinfo["sub"] = "another"
    assert problem_of((await log_in(signing_on(registers=True)))[1]) == "provider_refused"


# -- attacks on the way there and back ---------------------------------------------------------------------------------


async def test_a_log_in_ends_in_the_browser_that_began_it(signing_on: Any, world: World) -> None:
    """Who makes another's browser come back with their own code would have them work in the wrong account."""
    await world.joined(ANN)
    there = signing_on()
    thief, victim = there.client(), there.client()
    stolen = await leave(thief)
    assert problem_of(await come_back(victim, stolen)) == "login_not_begun", "no cookie"
    await leave(victim)
    assert problem_of(await come_back(victim, stolen)) == "login_not_begun", "the state of another session"
    own = await leave(victim)
    mixed = own.copy_merge_params({"code": stolen.params["code"]})
    assert problem_of(await come_back(victim, mixed)) == "provider_refused", "another's code: the verifier is wrong"
    for state in ("", "x", own.params["state"][:-1]):
        assert problem_of(await come_back(victim, await leave(victim), state=state)) == "login_not_begun"
    assert code(await victim.get(ME)) == (401, "api_key_missing")


async def test_a_log_in_ends_once_and_in_time(signing_on: Any, world: World, provider: Provider) -> None:
    await world.joined(ANN)
    there = signing_on()
    browser = there.client()
    back = await leave(browser)
    cookie = dict(browser.cookies)
    assert "problem" not in (await come_back(browser, back)).headers["location"]
    replayed = there.client()
    replayed.cookies.update(cookie)
    assert problem_of(await come_back(replayed, back)) == "login_not_begun"
    assert provider.asked.count("/token") == 1, "a code that comes again is not even asked about"
    late = await leave(browser)
    await world.platform.deps.db.write(lambda conn: conn.execute(update(provider_logins).values(expires_ms=1)) and None)
    assert problem_of(await come_back(browser, late)) == "login_not_begun"
    gone = await leave(browser)
    await world.platform.deps.db.write(lambda conn: conn.execute(update(provider_logins).values(expires_ms=1)) and None)
    assert await world.platform.deps.db.write(people.purge_sign_ons) == 2
    assert problem_of(await come_back(browser, gone)) == "login_not_begun"


async def test_two_providers_are_not_mixed_up(signing_on: Any, provider: Provider, world: World) -> None:
    await world.joined(ANN)
    browser = signing_on().client()
    for issuer in ("https://evil.test", f"{provider.issuer}/", provider.issuer.upper()):
        assert problem_of(await come_back(browser, await leave(browser), iss=issuer)) == "provider_refused"
    assert "/token" not in provider.asked, "the code goes to nobody"
    provider.document["authorization_response_iss_parameter_supported"] = True
    browser = signing_on().client()
    assert problem_of(await come_back(browser, await leave(browser), iss="")) == "provider_refused"


async def test_a_provider_that_says_no_is_told(signing_on: Any, provider: Provider) -> None:
    browser = signing_on().client()
    assert problem_of(await come_back(browser, await leave(browser), error="access_denied")) == "provider_refused"
    assert problem_of(await come_back(browser, await leave(browser), code="")) == "provider_refused"
    provider.token_status = 500
    assert problem_of(await come_back(browser, await leave(browser))) == "provider_unavailable"


async def test_log_ins_that_are_begun_are_counted(signing_on: Any, world: World) -> None:
    there = signing_on()
    there.app.state.deps = replace(there.app.state.deps, policy=Policy(attempts_from=Allowance(2, 0.001)))
    browser = there.client()
    told = [(await browser.get(LOGIN)).headers["location"] for _ in range(3)]
    assert [("problem=too_many_attempts" in one) for one in told] == [False, False, True]


async def test_without_a_provider_there_is_nothing_to_log_in_at(world: World) -> None:
    for path in (LOGIN, CALLBACK):
        assert code(await world.client().get(path)) == (404, "page_not_found")
    assert (await world.client().get("/api/v1/ways-in")).json()["provider"] is None


async def test_the_page_is_told_of_the_provider(signing_on: Any) -> None:
    assert (await signing_on().client().get("/api/v1/ways-in")).json()["provider"] == "Example"


# -- attacks on the token ----------------------------------------------------------------------------------------------


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hand(header: Claims, claims: Claims, key: bytes = b"") -> str:
    """A token as no library would make it: unsigned, or signed with a shared secret."""
    text = f"{part(header)}.{part(claims)}"
    made = hmac.digest(key, text.encode(), "sha256") if key else b""
    return f"{text}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


Forge = Callable[[Provider], Callable[[Claims], str]]


def said(**changes: Any) -> Forge:
    return lambda there: lambda claims: there.sign({**claims, **changes})


def without(name: str) -> Forge:
    return lambda there: lambda claims: there.sign({n: v for n, v in claims.items() if n != name})


FORGED: dict[str, Forge] = {
    "wrong nonce": said(nonce="x"),
    "no nonce": without("nonce"),
    "wrong issuer": said(iss="https://evil.test"),
    "no issuer": without("iss"),
    "for another program": said(aud="other"),
    "for nobody": without("aud"),
    "for several, authorized for another": said(aud=[CLIENT, "other"], azp="other"),
    "for several, authorized for nobody": said(aud=[CLIENT, "other"]),
    "authorized for another": said(azp="other"),
    "expired": said(exp=1_700_000_000),
    "without an end": without("exp"),
    "ends some day": said(exp="some day"),
    "of the future": lambda there: lambda claims: there.sign({**claims, "iat": claims["iat"] + 10**6}),
    "not yet": lambda there: lambda claims: there.sign({**claims, "nbf": claims["iat"] + 10**6}),
    "no subject": without("sub"),
    "an empty subject": said(sub=""),
    "a subject that is none": said(sub=["a"]),
    "a subject without end": said(sub="x" * 256),
    "alg none": lambda _there: lambda claims: by_hand({"alg": "none"}, claims),
    "alg None with a kid": lambda there: lambda claims: by_hand({"alg": "None", "kid": there.key.kid}, claims),
    "the public key as a shared secret": lambda there: (
        lambda claims: by_hand({"alg": "HS256", "kid": there.key.kid}, claims, there.key.as_pem(private=False))
    ),
    "the client's secret as a key": lambda there: (
        lambda claims: by_hand({"alg": "HS256", "kid": there.key.kid}, claims, SECRET.encode())
    ),
    "another algorithm of the right key": lambda there: lambda claims: there.sign(claims, algorithm="PS256"),
    "another key by the right name": lambda there: (
        lambda claims: there.sign(claims, replace_kid("other", str(there.key.kid)))
    ),
    "a key that is not published": lambda there: lambda claims: there.sign(claims, key_of("other")),
    "a key of its own": lambda there: (
        lambda claims: by_hand({"alg": "RS256", "jwk": there.key.as_dict(private=False)}, claims, b"x")
    ),
    "no token": lambda _there: lambda _claims: "",
    "no JSON": lambda _there: lambda _claims: "a.b.c",
    "too long": said(more="x" * 40_000),
}


def replace_kid(kid: str, name: str) -> Any:
    made = key_of(kid)
    return type(made).import_key({**made.as_dict(private=True), "kid": name})


@pytest.mark.parametrize("name", list(FORGED))
async def test_a_token_that_is_not_right_in_everything_opens_nothing(
    signing_on: Any, provider: Provider, world: World, name: str
) -> None:
    provider.forge = FORGED[name](provider)
    browser, answer = await log_in(signing_on(registers=True))
    assert problem_of(answer) == "provider_refused"
    assert code(await browser.get(ME)) == (401, "api_key_missing")
    assert await rows(world, persons) == []


async def test_the_forge_itself_works(signing_on: Any, provider: Provider) -> None:
    provider.forge = said(aud=[CLIENT, "other"], azp=CLIENT)(provider)
    browser, _ = await log_in(signing_on(registers=True))
    assert (await browser.get(ME)).json()["email"] == ANN


# -- the provider itself -----------------------------------------------------------------------------------------------


async def test_a_provider_may_change_its_keys(signing_on: Any, provider: Provider) -> None:
    there = signing_on(registers=True)
    await log_in(there)
    clock = [0.0]
    oidc = there.app.state.deps.sign_on.provider
    oidc._clock = lambda: oidc._known.at_s + clock[0]
    provider.key = key_of("second")
    provider.published = [provider.key]
    assert problem_of((await log_in(there))[1]) == "provider_refused", "asked again at times, and not at each request"
    clock[0] = 60.0
    browser, _ = await log_in(there)
    assert (await browser.get(ME)).json()["email"] == ANN
    assert provider.asked.count("/jwks") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"issuer": "https://evil.test"}, "provider_refused"),
        ({"authorization_endpoint": None}, "provider_unavailable"),
        ({"jwks_uri": "ftp://127.0.0.1/"}, "provider_unavailable"),
        ({"jwks_uri": 7}, "provider_unavailable"),
    ],
)
async def test_a_provider_that_is_not_what_was_set_is_not_gone_to(
    signing_on: Any, provider: Provider, document: Claims, told: str
) -> None:
    provider.document |= document
    assert problem_of(await signing_on().client().get(LOGIN)) == told


async def test_an_inside_address_is_reached_where_a_setting_says_so_alone(signing_on: Any, provider: Provider) -> None:
    assert problem_of(await signing_on(private=False).client().get(LOGIN)) == "url_address_refused"
    assert provider.asked == []


async def test_a_provider_that_is_away_is_told(signing_on: Any, provider: Provider) -> None:
    there = signing_on()
    provider.port = 9
    gone = OidcProvider(OidcClient("http://127.0.0.1:9", CLIENT), allow_private_addresses=True)
    there.app.state.deps = replace(there.app.state.deps, sign_on=SignOn(gone, "Example"))
    assert problem_of(await there.client().get(LOGIN)) == "provider_unavailable"


async def test_a_wrong_secret_is_the_operators_mistake_and_lets_nobody_in(signing_on: Any, world: World) -> None:
    await world.joined(EVE)
    _, answer = await log_in(signing_on(client={"client_secret": "wrong"}))
    assert problem_of(answer) == "provider_refused"
