"""Interests: which job wants which task. The last one to go takes the task's attempt with it."""

from sqlalchemy import Connection, update

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import attempts, interests, one_of, tasks
from vidcompute.services.states import ABANDON, LIVE_TASKS, RESTORE
from vidcompute.services.tasks.moves import batches, move_all
from vidcompute.services.tasks.queries import highest_priority, of_job, unwanted, with_artifact


def drop(conn: Connection, job_id: str) -> list[str]:
    """End a job's interests: tasks that nobody else wants are cancelled with their attempts, others repriced.

    A task that was only to be made again is done, as it was before. Returns the tasks that nobody wants.
    """
    conn.execute(update(interests).where(interests.c.job_id == job_id, interests.c.active).values(active=False))
    at = now_ms()
    left = unwanted(conn, job_id)
    again = with_artifact(conn, left)
    gone = move_all(conn, RESTORE, again, values={"ended_ms": at})
    gone += move_all(conn, ABANDON, [task_id for task_id in left if task_id not in again], values={"ended_ms": at})
    for batch in batches(gone):
        ended = update(attempts).where(attempts.c.task_id.in_(batch), attempts.c.outcome.is_(None))
        conn.execute(ended.values(outcome="cancelled", ended_ms=at))
    reprice(conn, job_id)
    return gone


def reprice(conn: Connection, job_id: str) -> None:
    """Give each live task of a job the highest priority among its active interests."""
    highest = highest_priority().scalar_subquery()
    conn.execute(
        update(tasks)
        .where(tasks.c.id.in_(of_job(job_id)), one_of(tasks.c.status, LIVE_TASKS), tasks.c.priority != highest)
        .values(priority=highest)
    )
