"""`vidctl events`: what happened in the organization, and what happens."""

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from vidcompute.cli.following import stream
from vidcompute.cli.output import Output
from vidcompute.cli.session import Session, command

PATH = "/api/v1/events"
_PAGE = 500


def events(
    session: Session,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until interrupted.")] = False,
    kind: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help='Only these: "job.done", "asset.*"; repeatable.')
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only events of this asset, job, task, ….")] = None,
    cursor: Annotated[str | None, typer.Option(help="Only what came after this number.")] = None,
    types: Annotated[bool, typer.Option("--types", help="List the types that there are, instead.")] = False,
) -> int | None:
    """List what happened, oldest first, as far as it is kept; or follow what happens."""
    if types:
        _list_types(session)
        return None
    wanted = {"type": kind, "subject_id": subject}
    for event in _followed(session, cursor, wanted) if follow else _listed(session, cursor, wanted):
        session.output.json(event)
        _say(session.output, event)
    return None


def _list_types(session: Session) -> None:
    found = session.api.get("/api/v1/event-types")
    session.output.json(found)
    session.output.table(("type", "tells"), ((kind["name"], kind["summary"]) for kind in found["items"]))


def _listed(session: Session, cursor: str | None, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        page = session.api.get(PATH, limit=_PAGE, cursor=cursor, **wanted)
        yield from page["items"]
        cursor = page["next_cursor"]
        if len(page["items"]) < _PAGE:
            return


def _followed(session: Session, cursor: str | None, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for event in stream(session.api, f"{PATH}/stream", lambda: False, pause=time.sleep, cursor=cursor, **wanted):
        if event.kind != "cursor":
            yield dict(event.data)


def _say(output: Output, event: Mapping[str, Any]) -> None:
    told = ", ".join(f"{name} {value}" for name, value in event["data"].items() if _is_short(value, event))
    output.say(
        f"{event['seq']:>8}  {event['timestamp'][:19]}  {event['type']:<18} {event['subject_id']}  {told}".rstrip()
    )


def _is_short(value: object, event: Mapping[str, Any]) -> bool:
    return isinstance(value, str | int) and value != event["subject_id"]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "events", rich_help_panel="Integration")(events)
