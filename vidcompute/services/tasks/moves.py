"""The one way in which a task changes its status: a conditional update and its event, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, update

from vidcompute.db.outbox import NewEvent, emit_all
from vidcompute.db.schema import tasks
from vidcompute.services.states import Transition

BATCH = 500  # identifiers in one statement, well below every database's limit of parameters

_TOLD = (tasks.c.id, tasks.c.organization_id, tasks.c.stage, tasks.c.label, tasks.c.attempt)


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
    condition = tasks.c.id == task_id
    if attempt is not None:
        condition &= tasks.c.attempt == attempt
    return bool(move_where(conn, transition, condition, values=values, told=told))


def move_all(
    conn: Connection, transition: Transition, task_ids: Sequence[str], *, values: Mapping[str, Any] | None = None
) -> list[str]:
    """Move those of these tasks that are in a state that the (unfenced) arrow starts from; their identifiers."""
    moved: list[str] = []
    for batch in batches(task_ids):
        moved += move_where(conn, transition, tasks.c.id.in_(batch), values=values)
    return moved


def move_where(
    conn: Connection,
    transition: Transition,
    condition: ColumnElement[bool],
    *,
    values: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> list[str]:
    """Move every task that meets `condition` and is in a state that the arrow starts from; their identifiers."""
    statement = (
        update(tasks)
        .where(condition, tasks.c.status.in_(sorted(transition.sources)))
        .values(status=transition.target, **(values or {}))
        .returning(*_TOLD)
    )
    moved = conn.execute(statement).all()
    emit_all(conn, [_event(transition, row._asdict(), told or {}) for row in moved])
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
    return NewEvent(row["organization_id"], transition.event, row["id"], data)


def batches(items: Iterable[str]) -> Iterable[list[str]]:
    """Items in lists that fit one statement."""
    listed = list(items)
    return (listed[i : i + BATCH] for i in range(0, len(listed), BATCH))
