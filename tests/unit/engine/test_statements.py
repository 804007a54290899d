"""How many statements the hot paths take. Each is a round trip to PostgreSQL, and that is what they cost there."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, event

from tests.unit.engine import toys
from vidcompute.db import acting, outbox
from vidcompute.dispatch.looking import look
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import jobs


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
