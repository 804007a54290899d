"""`vidctl login`, `logout`, `whoami`: a person lets this program in from a browser, wherever that is (RFC 8628)."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import typer

from vidcompute.cli.local import Endpoint
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError

if TYPE_CHECKING:
    from vidcompute.cli.client import Api

_INTERVAL_S = 5.0  # where the server does not say (RFC 8628, 3.2)
_SLOWER_S = 5.0


def wait_for_answer(
    ask: Callable[[], Mapping[str, Any]], interval_s: float, pause: Callable[[float], None] = time.sleep
) -> Mapping[str, Any]:
    """Ask until a person has answered; what the server gives then.

    `access_denied` where they said no, `expired_token` where they said nothing.
    """
    while True:
        pause(interval_s)
        try:
            return ask()
        except VidComputeError as error:
            if error.code == "slow_down":
                interval_s += _SLOWER_S
            elif error.code != "authorization_pending":
                raise


def login(session: Session) -> int | None:
    """Log in as a person: open the address that is shown in any browser, and let this program in.

    From then on commands go to that server, in your name. An API key that is given goes before it.
    """
    from vidcompute.cli.signed_in import CLIENT, DEVICE_GRANT, login_of, tokens_of

    url, output = session.server_url(), session.output
    api = session.connect(Endpoint(url, ""))
    try:
        named = {"User-Agent": f"vidctl on {os.uname().nodename}"}
        begun = api.answer("POST", "/oauth/device", data={"client_id": CLIENT}, headers=named).json()
        output.json({"event": "code", "id": None, "data": {n: begun[n] for n in ("user_code", "verification_uri")}})
        output.say(f"Open {begun['verification_uri_complete']}")
        output.say(f"or enter the code {begun['user_code']} at {begun['verification_uri']}")
        grant = {"grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
        interval_s = float(begun.get("interval", _INTERVAL_S))
        found = wait_for_answer(lambda: tokens_of(api, named, **grant), interval_s)
        me = _me(api, found["access_token"])
    finally:
        api.close()
    session.logins.keep(url, login_of(found, me["email"]))
    home = next((one for one in me["organizations"] if one["organization_id"] == found["organization_id"]), None)
    told = {"server": url, "email": me["email"], "organization_id": found["organization_id"]}
    output.json({"event": "end", "id": None, "data": told})
    output.say(f"Logged in at {url} as {me['email']}" + (f", in {home['name']} ({home['role']})" if home else ""))
    return None


def _me(api: "Api", access_token: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {access_token}"}
    return dict(api.answer("GET", "/api/v1/me", headers=headers).json())


def logout(session: Session) -> int | None:
    """End the session of `vidctl login`, here and on the server."""
    url = session.server_url()
    if session.logins.of(url) is None:
        raise VidComputeError(Kind.UNAUTHENTICATED, "not_logged_in", f"Nobody is logged in at {url}.")
    api = session.signed_in(url)
    try:
        api.post("/api/v1/logout")
    except VidComputeError as error:
        if error.kind is not Kind.UNAUTHENTICATED:  # else the session was over already
            raise
    finally:
        api.close()
    session.logins.forget(url)
    session.output.json({"server": url, "logged_out": True})
    session.output.say(f"Logged out at {url}")
    return None


def whoami(session: Session) -> int | None:
    """Show who the key, or the login, stands for, and what it may do."""
    found = session.api.get("/api/v1/caller")
    session.output.json(found)
    rows = [(name, found[name]) for name in ("name", "key_id", "person_id", "organization_id", "role") if found[name]]
    session.output.table(("", ""), [*rows, ("scopes", " ".join(found["scopes"]))])
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for name, function in (("login", login), ("logout", logout), ("whoami", whoami)):
        command(app, name, rich_help_panel="Access")(function)
