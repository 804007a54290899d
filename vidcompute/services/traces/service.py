"""From events to spans: each thing that ended is a span within what it is part of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vidcompute.db.outbox import Event, all_since
from vidcompute.ports.tracing import Span, within
from vidcompute.services.gauges import queued_ms
from vidcompute.services.traces import queries
from vidcompute.services.traces.queries import AnyRow

_ENDED_JOBS = frozenset({"job.done", "job.failed", "job.cancelled"})
_ENDED_TASKS = frozenset({"task.done", "task.dead", "task.cancelled"})
_TOGETHER_MS = 1000  # what one transaction writes is stamped by its steps
_BAD = frozenset({"failed", "lost"})


@dataclass(frozen=True)
class Ended:
    """Spans of what ended in some events, and the number of the last of these."""

    seq: int
    spans: tuple[Span, ...]


def ended_since(conn: Connection, seq: int, limit: int = 500) -> Ended:
    """The spans of what up to `limit` events after `seq` say has ended; a job that no trace was begun for has none."""
    events = all_since(conn, seq, limit=limit)
    if not events:
        return Ended(seq, ())
    spans = (*_of_jobs(conn, events), *_of_tasks(conn, events))
    return Ended(events[-1].seq, spans)


def _of_jobs(conn: Connection, events: Sequence[Event]) -> Iterator[Span]:
    told = [e for e in events if e.type in _ENDED_JOBS or e.type == "job.planned"]
    rows = queries.traced_jobs(conn, [e.subject_id for e in told]) if told else {}
    queued = queued_ms(conn, rows) if rows else {}  # a trace of one that was queued again begins with that
    for event in told:
        row = rows.get(event.subject_id)
        if row is None:
            continue
        if event.type == "job.planned":
            before_ms = queries.prepared_ms(conn, row.id, event.created_ms) or 0
            start_ms = min(event.created_ms, max(row.created_ms, before_ms))
            made = {"vidcompute.tasks": event.data["tasks"], "vidcompute.stages": " ".join(event.data["stages"])}
            yield Span(within(_job(row), "plan"), _job(row), "plan", start_ms, event.created_ms, made)
        else:
            yield _job_span(row, event, queued.get(row.id, row.created_ms))


def _job(row: AnyRow) -> str:
    return within(row.traceparent, row.id)


def _job_span(row: AnyRow, event: Event, start_ms: int) -> Span:
    attributes = _known(
        {
            "vidcompute.job.id": row.id,
            "vidcompute.job.kind": row.kind,
            "vidcompute.job.status": event.data["status"],
            "vidcompute.asset.id": row.asset_id,
            "vidcompute.organization.id": row.organization_id,
            "error.type": event.data.get("error_code"),
        }
    )
    error = event.data.get("error_detail", "") if event.type == "job.failed" else ""
    return Span(_job(row), row.traceparent, "job", start_ms, event.created_ms, attributes, error)


def _of_tasks(conn: Connection, events: Sequence[Event]) -> Iterator[Span]:
    told = [e for e in events if e.type in _ENDED_TASKS or (e.type == "task.ready" and "reason" in e.data)]
    ids = list(dict.fromkeys(e.subject_id for e in told))
    wanting = queries.traced_wanting(conn, ids) if ids else {}
    if not wanting:
        return
    tried = queries.attempts_of(conn, wanting)
    ready = queries.ready_times(conn, wanting)
    for event in told:
        attempt = _attempt_that_ended(event, tried.get((event.subject_id, event.data["attempt"])))
        for job in wanting.get(event.subject_id, ()):
            if job.created_ms > event.created_ms or (job.ended_ms or event.created_ms) < _since(attempt, event):
                continue  # it was not there any more, or not yet
            context = within(_job(job), event.subject_id)
            if attempt is not None:
                yield _attempt_span(context, event, attempt)
            if event.type in _ENDED_TASKS:
                times = [at for at in ready.get(event.subject_id, ()) if job.created_ms <= at <= event.created_ms]
                yield _task_span(context, _job(job), event, min(times, default=_since(attempt, event)))


def _since(attempt: AnyRow | None, event: Event) -> int:
    return event.created_ms if attempt is None else int(attempt.created_ms)


def _attempt_that_ended(event: Event, newest: AnyRow | None) -> AnyRow | None:
    """The attempt whose end the event tells of; None where none ran then."""
    if newest is None or newest.ended_ms is None:
        return None
    if event.type == "task.cancelled":  # it may have been between two attempts
        return newest if newest.ended_ms >= event.created_ms - _TOGETHER_MS else None
    return newest if event.type != "task.done" or "attempt_id" in event.data else None


def _task_span(context: str, parent: str, event: Event, start_ms: int) -> Span:
    attributes = _known(
        {
            "vidcompute.task.id": event.subject_id,
            "vidcompute.task.status": event.data["status"],
            "vidcompute.stage": event.data["stage"],
            "vidcompute.task.attempts": event.data["attempt"],
            "error.type": event.data.get("error_code"),
        }
    )
    error = event.data.get("error_detail", "") if event.type == "task.dead" else ""
    return Span(context, parent, f"task {event.data['label']}", start_ms, event.created_ms, attributes, error)


def _attempt_span(task: str, event: Event, row: AnyRow) -> Span:
    started_ms = row.started_ms if row.started_ms is not None else row.created_ms
    attributes = _known(
        {
            "vidcompute.attempt.id": row.id,
            "vidcompute.attempt.number": row.number,
            "vidcompute.attempt.outcome": row.outcome,
            "vidcompute.attempt.start_ms": started_ms - row.created_ms,
            "vidcompute.stage": event.data["stage"],
            "vidcompute.node": row.node,
            "vidcompute.logs_key": row.logs_key,
            "error.type": row.error_code,
            **_measured(row.metrics or {}),
        }
    )
    error = (row.error_detail or row.outcome) if row.outcome in _BAD else ""
    name = f"attempt {event.data['label']} {row.number}"
    return Span(within(task, row.id), task, name, row.created_ms, row.ended_ms, attributes, error)


def _measured(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {f"vidcompute.{name}": value for name, value in metrics.items() if isinstance(value, int | float)}


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
