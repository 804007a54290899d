"""The commands about API keys: list, create, rotate, revoke."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from vidcompute.cli.jobs import local_time, pages
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import is_id

KEYS = "/api/v1/keys"

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="An API key's id.")]
Days = Annotated[float | None, typer.Option("--expires-in-days", min=0.001, help="When it ends; never when left out.")]


def path_of(key_id: str) -> str:
    """A key's address; `key_not_found` for what can't be one."""
    if not is_id("key", key_id):
        detail = f"{key_id!r} is no API key's id; `vidctl keys list` shows them."
        raise VidComputeError(Kind.NOT_FOUND, "key_not_found", detail)
    return f"{KEYS}/{key_id}"


def _until(days: float | None) -> dict[str, str]:
    return {} if days is None else {"expires_at": (datetime.now(UTC) + timedelta(days=days)).isoformat()}


def list_keys(
    session: Session,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Those that have expired or were revoked as well.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
) -> int | None:
    """List API keys, newest first."""
    found = pages(session, KEYS, limit, {"dead": "true" if dead else None})
    session.output.json(found)
    head = ("key", "begins", "name", "scopes", "created", "expires", "last used")
    session.output.table(head, (_row(key) for key in found["items"]))
    return None


def _row(key: Mapping[str, Any]) -> tuple[object, ...]:
    ends = "revoked" if key["revoked_at"] else _time(key["expires_at"])
    times = (_time(key["created_at"]), ends, _time(key["last_used_at"]))
    return (key["id"], key["prefix"], key["name"], " ".join(key["scopes"]), *times)


def _time(text: str | None) -> str | None:
    return text and local_time(text)


def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    *,
    scope: Annotated[
        list[str], typer.Option("--scope", metavar="THING:read|write", help="What it may do, '*' for all. Repeat it.")
    ],
    days: Days = None,
) -> int | None:
    """Make an API key. It is shown this once."""
    _tell(session, session.api.post(KEYS, {"name": name, "scopes": scope, **_until(days)}))
    return None


def rotate(
    session: Session,
    key_id: KeyArgument,
    *,
    overlap_s: Annotated[int, typer.Option("--overlap-s", min=0, help="How long the old one goes on.")] = 24 * 3600,
    days: Days = None,
) -> int | None:
    """Replace an API key by a new one that may do the same. It is shown this once."""
    _tell(session, session.api.post(f"{path_of(key_id)}/rotate", {"overlap_s": overlap_s, **_until(days)}))
    return None


def _tell(session: Session, made: Mapping[str, Any]) -> None:
    session.output.json(made)
    if not session.output.as_json:
        session.output.raw(made["secret"])  # into a pipe the key goes alone
    if session.output.is_terminal:
        session.output.say(f"This is {made['id']}. Keep it: it is not shown again.", style="dim")


def revoke(session: Session, key_id: KeyArgument) -> int | None:
    """Let an API key open nothing from now on."""
    key = session.api.delete(path_of(key_id))
    session.output.json(key)
    session.output.say(f"{key['id']} revoked")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="List, make, replace and revoke API keys.", no_args_is_help=True)
    for name, function in (("list", list_keys), ("create", create), ("rotate", rotate), ("revoke", revoke)):
        command(group, name)(function)
    app.add_typer(group, name="keys", rich_help_panel="Access")
