"""`vidctl dead`: the jobs that used up their attempts, and how to try them again."""

from typing import Annotated

import typer

from vidcompute.cli.jobs import listed, path_of
from vidcompute.cli.output import Output
from vidcompute.cli.session import Session, command
from vidcompute.cli.submit import JOBS


def dead(
    session: Session,
    job_ids: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Jobs to queue again.")] = None,
    *,
    requeue: Annotated[bool, typer.Option("--requeue", help="Queue them all again, oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
) -> int | None:
    """List the jobs that used up their attempts, with the reason; or queue some of them, or all, again."""
    if job_ids:
        _tell(session.output, [session.api.post(f"{path_of(job_id)}/retry")["id"] for job_id in job_ids])
    elif requeue:
        _tell(session.output, _requeue_all(session))
    else:
        listed(session, limit, {"dead": True})
    return None


def _requeue_all(session: Session) -> list[str]:
    queued: list[str] = []
    while True:
        answer = session.api.post(f"{JOBS}/requeue")
        fresh = [job_id for job_id in answer["job_ids"] if job_id not in queued]  # some may be dead again by now
        queued += fresh
        if not answer["left"] or not fresh:
            return queued


def _tell(output: Output, queued: list[str]) -> None:
    output.json({"job_ids": queued})
    for job_id in queued:
        output.say(f"{job_id} queued")
    if not queued:
        output.say("There are no dead jobs.")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "dead", rich_help_panel="Jobs")(dead)
