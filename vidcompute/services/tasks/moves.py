"""The one way in which a task changes its status: a conditional update and its event, in one transaction.

Statements of the hot paths are built once and run with parameters: building them costs more than running them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Update, bindparam, update

from vidcompute.db.outbox import NewEvent, crossed, emit_all
from vidcompute.db.schema import one_of, tasks
from vidcompute.services.states import START, TASK_TRANSITIONS, Transition

T = TypeVar("T")

BATCH = 500  # identifiers in one statement, well below every database's limit of parameters

_TOLD = (tasks.c.id, tasks.c.organization_id, tasks.c.stage, tasks.c.label, tasks.c.attempt, tasks.c.ready_ms)
_BY_NAME = {transition.name: transition for transition in TASK_TRANSITIONS}


def move(
    conn: Connection,
    transition: Transition,
    task_id: str,
    *,
    attempt: int | None = None,
    values: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> bool:
    """Move one task; False where it isn't in a state that the arrow starts from, or `attempt` doesn't own it."""
    if transition.fenced and attempt is None:
        raise ValueError(f"{transition.name} needs the number of the attempt that owns the task")
    fresh = values or {}
    statement = _one(transition.name, tuple(sorted(fresh)), owned=attempt is not None)
    parameters = {"of_id": task_id, **{f"to_{name}": value for name, value in fresh.items()}}
    if attempt is not None:
        parameters["of_attempt"] = attempt
    return bool(_execute(conn, transition, statement, parameters, told))


@cache
def _one(name: str, columns: tuple[str, ...], *, owned: bool) -> Update:
    condition: ColumnElement[bool] = tasks.c.id == bindparam("of_id")
    if owned:
        condition &= tasks.c.attempt == bindparam("of_attempt")
    return update_where(_BY_NAME[name], condition, columns)


def update_where(transition: Transition, condition: ColumnElement[bool], columns: Sequence[str]) -> Update:
    """The update that moves every task that meets `condition`; `columns` are set from parameters called `to_…`."""
    fresh = {column: bindparam(f"to_{column}", type_=tasks.c[column].type) for column in columns}
    return (
        update(tasks)
        .where(condition, one_of(tasks.c.status, transition.sources))
        .values(status=str(transition.target), **fresh)
        .returning(*_TOLD)
    )


def move_all(
    conn: Connection, transition: Transition, task_ids: Sequence[str], *, values: Mapping[str, Any]
) -> list[str]:
    """Move those of these tasks that are in a state that the (unfenced) arrow starts from; their identifiers."""
    moved: list[str] = []
    parameters = {f"to_{name}": value for name, value in values.items()}
    for batch in batches(task_ids):
        statement = update_where(transition, tasks.c.id.in_(batch), sorted(values))
        moved += _execute(conn, transition, statement, parameters, None)
    return moved


def move_where(conn: Connection, transition: Transition, statement: Update, parameters: Mapping[str, Any]) -> list[str]:
    """Move the tasks that a statement of `update_where` meets; their identifiers."""
    return _execute(conn, transition, statement, parameters, None)


def _execute(
    conn: Connection,
    transition: Transition,
    statement: Update,
    parameters: Mapping[str, Any],
    told: Mapping[str, Any] | None,
) -> list[str]:
    moved = conn.execute(statement, parameters).all()
    emit_all(conn, [_event(transition, row._asdict(), told or {}) for row in moved])
    if moved:
        crossed(conn, f"task.{transition.name}")
    return [row.id for row in moved]


def _event(transition: Transition, row: Mapping[str, Any], told: Mapping[str, Any]) -> NewEvent:
    data = {
        "task_id": row["id"],
        "stage": row["stage"],
        "label": row["label"],
        "attempt": row["attempt"],
        "status": str(transition.target),
        **told,
    }
    if transition is START:
        data["ready_ms"] = row["ready_ms"]  # how long it waited is what a dispatcher is measured by
    return NewEvent(row["organization_id"], transition.event, row["id"], data)


def batches(items: Iterable[T]) -> Iterable[list[T]]:
    """Items in lists that fit one statement."""
    listed = list(items)
    return (listed[i : i + BATCH] for i in range(0, len(listed), BATCH))
