"""What is read for traces: jobs that belong to one, and the attempts that ran for them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, func, select

from vidcompute.db.schema import attempts, events, interests, jobs, tasks
from vidcompute.services.tasks.moves import batches

AnyRow = Row[*tuple[Any, ...]]
_JOB = ("id", "organization_id", "asset_id", "kind", "status", "created_ms", "ended_ms", "traceparent")
_OF_JOB = [jobs.c[name] for name in (*_JOB, "error_code", "error_detail")]


def traced_jobs(conn: Connection, job_ids: Iterable[str]) -> dict[str, AnyRow]:
    """Those of these jobs that belong to a trace, by id."""
    found: dict[str, AnyRow] = {}
    for batch in batches(job_ids):
        query = select(*_OF_JOB).where(jobs.c.id.in_(batch), jobs.c.traceparent.is_not(None))
        found.update({row.id: row for row in conn.execute(query)})
    return found


def traced_wanting(conn: Connection, task_ids: Iterable[str]) -> dict[str, list[AnyRow]]:
    """The jobs in a trace that want, or wanted, each of these tasks."""
    found: dict[str, list[AnyRow]] = {}
    for batch in batches(task_ids):
        query = (
            select(interests.c.task_id, *_OF_JOB)
            .join_from(interests, jobs, jobs.c.id == interests.c.job_id)
            .where(interests.c.task_id.in_(batch), jobs.c.traceparent.is_not(None))
            .distinct()
        )
        for row in conn.execute(query):
            found.setdefault(row.task_id, []).append(row)
    return found


def attempts_of(conn: Connection, task_ids: Iterable[str]) -> dict[tuple[str, int], AnyRow]:
    """The attempts of these tasks, by task and number."""
    found: dict[tuple[str, int], AnyRow] = {}
    for batch in batches(task_ids):
        query = select(attempts).where(attempts.c.task_id.in_(batch))
        found.update({(row.task_id, row.number): row for row in conn.execute(query)})
    return found


def ready_times(conn: Connection, task_ids: Iterable[str]) -> dict[str, list[int]]:
    """When each of these tasks became ready, as far as its events are kept, in Unix milliseconds."""
    found: dict[str, list[int]] = {}
    for batch in batches(task_ids):
        query = (
            select(events.c.subject_id, events.c.created_ms)
            .where(events.c.subject_id.in_(batch), events.c.type == "task.ready")
            .order_by(events.c.seq)
        )
        for row in conn.execute(query):
            found.setdefault(row.subject_id, []).append(row.created_ms)
    return found


def prepared_ms(conn: Connection, job_id: str, before_ms: int) -> int | None:
    """When the newest task of a job was done that was done before a time."""
    mine = select(interests.c.task_id).where(interests.c.job_id == job_id)
    query = select(func.max(tasks.c.ended_ms)).where(tasks.c.id.in_(mine), tasks.c.ended_ms <= before_ms)
    return conn.execute(query).scalar()
