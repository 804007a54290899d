"""A job's log: the lines of all its attempts, by page, or followed until the job ends."""

import base64
import json
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vidcompute.api import job_schemas as schemas
from vidcompute.api import sse
from vidcompute.api.auth import Caller, Standing
from vidcompute.api.declared import JobId, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.views import at
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import is_id
from vidcompute.services import jobs
from vidcompute.services.accounts import Principal
from vidcompute.services.jobs import JobTask
from vidcompute.services.states import ENDED_JOBS, OWNED_TASKS

router = APIRouter(prefix="/api/v1", tags=["jobs"])

_LOOK_S = 0.5
_MAX_LINES = 1000
_SETTLE_LOOKS = 10  # after a job's end, for logs that are being stored; a server that was killed stores none


@dataclass
class _Position:
    """How much of a job's log was read: every attempt up to `all_to`, and so many lines of some later ones."""

    all_to: str = ""
    lines: dict[str, int] = field(default_factory=dict)

    def text(self) -> str:
        data = json.dumps([self.all_to, self.lines], separators=(",", ":"))
        return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str | None) -> "_Position":
        if not text:
            return cls()
        try:
            all_to, lines = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            fine = all(is_id("att", key) and isinstance(n, int) and n >= 0 for key, n in lines.items())
            if fine and (all_to == "" or is_id("att", all_to)):
                return cls(all_to, dict(lines))
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise invalid("invalid_cursor", "This cursor is not one that a job's log gave out.")


@dataclass(frozen=True)
class _Attempt:
    id: str
    task: JobTask
    logs_key: str
    over: bool  # no line will be added


def _attempts(conn: Connection, organization_id: str, job_id: str) -> tuple[list[_Attempt], str]:
    """The attempts of a job in the order in which they were made, and the job's status."""
    job = jobs.get_job(conn, organization_id, job_id)
    found = []
    for task in jobs.tasks_of(conn, organization_id, job_id):
        for number, key in enumerate(task.logs_keys, 1):
            attempt_id = key.rpartition("/")[2].removesuffix(".log")
            over = number < len(task.logs_keys) or task.status not in OWNED_TASKS
            found.append(_Attempt(attempt_id, task, key, over))
    return sorted(found, key=lambda attempt: attempt.id), job.status


async def _read(
    deps: Deps, attempts: list[_Attempt], position: _Position, stage: str | None, limit: int
) -> list[schemas.LogEntry]:
    """Up to `limit` lines after `position`, which moves on past them."""
    entries: list[schemas.LogEntry] = []
    whole = True  # every attempt so far was read to its end
    for attempt in attempts:
        if attempt.id <= position.all_to:
            continue
        seen = position.lines.get(attempt.id, 0)
        lines, over = await _lines(deps, attempt) if stage in {None, attempt.task.stage} else ([], attempt.over)
        taken = _unbroken(lines, seen)[: limit - len(entries)]
        entries += taken
        last = taken[-1].line if taken else seen
        if whole and over and (not lines or last >= lines[-1].line):
            position.all_to = attempt.id
            position.lines.pop(attempt.id, None)
            continue
        whole = False
        if last:
            position.lines[attempt.id] = last
        if len(entries) >= limit:
            break
    return entries


async def _lines(deps: Deps, attempt: _Attempt) -> tuple[list[schemas.LogEntry], bool]:
    """The lines of an attempt so far, and whether these are all that there will be."""
    if attempt.over:
        stored = await _stored(deps, attempt)
        if stored is not None:
            return stored, True
    live = [line for line in deps.hub.backlog([attempt.task.id]) if line.attempt_id == attempt.id]
    if live:  # where it is over, what is heard of it is about to be stored
        return [_entry(attempt, line.line, at(line.at_ms), line.level, line.message) for line in live], False
    return [], attempt.over


async def _stored(deps: Deps, attempt: _Attempt) -> list[schemas.LogEntry] | None:
    try:
        data = b"".join([piece async for piece in deps.storage.read(attempt.logs_key)])
    except VidComputeError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise
    return list(_parsed(attempt, data.decode("utf-8", "replace")))


def _unbroken(lines: list[schemas.LogEntry], seen: int) -> list[schemas.LogEntry]:
    """The lines after `seen`, up to where one is missing that did not come through: the stored log will have it."""
    found: list[schemas.LogEntry] = []
    for line in lines:
        if line.line > seen:
            if seen and line.line != seen + 1:
                break
            found.append(line)
            seen = line.line
    return found


def _parsed(attempt: _Attempt, text: str) -> Iterator[schemas.LogEntry]:
    """Stored lines are `2026-11-21T10:00:00Z level message`; others are told as they are."""
    *lines, unfinished = text.split("\n")  # and nowhere else: what comes out of files may look like ends of lines
    for number, line in enumerate([*lines, *([unfinished] if unfinished else [])], 1):
        stamp, _, rest = line.partition(" ")
        level, _, message = rest.partition(" ")
        try:
            yield _entry(attempt, number, datetime.fromisoformat(stamp), level, message)
        except ValueError:
            yield _entry(attempt, number, None, "info", line)


def _entry(attempt: _Attempt, line: int, time_at: datetime | None, level: str, message: str) -> schemas.LogEntry:
    return schemas.LogEntry(
        stage=attempt.task.stage,
        task=attempt.task.label,
        attempt_id=attempt.id,
        line=line,
        at=time_at,
        level=level,
        message=message,
    )


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": schemas.LogPage,
        "description": "Lines, oldest first. With `Accept: text/event-stream` they come as events of type `log` as "
        "they are written; an event `end` tells the job's last status.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The job has ended, and you have all its lines: do not connect again."},
}


@dataclass(frozen=True)
class _Wanted:
    limit: int
    cursor: str | None  # of a page, or the id of the last event
    stage: str | None


async def _wanted(
    limit: Annotated[int, Query(ge=1, le=_MAX_LINES, description="How many lines to send at most.")] = 200,
    cursor: Annotated[str | None, Query(max_length=20_000, description="`next_cursor` of the page before.")] = None,
    stage: Annotated[str | None, Query(max_length=40, description="Only lines of this stage.")] = None,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="Id of the last event that you have.")
    ] = None,
) -> _Wanted:
    return _Wanted(limit, last_event_id or cursor, stage)


@router.get(
    "/jobs/{job_id}/logs",
    operation_id="get_job_logs",
    summary="Read a job's log",
    response_class=Response,
    responses=problems(400, 401, 404, 422, own=_ANSWERS),
)
async def get_logs(
    request: Request,
    job_id: JobId,
    caller: Caller,
    deps: Given,
    *,
    wanted: Annotated[_Wanted, Depends(_wanted)],
    standing: Standing,
) -> Response:
    """The lines that the job's attempts logged: a page of them, or all as they come."""
    position = _Position.parse(wanted.cursor)
    attempts, status = await deps.db.read(_attempts, caller.organization_id, job_id)
    if sse.MEDIA_TYPE not in request.headers.get("accept", ""):
        entries = await _read(deps, attempts, position, wanted.stage, wanted.limit)
        page = schemas.LogPage(items=entries, next_cursor=position.text())
        return JSONResponse(page.model_dump(mode="json"))
    if wanted.cursor and status in ENDED_JOBS:
        ahead = _Position.parse(wanted.cursor)
        if not await _read(deps, attempts, ahead, wanted.stage, 1):
            return Response(status_code=204)
    return sse.EventStream(_follow(deps, caller, job_id, position, wanted.stage), standing)


async def _follow(
    deps: Deps, caller: Principal, job_id: str, position: _Position, stage: str | None
) -> AsyncGenerator[bytes]:
    sent_s = time.monotonic()
    patience = _SETTLE_LOOKS
    with deps.db.subscribe() as subscription:
        while not deps.closing.is_set():
            attempts, status = await deps.db.read(_attempts, caller.organization_id, job_id)
            while entries := await _read(deps, attempts, position, stage, _MAX_LINES):
                for entry in entries[:-1]:
                    yield _event(entry, "")
                yield _event(entries[-1], position.text())
                sent_s = time.monotonic()
            patience -= status in ENDED_JOBS
            if status in ENDED_JOBS and (patience <= 0 or not _unsettled(deps, attempts)):
                yield sse.event("end", {"job_id": job_id, "status": status})
                return
            if time.monotonic() - sent_s >= sse.HEARTBEAT_S:
                yield sse.HEARTBEAT
                sent_s = time.monotonic()
            await subscription.wait(_LOOK_S)


def _unsettled(deps: Deps, attempts: list[_Attempt]) -> bool:
    """Whether an attempt has ended whose log may not be in storage yet."""
    over = {attempt.id: attempt.task.id for attempt in attempts if attempt.over}
    return any(line.attempt_id in over for line in deps.hub.backlog(over.values()))


def _event(entry: schemas.LogEntry, cursor: str) -> bytes:
    name = f"id: {cursor}\n".encode() if cursor else b""
    return name + sse.event("log", entry.model_dump(mode="json"))
