"""`vidctl audit`: who did what."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from vidcompute.cli.jobs import local_time, pages
from vidcompute.cli.session import Session, command

AUDIT = "/api/v1/audit"


def audit(
    session: Session,
    *,
    action: Annotated[str | None, typer.Option(help="Only this, such as asset.deleted.")] = None,
    actor: Annotated[str | None, typer.Option(metavar="ID", help="Only by this key or person.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="ID", help="Only what was done to this.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save all of it: .csv for spreadsheets, else lines of JSON.")
    ] = None,
) -> int | None:
    """List who did what, newest first; or save it all as a file."""
    only = {"action": action, "actor_id": actor, "subject_id": subject}
    if export is not None:
        form = "csv" if export.suffix == ".csv" else "ndjson"
        query = urlencode({name: value for name, value in {**only, "format": form}.items() if value is not None})
        size_bytes = session.api.download(f"{AUDIT}/export?{query}", export, lambda _sent, _all: None)
        session.output.json({"file": str(export), "size_bytes": size_bytes})
        session.output.say(f"saved as {export}")
        return None
    found = pages(session, AUDIT, limit, only)
    session.output.json(found)
    rows = ((local_time(e["at"]), e["actor"], e["action"], e["subject_id"], e["address"]) for e in found["items"])
    session.output.table(("time", "by", "did", "to", "from"), rows)
    return None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "audit", rich_help_panel="Access")(audit)
