"""Counts for the metrics. Each reads an index that holds nothing but what it counts: history costs nothing."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, func, select

from vidcompute.db.schema import DEAD_TASK, FAILED_JOB, LIVE_JOB, READY, attempts, events, jobs, one_of, tasks
from vidcompute.db.schema_outgoing import WAITING, deliveries, mails
from vidcompute.errors import Kind
from vidcompute.services.gauges.models import Gauges, Lag
from vidcompute.services.jobs.models import PRIORITIES
from vidcompute.services.tasks.moves import batches

_NUMBER = func.count().label("number")
_READY = (
    select(tasks.c.priority, _NUMBER, func.min(tasks.c.ready_ms).label("since_ms"))
    .where(READY, tasks.c.ready_ms <= bindparam("at"))
    .group_by(tasks.c.priority)
)
_POSTPONED = (
    select(tasks.c.priority, _NUMBER).where(READY, tasks.c.ready_ms > bindparam("at")).group_by(tasks.c.priority)
)
_OWNED = select(_NUMBER).where(attempts.c.outcome.is_(None))
_LIVE_JOBS = select(jobs.c.kind, jobs.c.status, _NUMBER).where(LIVE_JOB).group_by(jobs.c.kind, jobs.c.status)
_DEAD_JOBS = (
    select(jobs.c.kind, _NUMBER)
    .where(FAILED_JOB, one_of(jobs.c.error_kind, [kind for kind in Kind if kind.retryable]))
    .group_by(jobs.c.kind)
)
_DEAD_TASKS = select(tasks.c.stage, _NUMBER).where(DEAD_TASK).group_by(tasks.c.stage)
_DELIVERIES = select(_NUMBER).select_from(deliveries).where(WAITING)
_MAILS = select(_NUMBER).select_from(mails).where(WAITING)
_NEWEST = select(func.max(events.c.seq))
_OLDEST_AFTER = select(events.c.created_ms).where(events.c.seq > bindparam("taken")).order_by(events.c.seq).limit(1)


def gauges(conn: Connection, at_ms: int, taken_seq: int) -> Gauges:
    """How much there is now; the lag is that of one who has taken the events up to `taken_seq`."""
    ready = conn.execute(_READY, {"at": at_ms}).all()
    postponed = conn.execute(_POSTPONED, {"at": at_ms})
    return Gauges(
        jobs={(row.kind, row.status): row.number for row in conn.execute(_LIVE_JOBS)},
        ready={PRIORITIES[row.priority]: row.number for row in ready},
        oldest_ready_ms={PRIORITIES[row.priority]: row.since_ms for row in ready},
        postponed={PRIORITIES[row.priority]: row.number for row in postponed},
        owned=conn.execute(_OWNED).scalar() or 0,
        dead_tasks={row.stage: row.number for row in conn.execute(_DEAD_TASKS)},
        dead_jobs={row.kind: row.number for row in conn.execute(_DEAD_JOBS)},
        lag=_lag(conn, taken_seq),
        deliveries_waiting=conn.execute(_DELIVERIES).scalar() or 0,
        mails_waiting=conn.execute(_MAILS).scalar() or 0,
    )


def _lag(conn: Connection, taken_seq: int) -> Lag:
    newest = conn.execute(_NEWEST).scalar() or 0
    return Lag(max(0, newest - taken_seq), conn.execute(_OLDEST_AFTER, {"taken": taken_seq}).scalar())


def queued_ms(conn: Connection, job_ids: Iterable[str]) -> dict[str, int]:
    """When each of these jobs was submitted, or last queued again, as far as its events are kept."""
    queued = events.c.type.in_(["job.created", "job.queued"])
    found: dict[str, int] = {}
    for batch in batches(job_ids):
        query = select(events.c.subject_id, func.max(events.c.created_ms).label("at_ms")).where(
            events.c.subject_id.in_(batch), queued
        )
        found.update({row.subject_id: row.at_ms for row in conn.execute(query.group_by(events.c.subject_id))})
    return found
