"""The commands about assets: list, show, update, delete, restore."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from vidcompute.cli import wishes
from vidcompute.cli.jobs import local_time, pages
from vidcompute.cli.output import duration, size
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import is_id

ASSETS = "/api/v1/assets"

AssetArgument = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's id.")]


def path_of(asset_id: str) -> str:
    """An asset's address; `asset_not_found` for what can't be one."""
    if not is_id("asset", asset_id):
        detail = f"{asset_id!r} is no asset's id; `vidctl assets list` shows them."
        raise VidComputeError(Kind.NOT_FOUND, "asset_not_found", detail)
    return f"{ASSETS}/{asset_id}"


def list_assets(
    session: Session,
    *,
    status: Annotated[
        str | None, typer.Option(metavar="preparing|playable|ready|errored", help="Only assets in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show all there are.")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were deleted, and can be restored.")] = False,
) -> int | None:
    """List assets, newest first."""
    only = {"status": status, "deleted": "true" if deleted else None}
    found = pages(session, ASSETS, None if everything else limit, only)
    session.output.json(found)
    rows = (
        (
            asset["id"],
            asset["status"],
            duration(asset["duration_ms"]),
            _shape(asset),
            local_time(asset["created_at"]),
            asset["title"],
        )
        for asset in found["items"]
    )
    session.output.table(("asset", "status", "length", "size", "created", "title"), rows)
    return None


def _shape(asset: Mapping[str, Any]) -> str:
    return f"{asset['width_px']}x{asset['height_px']}" if asset["width_px"] else ""


def show(session: Session, asset_id: AssetArgument) -> int | None:
    """Show an asset and what it has."""
    path = path_of(asset_id)
    asset = session.api.get(path)
    outputs = session.api.get(f"{path}/outputs")["items"]
    session.output.json({**asset, "outputs": outputs})
    session.output.table(("", ""), _described(asset))
    rows = (
        (made["type"], "ready" if made["ready"] else "to come", size(made["size_bytes"]), made["url"])
        for made in outputs
    )
    session.output.table(("output", "state", "size", "address"), rows)
    return None


def _described(asset: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield from (
        (name, asset[name])
        for name in ("id", "status", "title", "passthrough", "job_id", "source_id", "playback_id", "playback_policy")
    )
    yield from (
        ("length", duration(asset["duration_ms"])),
        ("size", _shape(asset)),
        ("frame rate", asset["frame_rate"]),
        ("poster at", f"{asset['poster_time_ms'] / 1000:g} s" if asset["poster_time_ms"] is not None else None),
        ("created", local_time(asset["created_at"])),
        ("expires", local_time(asset["expires_at"]) if asset["expires_at"] else None),
        ("error", f"{asset['error']['detail']} [{asset['error']['code']}]" if asset["error"] else None),
    )
    yield from ((f"metadata {name}", value) for name, value in asset["metadata"].items())
    yield from (("watch", asset["urls"]["watch"]), ("stream", asset["urls"]["stream"]))


def update(
    session: Session,
    asset_id: AssetArgument,
    *,
    title: Annotated[str | None, typer.Option(help="The new title; an empty text clears it.")] = None,
    passthrough: Annotated[str | None, typer.Option(help="The new text; an empty one clears it.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Replaces all keys and values. May be repeated.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="public|signed|password", help="Who may watch: all, by token, by password.")
    ] = None,
    password: Annotated[str | None, typer.Option(help="What viewers are asked for.")] = None,
    ask: Annotated[bool, typer.Option("--ask-password", help="Type the password where nobody sees it.")] = False,
    expires_in: Annotated[
        str | None, typer.Option(metavar="LENGTH|never", help="When it is deleted by itself, such as 12h or 30d.")
    ] = None,
    poster: Annotated[
        str | None, typer.Option(metavar="SECONDS|usual", help="The moment whose picture is its poster.")
    ] = None,
) -> int | None:
    """Change an asset's title, passthrough text, metadata, poster, who may watch it or when it ends; the rest stays."""
    changes: dict[str, Any] = {
        name: value or None for name, value in (("title", title), ("passthrough", passthrough)) if value is not None
    }
    if metadata:
        changes["metadata"] = dict(wishes.pair(text) for text in metadata)
    if ask:
        password = typer.prompt("Password", hide_input=True)
    if password is not None:
        changes["password"] = password
    if policy or password is not None:
        changes["playback_policy"] = policy or "password"
    if expires_in is not None:
        changes["expires_at"] = None if expires_in == "never" else wishes.until(expires_in)
    if poster is not None:
        changes["poster_time_ms"] = None if poster == "usual" else round(1000 * wishes.place_s(poster))
    if not changes:
        raise typer.BadParameter("Say what to change: --title, --passthrough, --metadata, --policy, --expires-in, …")
    asset = session.api.patch(path_of(asset_id), changes)
    session.output.json(asset)
    session.output.table(("", ""), _described(asset))
    return None


def delete(
    session: Session,
    asset_id: AssetArgument,
    *,
    permanent: Annotated[
        bool, typer.Option("--permanent", help="At once and for good: also one that was deleted before.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int | None:
    """Delete an asset. It can be restored for a while; then it goes for good, with everything derived from it."""
    path, ending = path_of(asset_id), " for good" if permanent else ""
    session.output.confirm(f"Delete {asset_id} with everything derived from it{ending}?", yes=yes)
    session.api.delete(path, permanent=permanent or None)
    session.output.json({"id": asset_id, "deleted": True, "permanent": permanent})
    session.output.say(f"{asset_id} deleted{ending}")
    return None


def restore(session: Session, asset_id: AssetArgument) -> int | None:
    """Take a deletion back. `vidctl assets list --deleted` shows what can be restored."""
    asset = session.api.post(f"{path_of(asset_id)}/restore")
    session.output.json(asset)
    session.output.say(f"{asset_id} is there again, {asset['status']}")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands, as a group."""
    group = typer.Typer(help="List, show, change, delete and restore assets.", no_args_is_help=True)
    commands = (("list", list_assets), ("show", show), ("update", update), ("delete", delete), ("restore", restore))
    for name, function in commands:
        command(group, name)(function)
    app.add_typer(group, name="assets", rich_help_panel="Assets")
