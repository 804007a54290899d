"""A job's events as they happen: every change of state, resumable by number, and progress in between."""

import re
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from sqlalchemy import Connection
from starlette.responses import Response

from vidcompute.api import sse
from vidcompute.api.auth import Caller, Standing
from vidcompute.api.declared import JobId, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.views import job_progress
from vidcompute.db.outbox import Event
from vidcompute.services import jobs
from vidcompute.services.accounts import Principal
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.services.states import ENDED_JOBS

router = APIRouter(prefix="/api/v1", tags=["jobs"])

_LOOK_S = 1.0  # how often progress is looked at while nothing changes
_BATCH = 500
_LARGEST_SEQ = 2**62
_NUMBER = re.compile(r"[0-9]{1,19}")

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="Number of the last event that you have; sends what followed."),
]
After = Annotated[
    int, Query(ge=0, le=_LARGEST_SEQ, description="Like `Last-Event-ID`, for clients that can't set headers.")
]

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events. `id` is the event's number, `event` its type (`job.done`, `task.running`, "
        "`asset.playable`, …), `data` a JSON object. Events of type `progress` have no number.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 17\nevent: job.started\ndata: {"job_id":"job_01kq3v8a4rj0t5w6x7y8z9abcd"}\n\n',
            }
        },
    },
    204: {"description": "The job has ended, and you have all its events: do not connect again."},
}


@router.get(
    "/jobs/{job_id}/events",
    operation_id="follow_job",
    summary="Follow a job",
    response_class=Response,
    responses=problems(401, 404, own=_STREAM),
)
async def follow(
    job_id: JobId,
    caller: Caller,
    deps: Given,
    standing: Standing,
    *,
    last_event_id: LastEventId = None,
    after: After = 0,
) -> Response:
    """Send every event of the job, of its tasks and of its asset as they happen, until the job has ended."""
    number = _NUMBER.fullmatch(last_event_id or "")
    seq = min(int(number.group()), _LARGEST_SEQ) if number else after
    first = await deps.db.read(_look, caller.organization_id, job_id, seq, deps.hub)
    if first.ended and not first.events and seq > 0:
        return Response(status_code=204)
    return sse.EventStream(_events(deps, caller, job_id, seq), standing)


class _Seen:
    """What one look at a job found: events that followed, whether it has ended, and how far it is."""

    def __init__(self, events: list[Event], progress: dict[str, Any], *, ended: bool) -> None:
        self.events = events
        self.progress = progress
        self.ended = ended


def _look(conn: Connection, organization_id: str, job_id: str, seq: int, hub: ProgressHub) -> _Seen:
    events = jobs.events_of_job(conn, organization_id, job_id, seq, limit=_BATCH)
    job = jobs.get_job(conn, organization_id, job_id)
    if events:
        return _Seen(events, {}, ended=False)
    stages = jobs.list_stages(conn, job, hub.latest)
    progress, eta_ms = job_progress(job, stages)
    told = {
        "job_id": job_id,
        "status": job.status,
        "fraction": progress.fraction,
        "eta_ms": eta_ms,
        "stages": {stage.name: {"status": stage.status, **stage.progress} for stage in stages},
    }
    return _Seen([], told, ended=job.status in ENDED_JOBS)


async def _events(deps: Deps, caller: Principal, job_id: str, seq: int) -> AsyncGenerator[bytes]:
    sent_s = time.monotonic()
    told: dict[str, Any] = {}
    with deps.db.subscribe() as subscription:
        while not deps.closing.is_set():
            seen = await deps.db.read(_look, caller.organization_id, job_id, seq, deps.hub)
            for item in seen.events:
                seq = item.seq
                yield sse.event(item.type, {**item.data, "created_ms": item.created_ms}, item.seq)
            if seen.events:
                sent_s = time.monotonic()
                continue
            if seen.ended:
                return
            if _apart_from_eta(seen.progress) != _apart_from_eta(told):
                told = seen.progress
                yield sse.event("progress", told)
                sent_s = time.monotonic()
            elif time.monotonic() - sent_s >= sse.HEARTBEAT_S:
                yield sse.HEARTBEAT
                sent_s = time.monotonic()
            await subscription.wait(_LOOK_S)


def _apart_from_eta(progress: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in progress.items() if name != "eta_ms"}
