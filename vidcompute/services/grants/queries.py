"""What is read about what attempts work on."""

from sqlalchemy import Connection, select

from vidcompute.db.schema import attempts, tasks
from vidcompute.services.tasks.queries import AnyRow


def work_of(conn: Connection, attempt_id: str) -> AnyRow | None:
    """An attempt with what its task works on; None where there is none (its job was deleted)."""
    query = (
        select(
            attempts.c.number,
            attempts.c.outcome,
            attempts.c.logs_key,
            tasks.c.organization_id,
            tasks.c.content_key,
            tasks.c.inputs,
            tasks.c.attempt,
            tasks.c.status,
        )
        .join_from(attempts, tasks, tasks.c.id == attempts.c.task_id)
        .where(attempts.c.id == attempt_id)
    )
    return conn.execute(query).one_or_none()
