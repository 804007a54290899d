"""No secret and no address reaches the log: every operation is asked with some in every place that takes one, and
everything that it touches breaks as loudly as it can.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, cast

import httpx2
import pytest

from tests.access.conftest import ANN, PASSWORD, World
from tests.unit.api.conftest import Platform
from vidcompute import logs
from vidcompute.adapters.rates_memory import MemoryRates
from vidcompute.api.app import create_app, describe
from vidcompute.api.deps import Build
from vidcompute.api.viewing import Viewing
from vidcompute.db.engine import Database
from vidcompute.services.people import Policy

PLAYBACK_ID = "0123456789abcdefghjkmnpq"
RANDOM = base64.urlsafe_b64encode(bytes(range(200, 232))).decode().rstrip("=")
JWT = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJwZXJzb25fMSJ9.c2lnbmVkLWFzLWl0LXNob3VsZC1iZQ"
TYPED = "Tr0ub4dor & three (words)"
PASS = "bWFkZS1vZi1hLXRva2Vu.cGFzcw"
CANARIES = {
    "a key": f"vck_{RANDOM}",
    "a cookie, a refresh token or the secret of a link": RANDOM,
    "a signed token": JWT,
    "what somebody typed": TYPED,
    "an address": "eve.canary@example.org",
    "a pass": PASS,
}


@cache
def document() -> dict[str, Any]:
    return describe(Build("1"))


def begin_log() -> None:
    """Log at the most talkative level, into what pytest captures; the fixture `quiet` undoes it."""
    logs.configure("debug", "json")


def leaked(text: str) -> dict[str, str]:
    """The lines of a log that have a canary, by what it is."""
    found = {}
    for name, canary in CANARIES.items():
        spellings = {canary, json.dumps(canary)[1:-1], canary.replace(" ", "%20"), repr(canary)[1:-1]}
        for line in text.splitlines():
            if any(spelling in line for spelling in spellings):
                found[name] = line[:2000]
    return found


# -- requests that hold secrets in every place ----------------------------------------------------------------------


def body_of(schema: dict[str, Any]) -> dict[str, Any]:
    """A body for a schema: its example, with canaries where it takes secrets, addresses or texts."""
    filled = dict(schema.get("example") or {})
    for name, field in schema.get("properties", {}).items():
        kinds = [field, *field.get("anyOf", ())]
        if any(kind.get("format") == "password" for kind in kinds) or "password" in name:
            filled[name] = TYPED if "password" in name else RANDOM
        elif name == "email":
            filled[name] = CANARIES["an address"]
    return filled


def schema_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", "")
    found: dict[str, Any] = document()["components"]["schemas"].get(reference.rpartition("/")[2], {})
    return found if reference else None


def requests() -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Method, path and body of each operation of the API, and of our pages."""
    for path, item in document()["paths"].items():
        filled = path.replace("{token}", RANDOM).replace("{playback_id}", f"{PLAYBACK_ID}~{PASS}")
        filled = re.sub(r"{\w+}", "x", filled)
        for method, operation in item.items():
            schema = schema_of(operation)
            yield method.upper(), filled, None if schema is None else body_of(schema)
    for page in ("me", "unsubscribe", "reset"):
        yield "GET", f"/account/{page}", None
    yield "POST", "/account/unsubscribe", None


WAYS = {
    "bearer": {"Authorization": f"Bearer {CANARIES['a key']}"},
    "basic": {"Authorization": "Basic " + base64.b64encode(f"key_x:{CANARIES['a key']}".encode()).decode()},
    "token": {"Authorization": f"Bearer {JWT}"},
    "cookie": {"Cookie": f"__Host-vidcompute_session={RANDOM}", "Sec-Fetch-Site": "same-origin"},
}


class Broken:
    """A database that fails, and tells in its error all that it was given."""

    async def write(self, step: Any, *given: Any, **named: Any) -> Any:
        raise RuntimeError(f"broken: {step} {given!r} {named!r} {_cells(step)!r}")

    read = write


def _cells(step: Any) -> list[Any]:
    """What a function of a handler holds of the request."""
    return [cell.cell_contents for cell in getattr(step, "__closure__", None) or ()]


def application(platform: Platform, *, broken: bool) -> Any:
    """The application with all its routes; where it is broken, nothing that a handler asks for works."""
    nobody = cast(Any, Broken())
    db = cast(Database, nobody) if broken else platform.deps.db
    app = create_app(replace(platform.deps, db=db, policy=Policy(registration="open"), rates=MemoryRates()))
    app.state.viewing = Viewing(nobody, nobody, nobody, platform.deps.incoming)
    return app


@pytest.mark.parametrize("broken", [True, False], ids=["broken", "whole"])
@pytest.mark.parametrize("way", WAYS)
async def test_no_operation_lets_a_secret_into_the_log(
    platform: Platform, capsys: pytest.CaptureFixture[str], way: str, broken: bool
) -> None:
    begin_log()
    transport = httpx2.ASGITransport(application(platform, broken=broken), raise_app_exceptions=False)
    asked = 0
    async with httpx2.AsyncClient(transport=transport, base_url="https://video.test", headers=WAYS[way]) as client:
        for method, path, body in requests():
            await client.request(method, path, json=body, params={"token": JWT, "email": CANARIES["an address"]})
            asked += 1
    text = "".join(capsys.readouterr())
    assert asked > 60
    assert text.count('"event": "request"') >= asked, "each has its line"
    assert "RuntimeError: broken" in text or not broken, "what broke is told"
    assert leaked(text) == {}


def test_what_this_looks_for_is_found() -> None:
    for name, canary in CANARIES.items():
        assert set(leaked(f"a line with {canary} in it")) >= {name}
    taken = [schema for schema in document()["components"]["schemas"].values() if "properties" in schema]
    secret = [s for s in taken if any(value in (TYPED, RANDOM) for value in body_of(s).values())]
    assert len(secret) > 8, "bodies that hold secrets"


# -- and as it is used ----------------------------------------------------------------------------------------------


async def test_a_persons_whole_story_leaves_no_secret_in_the_log(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    begin_log()
    secrets: list[str] = [PASSWORD, "staple of the day", world.platform.key, ANN, "ann@example.org"]
    ann = await world.joined(ANN, "admin")
    secrets += [await world.secret(ANN, "invitation")]
    browser = await world.browser(ANN)
    secrets += list(browser.cookies.values())
    pair = await world.log_in(ANN)
    secrets += [pair["access_token"], pair["refresh_token"]]
    key = (await ann.post("/api/v1/keys", json={"name": "mine", "scopes": ["jobs:read"]})).json()["secret"]
    secrets.append(key)
    for header in (f"Bearer {key}", "Basic " + base64.b64encode(f":{key}".encode()).decode(), f"Bearer {key}x"):
        await world.client(Authorization=header).get("/api/v1/jobs")
    hook = (await ann.post("/api/v1/webhooks", json={"url": "https://receiver.test/?token=s3cr3t-part"})).json()
    secrets += [hook["secret"], "s3cr3t-part"]
    upload = (await ann.post("/api/v1/uploads", json={"size_bytes": 9, "one_time": {}})).json()
    address = upload["one_time_url"]
    secrets.append(address.rpartition("/")[2])
    await world.client().put(address, content=b"x" * 9)
    await world.client().head(address, headers={"Tus-Resumable": "1.0.0"})
    made = (await ann.post("/api/v1/signing-keys", json={"name": "x"})).json()
    secrets.append(made["private_key"].splitlines()[1])
    await world.client().post("/api/v1/forgot-password", json={"email": ANN})
    reset = {"token": await world.secret(ANN, "reset"), "password": "staple of the day"}
    secrets.append(reset["token"])
    await world.client().post("/api/v1/reset-password", json=reset)
    await world.client().post("/api/v1/reset-password", json=reset)
    again = world.client(Authorization=f"Bearer {(await world.log_in(ANN, 'staple of the day'))['access_token']}")
    change = {"current_password": "staple of the day", "email": "ann@example.org"}
    await again.post("/api/v1/me/email", json=change)
    secrets.append(await world.secret("ann@example.org", "verify"))
    await again.post("/api/v1/me/email/confirm", json={"token": secrets[-1]})
    await world.client().post("/api/v1/tokens/refresh", json={"refresh_token": pair["refresh_token"]})
    text = "".join(capsys.readouterr())
    assert text.count('"event": "request"') > 20
    assert all(len(secret) > 5 for secret in secrets)
    assert [secret for secret in secrets if secret in text] == []
