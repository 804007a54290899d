"""`vidctl sign` and `vidctl signing-keys`: links and tokens that let viewers of private videos in."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcompute.cli.assets import path_of
from vidcompute.cli.jobs import local_time
from vidcompute.cli.session import Session, command
from vidcompute.cli.wishes import seconds
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import is_playback_id

KEYS = "/api/v1/signing-keys"
PANEL = "Assets"
_ALGORITHMS = "ES256|RS256|EdDSA"


def sign(
    session: Session,
    video: Annotated[str, typer.Argument(metavar="ASSET", help="An asset's id; with --private-key its playback ID.")],
    *,
    expires: Annotated[str, typer.Option(metavar="TIME", help="How long it is good: 90s, 15m, 6h, 30d.")] = "1h",
    audience: Annotated[
        list[str] | None, typer.Option(metavar="video|thumbnail|storyboard", help="What it opens; all when left out.")
    ] = None,
    ip: Annotated[str | None, typer.Option(help="The address, or network, that viewers must come from.")] = None,
    referrer: Annotated[list[str] | None, typer.Option(metavar="SITE", help="A site that may show it.")] = None,
    viewer: Annotated[str | None, typer.Option(help="Your word for the viewer, for the server's log.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="Sign here with this key (PEM), and ask no server.")] = None,
    key_id: Annotated[str | None, typer.Option(help="The signing key's id, for --private-key.")] = None,
    algorithm: Annotated[str, typer.Option(metavar=_ALGORITHMS, help="The private key's.")] = "ES256",
    revoke: Annotated[bool, typer.Option("--revoke", help="Make none: take back all links that were made.")] = False,
) -> int | None:
    """Make links to a private video, or with --private-key a token, as a backend of yours does it."""
    if revoke:
        session.api.delete(f"{path_of(video)}/signed-links")
        session.output.json({"revoked": True})
        session.output.say("the links that were signed for it open nothing within a minute")
        return None
    wanted: dict[str, Any] = {"expires_in_s": seconds(expires)}
    given = {"audiences": audience, "ip": ip, "referrers": referrer, "viewer_id": viewer}
    wanted |= {name: value for name, value in given.items() if value}
    if private_key is not None:
        if key_id is None:
            raise typer.BadParameter("--private-key needs --key-id.")
        token = _token(video, private_key, key_id, algorithm, wanted)
        session.output.json({"token": token, "query": f"?token={token}"})
        session.output.say(token)
        return None
    made = session.api.post(f"{path_of(video)}/signed-links", wanted)
    session.output.json(made)
    rows = [*made["urls"].items(), ("good until", local_time(made["expires_at"]))]
    session.output.table(("", ""), rows)
    return None


def _token(playback_id: str, private_key: Path, key_id: str, algorithm: str, wanted: dict[str, Any]) -> str:
    from vidcompute.services.admission.models import EVERYTHING, Algorithm, Audience, Pass
    from vidcompute.services.admission.tokens import sign as signed

    if not is_playback_id(playback_id):
        raise invalid("playback_id_invalid", f"{playback_id!r} is no playback ID; `vidctl assets show` names it.")
    try:
        pem = private_key.read_text(encoding="ascii")
        return signed(
            key_id,
            Algorithm(algorithm),
            pem,
            playback_id,
            Pass(
                key_id,
                round(time.time()) + wanted["expires_in_s"],
                tuple(map(Audience, wanted.get("audiences", EVERYTHING))),
                wanted.get("ip"),
                tuple(wanted.get("referrers", ())),
                wanted.get("viewer_id"),
            ),
        )
    except (OSError, ValueError) as error:
        raise invalid("signing_key_invalid", f"This can't be signed with: {error}.") from error


def list_keys(session: Session) -> int | None:
    """List the signing keys, newest first."""
    found = session.api.get(KEYS)
    session.output.json(found)
    rows = (
        (
            key["id"],
            key["algorithm"],
            local_time(key["created_at"]),
            _state(key),
            key["name"],
        )
        for key in found["items"]
    )
    session.output.table(("key", "algorithm", "created", "", "name"), rows)
    return None


def _state(key: Mapping[str, Any]) -> str:
    return "revoked" if key["revoked_at"] else ""


def create_key(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")],
    *,
    out: Annotated[Path | None, typer.Option(help="File for the private key; printed when left out.")] = None,
    algorithm: Annotated[str, typer.Option(metavar=_ALGORITHMS)] = "ES256",
    public_key: Annotated[Path | None, typer.Option(help="The public half (PEM) of a pair that you made.")] = None,
) -> int | None:
    """Make a signing key. Its private half is shown this once."""
    wanted: dict[str, Any] = {"name": name, "algorithm": algorithm}
    if public_key is not None:
        wanted["public_key"] = public_key.read_text(encoding="ascii")
    descriptor = None if out is None else _reserved(out)
    made = session.api.post(KEYS, wanted)
    if descriptor is not None:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(made.pop("private_key") or "")
    session.output.json(made)
    session.output.say(f"{made['id']} ({made['algorithm']})")
    session.output.say(made.get("private_key") or "")
    return None


def _reserved(path: Path) -> int:
    """A new file that nobody else can read: there before the key is, which could not be shown again."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise VidComputeError(Kind.INVALID, "file_unusable", f"{path} can't be made: {error.strerror}.") from error


def revoke_key(
    session: Session, key_id: Annotated[str, typer.Argument(metavar="KEY", help="A signing key's id.")]
) -> int | None:
    """Let nobody in with this key's tokens any more."""
    session.output.json(session.api.delete(f"{KEYS}/{key_id}"))
    session.output.say(f"{key_id} revoked: its tokens open nothing within a minute")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "sign", rich_help_panel=PANEL)(sign)
    group = typer.Typer(help="Keys that tokens for viewers are signed with.", no_args_is_help=True)
    for name, function in (("list", list_keys), ("create", create_key), ("revoke", revoke_key)):
        command(group, name)(function)
    app.add_typer(group, name="signing-keys", rich_help_panel=PANEL)
