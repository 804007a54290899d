"""How a job changes its status, and what follows from it: interests, its asset, the outbox."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, bindparam, update

from vidcompute.db.outbox import crossed, emit, now_ms
from vidcompute.db.schema import interests, jobs, one_of
from vidcompute.errors import VidComputeError
from vidcompute.services import assets, tasks
from vidcompute.services.jobs import queries
from vidcompute.services.states import BEGIN, CANCEL, COMPLETE, FAIL, JOB_TRANSITIONS, JobKind, JobStep, Transition
from vidcompute.services.tasks.queries import WANTED_BY, AnyRow

_BY_NAME = {transition.name: transition for transition in JOB_TRANSITIONS}
_STEP = update(jobs).where(jobs.c.id == bindparam("of_id")).values(step=bindparam("to_step"))
_ERROR = ("error_kind", "error_code", "error_detail")
_NEXT = {JobStep.FETCHING: JobStep.FETCHED, JobStep.PROBING: JobStep.PROBED}


def move(conn: Connection, transition: Transition, job_id: str, **values: Any) -> bool:
    """Move one job; False where it isn't in a state that the arrow starts from."""
    statement = _one(transition.name, tuple(sorted(values)))
    parameters = {"of_id": job_id, **{f"to_{name}": value for name, value in values.items()}}
    return _execute(conn, transition, statement, parameters, values)


@cache
def _one(name: str, columns: tuple[str, ...]) -> Update:
    return _update(_BY_NAME[name], jobs.c.id == bindparam("of_id"), columns)


def _update(transition: Transition, condition: ColumnElement[bool], columns: Sequence[str]) -> Update:
    fresh = {column: bindparam(f"to_{column}", type_=jobs.c[column].type) for column in columns}
    return (
        update(jobs)
        .where(condition, one_of(jobs.c.status, transition.sources))
        .values(status=str(transition.target), **fresh)
        .returning(jobs.c.id, jobs.c.organization_id, jobs.c.asset_id, jobs.c.kind, jobs.c.created_ms)
    )


def _execute(
    conn: Connection,
    transition: Transition,
    statement: Update,
    parameters: Mapping[str, Any],
    values: Mapping[str, Any],
) -> bool:
    moved = conn.execute(statement, parameters).all()
    for row in moved:
        data = {"job_id": row.id, "asset_id": row.asset_id, "kind": row.kind, "status": str(transition.target)}
        if values.get("ended_ms") is not None:
            data["duration_ms"] = values["ended_ms"] - row.created_ms
        data |= {name: values[name] for name in _ERROR if values.get(name) is not None}
        emit(conn, row.organization_id, transition.event, row.id, data)
    if moved:
        crossed(conn, f"job.{transition.name}")
    return bool(moved)


_BEGIN_WANTING = _update(
    BEGIN,
    jobs.c.id.in_(WANTED_BY),
    ["started_ms"],
)


def begin_wanting(conn: Connection, task_id: str) -> None:
    """Jobs that want this task, which starts to run, are running from now on."""
    parameters = {"of_task": task_id, "to_started_ms": now_ms()}
    _execute(conn, BEGIN, _BEGIN_WANTING, parameters, {})


def settle(conn: Connection, job_id: str) -> None:
    """See how far a live job is: where all its tasks are done, it is done or goes to its next step."""
    row = queries.how_far(conn, job_id)
    if row is not None:
        _go_on(conn, row)


def settle_wanting(conn: Connection, task_id: str) -> None:
    """As `settle`, for each job that wants this task."""
    for row in queries.how_far_wanting(conn, task_id):
        _go_on(conn, row)


def _go_on(conn: Connection, row: AnyRow) -> None:
    if row.is_open:
        return
    if row.step == JobStep.PLANNED:
        at = now_ms()
        move(conn, BEGIN, row.id, started_ms=at)  # where there was nothing to run
        move(conn, COMPLETE, row.id, ended_ms=at)
        conn.execute(update(interests).where(interests.c.job_id == row.id).values(active=False))
        if row.kind == JobKind.MEDIA:
            assets.mark_ready(conn, row.asset_id)
    elif row.step in _NEXT:
        set_step(conn, row.id, _NEXT[row.step])


def set_step(conn: Connection, job_id: str, step: JobStep) -> None:
    """Record how far a job is on the way to its plan."""
    conn.execute(_STEP, {"of_id": job_id, "to_step": str(step)})


def fail(conn: Connection, job_id: str, error: VidComputeError) -> bool:
    """End a live job with an error: its interests go, and its asset is errored unless an earlier job made it good."""
    told = {"error_kind": error.kind, "error_code": error.code, "error_detail": error.detail}
    return _end(conn, FAIL, job_id, error.code, error.detail, **told)


def cancel(conn: Connection, job_id: str) -> bool:
    """End a live job because its owner wants it: attempts that only it wanted are cancelled in this transaction."""
    return _end(conn, CANCEL, job_id, "job_cancelled", "The job was cancelled.")


def _end(conn: Connection, transition: Transition, job_id: str, code: str, detail: str, **values: Any) -> bool:
    if not move(conn, transition, job_id, ended_ms=now_ms(), **values):
        return False
    tasks.drop(conn, job_id)
    row = queries.job_row(conn, job_id)
    if row is not None and row.kind == JobKind.MEDIA:
        assets.mark_errored(conn, row.asset_id, code, detail)
    return True
