"""The commands about captions and subtitles: list, add, update, remove."""

import secrets
from typing import Annotated, Any

import typer

from vidcompute.cli import wishes
from vidcompute.cli.assets import AssetArgument, path_of
from vidcompute.cli.output import duration, size
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import is_id

TrackArgument = Annotated[str, typer.Argument(metavar="TRACK", help="A text track's id.")]


def _path(asset_id: str, track_id: str) -> str:
    if not is_id("track", track_id):
        detail = f"{track_id!r} is no text track's id; `vidctl tracks list` shows them."
        raise VidComputeError(Kind.NOT_FOUND, "track_not_found", detail)
    return f"{path_of(asset_id)}/tracks/{track_id}"


def list_tracks(session: Session, asset_id: AssetArgument) -> int | None:
    """List the captions and subtitles of an asset."""
    found = session.api.get(f"{path_of(asset_id)}/tracks")
    session.output.json(found)
    session.output.table(
        ("track", "language", "name", "kind", "flags", "texts", "until", "size"), map(_row, found["items"])
    )
    return None


def _row(track: dict[str, Any]) -> tuple[object, ...]:
    flags = ", ".join(flag for flag in ("default", "autoselect", "forced") if track[flag])
    told = (track["id"], track["language"], track["name"], track["kind"], flags, track["cues"])
    return (*told, duration(track["end_ms"]), size(track["size_bytes"]))


def add(
    session: Session,
    asset_id: AssetArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A WebVTT or SubRip file.")],
    *,
    language: Annotated[str, typer.Option("--language", "-l", help="Its language as BCP 47 has it, such as pt-BR.")],
    name: Annotated[str | None, typer.Option(help="What viewers choose it by; its language when left out.")] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="subtitles|captions", help="Captions are for who does not hear.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Show it unless a viewer chooses.")] = False,
    autoselect: Annotated[bool, typer.Option(help="Whether players may choose it for its language.")] = True,
    forced: Annotated[bool, typer.Option("--forced", help="Show it even where no text is wanted.")] = False,
) -> int | None:
    """Give an asset captions or subtitles: players are offered them at once."""
    try:
        data = wishes.media_file(file).read_bytes()
    except OSError as error:
        raise invalid("file_unreadable", f"{file} can't be read: {error.strerror}.") from error
    wanted = {"language": language, "name": name, "kind": kind, "autoselect": autoselect}
    wanted |= {"default": default, "forced": forced}
    query = {key: str(value).lower() if isinstance(value, bool) else value for key, value in wanted.items()}
    query = {key: value for key, value in query.items() if value is not None}
    once = {"Idempotency-Key": secrets.token_hex(16)}
    made = session.api.answer("POST", f"{path_of(asset_id)}/tracks", params=query, content=data, headers=once).json()
    session.output.json(made)
    session.output.say(f"{made['name']} ({made['language']}) is {made['id']}, with {made['cues']} texts")
    return None


def update(
    session: Session,
    asset_id: AssetArgument,
    track_id: TrackArgument,
    *,
    language: Annotated[str | None, typer.Option("--language", "-l", help="Its language, such as pt-BR.")] = None,
    name: Annotated[str | None, typer.Option(help="What viewers choose it by.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="subtitles|captions", help="What it is for.")] = None,
    default: Annotated[bool | None, typer.Option(help="Whether it is shown unless a viewer chooses.")] = None,
    autoselect: Annotated[bool | None, typer.Option(help="Whether players may choose it for its language.")] = None,
    forced: Annotated[bool | None, typer.Option(help="Whether it is shown even where no text is wanted.")] = None,
) -> int | None:
    """Change what viewers choose a track by. Another text is another track."""
    wanted = {"language": language, "name": name, "kind": kind, "default": default}
    wanted |= {"autoselect": autoselect, "forced": forced}
    changes = {key: value for key, value in wanted.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Say what to change: --language, --name, --kind, --default, --autoselect, --forced.")
    changed = session.api.patch(_path(asset_id, track_id), changes)
    session.output.json(changed)
    session.output.say(f"{changed['name']} ({changed['language']}) is changed")
    return None


def remove(session: Session, asset_id: AssetArgument, track_id: TrackArgument) -> int | None:
    """Take a track away from an asset, for good."""
    session.api.delete(_path(asset_id, track_id))
    session.output.json({"id": track_id, "deleted": True})
    session.output.say(f"{track_id} removed")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands, as a group."""
    group = typer.Typer(help="List, add, change and remove captions and subtitles.", no_args_is_help=True)
    for name, function in (("list", list_tracks), ("add", add), ("update", update), ("remove", remove)):
        command(group, name)(function)
    app.add_typer(group, name="tracks", rich_help_panel="Assets")
