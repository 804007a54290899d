"""The commands about jobs: status, watch, logs, attempts, list, cancel, retry."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from vidcompute.cli import progress
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.following import ENDED, stream
from vidcompute.cli.output import Output, duration
from vidcompute.cli.session import Session, command
from vidcompute.cli.submit import JOBS
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import is_id

_PAGE = 100
_LOG_PAGE = 1000

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]


def path_of(job_id: str) -> str:
    """A job's address; `job_not_found` for what can't be one."""
    if not is_id("job", job_id):
        detail = f"{job_id!r} is no job's id; `vidctl list` shows them."
        raise VidComputeError(Kind.NOT_FOUND, "job_not_found", detail)
    return f"{JOBS}/{job_id}"


def status(session: Session, job_id: JobArgument) -> int | None:
    """Show a job with its stages."""
    job = session.api.get(path_of(job_id))
    output = session.output
    output.json(job)
    fraction = f"{job['progress']['fraction']:.0%}"
    left = f", {duration(job['eta_ms'])} left" if job["eta_ms"] and job["status"] == "running" else ""
    took = f" after {duration(job['duration_ms'])}" if job["status"] in ENDED and job["duration_ms"] else ""
    output.say(f"{job['id']} {job['status']}{took} ({fraction}{left})", style="bold")
    if job["error"]:
        output.say(f"{job['error']['detail']} [{job['error']['code']}]", style="red")
    output.say(f"asset {job['asset_id']} {job['asset']['status']}")
    output.say(f"watch {job['urls']['watch']}")
    output.table(("stage", "status", "done", "tasks", "took", "speed", "why"), _stage_rows(job))
    progress.list_outputs(output, job)
    return None


def _stage_rows(job: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for stage in job["stages"]:
        why = f"{stage['error']['detail']} [{stage['error']['code']}]" if stage["error"] else stage["waits_for"] or ""
        reused = f" ({stage['reused']} before)" if stage["reused"] else ""
        yield (
            stage["name"],
            stage["status"],
            f"{stage['progress']['fraction']:.0%}",
            f"{stage['tasks_done']}/{stage['tasks']}{reused}",
            duration(stage["duration_ms"]),
            progress.speed_text(stage["progress"]),
            why,
        )


def watch(session: Session, job_id: JobArgument) -> int:
    """Show a job's progress until it has ended; the exit code tells how."""
    job = session.api.get(path_of(job_id))
    return progress.outcome(progress.follow(session.api, session.output, job))


def attempts(
    session: Session,
    job_id: JobArgument,
    *,
    stage: Annotated[str | None, typer.Option(help="Only attempts of this stage.")] = None,
    outcome: Annotated[
        str | None, typer.Option(metavar="ok|failed|lost|cancelled", help="Only attempts that ended so.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 50,
) -> int | None:
    """List the attempts at a job's tasks, newest first: where each ran, and why it failed or was lost."""
    found = pages(session, f"{path_of(job_id)}/attempts", limit, {"stage": stage, "outcome": outcome})
    session.output.json(found)
    rows = (
        (
            attempt["task"],
            str(attempt["number"]),
            attempt["outcome"] or "goes on",
            attempt["node"],
            local_time(attempt["placed_at"]),
            duration(round(attempt["spent"]["wall_s"] * 1000)) if attempt["spent"] else "",
            f"{attempt['error']['detail']} [{attempt['error']['code']}]" if attempt["error"] else "",
        )
        for attempt in found["items"]
    )
    session.output.table(("task", "attempt", "outcome", "node", "placed", "took", "why"), rows)
    _mention_more(session.output, found)
    return None


def logs(
    session: Session,
    job_id: JobArgument,
    *,
    stage: Annotated[str | None, typer.Option(help="Only lines of this stage.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
) -> int | None:
    """Print what a job's attempts logged."""
    path = path_of(job_id)
    lines = _followed(session, path, stage) if follow else _logged(session, path, stage)
    for line in lines:
        session.output.json(line)
        session.output.say(_log_text(line), style={"error": "red", "warning": "yellow"}.get(line["level"], ""))
    return None


def _logged(session: Session, path: str, stage: str | None) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = session.api.get(f"{path}/logs", limit=_LOG_PAGE, cursor=cursor, stage=stage)
        yield from page["items"]
        cursor = page["next_cursor"]
        if len(page["items"]) < _LOG_PAGE:
            return


def _followed(session: Session, path: str, stage: str | None) -> Iterator[dict[str, Any]]:
    for event in stream(session.api, f"{path}/logs", lambda: False, stage=stage):
        if event.kind == "end":
            return
        if event.kind == "log":
            yield dict(event.data)


def _log_text(line: Mapping[str, Any]) -> str:
    at = (line["at"] or "")[11:19]
    level = "" if line["level"] == "info" else f"{line['level']}: "
    return f"{at} {line['task']}  {level}{line['message']}"


def list_jobs(
    session: Session,
    *,
    status: Annotated[
        str | None, typer.Option(metavar="queued|running|done|failed|cancelled", help="Only jobs in this state.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only jobs of this kind.")] = None,
    asset: Annotated[str | None, typer.Option(help="Only jobs of this asset.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Created at this time (RFC 3339) or later.")] = None,
    before: Annotated[str | None, typer.Option(metavar="TIME", help="Created before this time (RFC 3339).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show all there are.")] = False,
) -> int | None:
    """List jobs, newest first."""
    only = {"status": status, "kind": kind, "asset_id": asset, "created_from": since, "created_to": before}
    listed(session, None if everything else limit, only)
    return None


def listed(session: Session, limit: int | None, only: Mapping[str, Any]) -> None:
    """Show jobs, newest first; all of them for None."""
    found = pages(session, JOBS, limit, only)
    session.output.json(found)
    rows = (
        (
            job["id"],
            job["status"],
            job["priority"],
            local_time(job["created_at"]),
            duration(job["duration_ms"]),
            job["asset_id"],
            f"{job['error']['detail']} [{job['error']['code']}]" if job["error"] else "",
        )
        for job in found["items"]
    )
    session.output.table(("job", "status", "priority", "created", "took", "asset", "error"), rows)
    _mention_more(session.output, found)


def pages(session: Session, path: str, limit: int | None, only: Mapping[str, Any]) -> dict[str, Any]:
    """As many items as are wanted (all for None) as one page."""
    items: list[Any] = []
    cursor = None
    while limit is None or len(items) < limit:
        wanted = _PAGE if limit is None else min(_PAGE, limit - len(items))
        page = session.api.get(path, limit=wanted, cursor=cursor, **only)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return {"items": items, "next_cursor": cursor}


def _mention_more(output: Output, found: Mapping[str, Any]) -> None:
    if found["next_cursor"] is not None and output.is_terminal:
        output.say("There are more: --limit N or --all shows them.", style="dim")


def local_time(text: str) -> str:
    """A time of the API, as the clock here says it."""
    from datetime import datetime

    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def cancel(session: Session, job_id: JobArgument) -> int | None:
    """Cancel a job; its processes are gone within 2 s, and what is done stays."""
    job = session.api.delete(path_of(job_id))
    session.output.json(job)
    session.output.say(f"{job['id']} {job['status']}")
    return None


def retry(
    session: Session,
    job_id: JobArgument,
    *,
    stage: Annotated[
        str | None,
        typer.Option("--from", metavar="STAGE", help="Run this stage again, with what depends on it, done or not."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until the job has ended.")] = False,
) -> int:
    """Queue a job that has ended again; what is done is not done again, but for a stage that you name."""
    job = session.api.post(f"{path_of(job_id)}/retry", {"resume_from": stage} if stage else None)
    session.output.say(f"{job['id']} {job['status']}")
    session.output.say(f"runs {', '.join(job['runs']) or 'nothing'}; reused {', '.join(job['reused']) or 'nothing'}")
    if not wait:
        session.output.json(job)
        return ExitCode.OK
    return progress.outcome(progress.follow(session.api, session.output, job))


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for name, function in (
        ("status", status),
        ("watch", watch),
        ("logs", logs),
        ("attempts", attempts),
        ("list", list_jobs),
        ("cancel", cancel),
        ("retry", retry),
    ):
        command(app, name, rich_help_panel="Jobs")(function)
