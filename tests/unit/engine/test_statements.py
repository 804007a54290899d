"""How many statements the hot paths take. Each is a round trip to PostgreSQL, and that is what they cost there."""

import sqlite3
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select

from tests.unit.engine import toys
from vidcompute.db import acting, outbox, schema
from vidcompute.dispatch.looking import look
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import jobs, tasks


@dataclass
class Counter:
    """What was sent since it was last asked."""

    sent: list[str] = field(default_factory=list)

    def of(self, step: Callable[[], Any]) -> int:
        self.sent.clear()
        step()
        return len(self.sent)


@pytest.fixture
def counter(conn: Connection) -> Generator[Counter]:
    made = Counter()

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        made.sent.append(statement)

    event.listen(conn, "before_cursor_execute", note)
    yield made
    event.remove(conn, "before_cursor_execute", note)


def test_from_submit_to_the_first_start(conn: Connection, counter: Counter) -> None:
    acting.bind(conn, acting.Actor("key", "key_1", "vk_1"))  # so that the audit log is written as well
    source = toys.add_source(conn)
    spec = JobSpec.model_validate({"input": {"source": source.id}, "outputs": ["hls"]})
    assert counter.of(lambda: jobs.submit(conn, toys.ORG, spec, source=source, prelude=toys.PLANNER)) == 9
    acting.bind(conn, None)
    view = []
    assert counter.of(lambda: view.append(look(conn, [], outbox.now_ms(), toys.ORG, jobs_most=9, tasks_most=9))) == 5
    (task,) = view[0].ready
    assert counter.of(lambda: toys.place(conn, task.id)) == 4


def test_the_life_of_an_attempt(conn: Connection, counter: Counter) -> None:
    toys.submit(conn)
    first, _, last = toys.run_until(conn, "encode")
    assert counter.of(lambda: jobs.start(conn, first.attempt_id)) == 4
    assert counter.of(lambda: jobs.finish(conn, toys.done(first), toys.AT_ONCE)) == 7
    assert counter.of(lambda: jobs.start(conn, last.attempt_id)) == 4


def test_looking_for_work_costs_the_same_however_long_the_queue_is(conn: Connection) -> None:
    toys.submit(conn)
    toys.run_until(conn, "probe")
    toys.submit(conn, "d1")
    toys.advance(conn)
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    steps: list[int] = []

    def look_once() -> int:
        steps.clear()
        driver.set_progress_handler(lambda: steps.append(1), 10)  # after each ten instructions of SQLite's machine
        tasks.ready_tasks(conn, 2**62, 4)
        driver.set_progress_handler(None, 0)
        return len(steps)

    _fill(conn, 20)
    few = look_once()
    _fill(conn, 5000)
    assert abs(look_once() - few) <= 10


def _fill(conn: Connection, count: int) -> None:
    """So many copies of a task that is ready, half of them in the background."""
    (task,) = tasks.ready_tasks(conn, 2**62, 1).tasks[:1]
    row = conn.execute(select(schema.tasks).where(schema.tasks.c.id == task.id)).one()._asdict()
    copies = [
        {**row, "id": f"task_{count}_{n}", "content_key": f"{count}-{n}", "background": n % 2 == 0}
        for n in range(count)
    ]
    conn.execute(insert(schema.tasks), copies)
