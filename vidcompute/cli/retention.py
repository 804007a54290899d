"""The commands about how long things are kept: retention, cleanup."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vidcompute.cli import wishes
from vidcompute.cli.jobs import pages
from vidcompute.cli.output import size
from vidcompute.cli.session import Session, command

RETENTION = "/api/v1/organization/retention"
CLEANUP = "/api/v1/cleanup"

_DAY_S = 24 * 3600
_COUNTED_AS = {"logs": "logs", "source": "sources", "frames": "frames", "asset": "purged", "expiry": "expired"}

Length = Annotated[str | None, typer.Option(metavar="LENGTH|never", help="Such as 12h or 30d.")]


def show(session: Session) -> int | None:
    """Show how long sources, outputs, frames and logs are kept."""
    _tell(session, session.api.get(RETENTION))
    return None


def change(
    session: Session, *, sources: Length = None, outputs: Length = None, frames: Length = None, logs: Length = None
) -> int | None:
    """Change how long things are kept; what is not named stays. With its outputs goes the asset."""
    said = {"sources_s": sources, "outputs_s": outputs, "frames_s": frames, "logs_s": logs}
    changes = {
        name: None if text == "never" else wishes.seconds(text) for name, text in said.items() if text is not None
    }
    if not changes:
        raise typer.BadParameter("Say what to change: --sources, --outputs, --frames or --logs.")
    _tell(session, session.api.patch(RETENTION, changes))
    return None


def _tell(session: Session, kept: Mapping[str, Any]) -> None:
    session.output.json(kept)
    rows = ((name.removesuffix("_s"), _length(kept_s)) for name, kept_s in kept.items())
    session.output.table(("what", "is kept"), rows)


def _length(seconds: int | None) -> str:
    if seconds is None:
        return "for ever"
    days, rest = divmod(seconds, _DAY_S)
    return f"{days} days" if not rest else f"{seconds / 3600:.1f} hours"


def cleanup(
    session: Session,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
) -> int | None:
    """Remove what is not kept any longer: deleted assets whose time to be restored is over, and what has expired."""
    if dry_run:
        _preview(session)
        return None
    total: dict[str, int] = {}
    while True:
        part = session.api.post(CLEANUP)
        more = part.pop("more")
        total = {name: total.get(name, 0) + count for name, count in part.items()}
        if not more:
            break
    session.output.json(total)
    _sum_up(session, total, "removed")
    return None


def _preview(session: Session) -> None:
    items = pages(session, CLEANUP, None, {})["items"]
    total = dict.fromkeys((*_COUNTED_AS.values(), "freed_bytes"), 0)
    for item in items:
        total[_COUNTED_AS[item["what"]]] += item["count"]
        total["freed_bytes"] += item["size_bytes"]
    session.output.json({"items": items, **total})
    rows = ((item["what"], item["subject_id"], size(item["size_bytes"]), item["name"]) for item in items)
    session.output.table(("what", "id", "size", "name"), rows)
    _sum_up(session, total, "would go")


def _sum_up(session: Session, total: Mapping[str, int], verb: str) -> None:
    counts = ", ".join(f"{total[name]} {words}" for name, words in _WORDS.items() if total[name])
    session.output.say(f"{verb}: {counts or 'nothing'}; {size(total['freed_bytes'])}")


_WORDS = {
    "purged": "deleted assets",
    "sources": "sources",
    "frames": "archives of frames",
    "logs": "logs",
    "expired": "assets whose time is over, which can be restored",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Show and change how long things are kept.", no_args_is_help=True)
    for name, function in (("show", show), ("set", change)):
        command(group, name)(function)
    app.add_typer(group, name="retention", rich_help_panel="Assets")
    command(app, "cleanup", rich_help_panel="Assets")(cleanup)
