"""Clocks that are set: nothing waits for the time that is to come a second time."""

import pytest
from sqlalchemy import Connection, select, update

from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import lease, outbox, schema
from vidcompute.dispatch.clock import Clock
from vidcompute.errors import Kind
from vidcompute.services import jobs, tasks
from vidcompute.services.jobs import RetryPolicy

HOUR_MS = 3_600_000


def test_a_step_back_is_noticed_once_and_passing_time_never() -> None:
    day_ms, steady_s = [10_000_000], [5.0]
    clock = Clock(lambda: day_ms[0], lambda: steady_s[0])
    steady_s[0] += 3.0
    day_ms[0] += 3000
    assert clock.set_back_ms() == 0
    day_ms[0] -= HOUR_MS
    assert clock.set_back_ms() == HOUR_MS
    assert clock.set_back_ms() == 0
    day_ms[0] += 2 * HOUR_MS
    assert clock.set_back_ms() == 0
    day_ms[0] -= 2 * HOUR_MS
    steady_s[0] += 1.0
    assert clock.set_back_ms() == 2 * HOUR_MS + 1000


def postponed(conn: Connection) -> str:
    toys.submit(conn)
    (probe,) = toys.run_until(conn, "probe")
    jobs.finish(conn, toys.failed(probe, Kind.UNAVAILABLE), RetryPolicy(base_s=0.001, cap_s=0.001))
    return probe.task_id


def test_what_waits_to_be_tried_again_does_not_wait_for_a_clock_that_was_set_back(conn: Connection) -> None:
    postponed(conn)
    conn.execute(update(schema.tasks).values(ready_ms=schema.tasks.c.ready_ms + HOUR_MS))
    assert tasks.ready_tasks(conn, outbox.now_ms() + 5000, 9).tasks == []
    jobs.set_back(conn, HOUR_MS, RetryPolicy())
    assert len(tasks.ready_tasks(conn, outbox.now_ms() + 5000, 9).tasks) == 1


def test_a_wait_that_began_while_the_clock_was_ahead_ends_when_it_is_set_back(
    conn: Connection,
) -> None:
    postponed(conn)
    conn.execute(update(schema.tasks).values(ready_ms=schema.tasks.c.ready_ms + HOUR_MS))
    jobs.set_back(conn, 1000, RetryPolicy())
    assert len(tasks.ready_tasks(conn, outbox.now_ms() + 1, 9).tasks) == 1


def test_what_was_never_tried_waits_for_no_time(conn: Connection) -> None:
    job = toys.submit(conn)
    toys.run_until(conn, "probe")
    conn.execute(update(schema.tasks).values(status="ready", ready_ms=outbox.now_ms() + HOUR_MS))  # by another's clock
    assert len(tasks.ready_tasks(conn, outbox.now_ms(), 9).tasks) == 1
    (stage,) = jobs.list_stages(conn, job)
    assert stage.waits_for == "Waits for its turn."


@pytest.mark.parametrize(("ahead_ms", "waits"), [(HOUR_MS, True), (3 * HOUR_MS, False)])
def test_a_new_leader_believes_no_wait_that_is_longer_than_any_can_be(
    conn: Connection, ahead_ms: int, waits: bool
) -> None:
    postponed(conn)
    conn.execute(update(schema.tasks).values(ready_ms=outbox.now_ms() + ahead_ms))
    jobs.adopt(conn, RetryPolicy(longest_asked_s=7200.0))
    assert (tasks.ready_tasks(conn, outbox.now_ms() + 1, 9).tasks == []) is waits


def test_a_lease_that_lasts_longer_than_one_can_runs_out_in_time(conn: Connection) -> None:
    assert lease.take(conn, "dispatcher", "one", 60_000).epoch == 1
    conn.execute(update(schema.leases).values(expires_ms=lease.clock_ms(conn) + HOUR_MS))
    assert lease.take(conn, "dispatcher", "two", 60_000).wait_ms == 60_000
    expires_ms = conn.execute(select(schema.leases.c.expires_ms)).scalar_one()
    assert expires_ms <= lease.clock_ms(conn) + 60_000


def test_events_of_a_job_are_told_though_the_clock_was_set_back_after_it_was_made(conn: Connection) -> None:
    made = toys.submit(conn)
    conn.execute(update(schema.jobs).values(created_ms=made.created_ms + HOUR_MS))
    toys.run_everything(conn)
    told = [event.type for event in jobs.events_of_job(conn, ORG, made.id, 0)]
    assert told[:2] == ["asset.created", "job.created"]
    assert told[-1] in {"job.done", "asset.ready"}
