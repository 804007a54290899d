"""What one round of the dispatcher looks at, from one snapshot."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute.errors import VidComputeError
from vidcompute.services import jobs, tasks
from vidcompute.services.jobs import Unplanned
from vidcompute.services.tasks import ReadyTask


@dataclass(frozen=True)
class View:
    """Jobs that wait for the dispatcher, which attempts are to go on, tasks that are ready, jobs whose time is over.

    `more` says that there may be further tasks that are ready, `next_ms` when there is something to do though nothing
    has happened.
    """

    unplanned: list[Unplanned]
    owned: set[str]
    ready: list[ReadyTask]
    more: bool
    overdue: dict[str, VidComputeError]
    next_ms: int | None


def look(conn: Connection, running: Iterable[str], at_ms: int, turn: str, *, jobs_most: int, tasks_most: int) -> View:
    """All of it, at `at_ms`; of `running` attempts those that are owned. Organizations after `turn` come first.

    There are `jobs_most` jobs at most, and of each priority `tasks_most` background tasks and fewer in the foreground.
    """
    deadline_ms = jobs.next_deadline_ms(conn)
    passed = deadline_ms is not None and deadline_ms <= at_ms
    times = (tasks.next_ready_ms(conn, at_ms), deadline_ms)
    ready = tasks.ready_tasks(conn, at_ms, tasks_most, turn)
    return View(
        jobs.unplanned(conn, jobs_most, turn),
        tasks.owned(conn, running),
        ready.tasks,
        ready.more,
        jobs.overdue(conn, at_ms, tasks_most) if passed else {},
        min((at for at in times if at is not None), default=None),
    )
