"""How attempts end, and what follows for their tasks and jobs: retries, losses, dead letters, hand-backs."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from tests.unit.engine.test_jobs import job, task
from tests.unit.engine.toys import AT_ONCE, ORG
from vidcompute.db import outbox, schema
from vidcompute.errors import Kind
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.services import assets, jobs, tasks
from vidcompute.services.jobs import RetryPolicy


def test_a_failure_that_may_pass_is_tried_again_after_a_wait_that_grows(conn: Connection) -> None:
    toys.submit(conn)
    policy = RetryPolicy(max_attempts=3, base_s=10.0, cap_s=15.0)
    waits = []
    for number in (1, 2):
        (probe,) = toys.run_until(conn, "probe")
        assert probe.number == number
        jobs.finish(conn, toys.failed(probe, Kind.UNAVAILABLE), policy)
        row = task(conn, "probe")
        waits.append(row.ready_ms - outbox.now_ms())
        assert (row.status, row.failures, row.error_code) == ("ready", number, "boom")
        assert tasks.ready_tasks(conn, outbox.now_ms(), 9).tasks == []
        assert tasks.next_ready_ms(conn, outbox.now_ms()) == row.ready_ms
    assert 4_000 < waits[0] <= 15_000
    assert 7_000 < waits[1] <= 22_500


def test_each_stage_may_have_attempts_and_waits_of_its_own(conn: Connection) -> None:
    toys.submit(conn)
    patient = RetryPolicy(max_attempts=9, base_s=100.0, cap_s=100.0)
    policy = RetryPolicy(max_attempts=1, base_s=0.0, cap_s=0.0, by_stage={"probe": patient})
    (probe,) = toys.run_until(conn, "probe")
    jobs.finish(conn, toys.failed(probe, Kind.UNAVAILABLE), policy)
    row = task(conn, "probe")
    assert row.status == "ready"
    assert 49_000 < row.ready_ms - outbox.now_ms() <= 150_000
    assert policy.of("encode") is policy
    assert policy.longest_wait_s == 3600.0
    assert RetryPolicy(longest_asked_s=1.0, by_stage={"x": patient}).longest_wait_s == 3600.0


def test_a_busy_provider_is_left_alone_for_as_long_as_it_asks_within_bounds(conn: Connection) -> None:
    toys.submit(conn)
    policy = RetryPolicy(max_attempts=9, base_s=0.1, cap_s=0.1, longest_asked_s=60.0)
    for asked_s, wait_s in ((30.0, 30.0), (1e6, 60.0)):
        (probe,) = toys.run_until(conn, "probe")
        jobs.finish(conn, replace(toys.failed(probe, Kind.RATE_LIMITED), retry_after_s=asked_s), policy)
        assert task(conn, "probe").ready_ms - outbox.now_ms() == pytest.approx(1000 * wait_s, abs=500)


def test_a_task_that_used_up_its_attempts_is_dead_and_its_job_failed_with_the_reason(conn: Connection) -> None:
    made = toys.submit(conn)
    for _ in range(AT_ONCE.max_attempts):
        (probe,) = toys.run_until(conn, "probe")
        jobs.finish(conn, toys.failed(probe), AT_ONCE)
    ended = job(conn, made.id)
    assert task(conn, "probe").status == "dead"
    assert (ended.status, ended.error_kind, ended.error_code) == ("failed", "internal", "boom")
    (stage,) = jobs.list_stages(conn, ended)
    assert (stage.status, stage.attempts, stage.error_code) == ("dead", 3, "boom")


def test_refused_media_is_not_tried_again(conn: Connection) -> None:
    made = toys.submit(conn)
    (probe,) = toys.run_until(conn, "probe")
    jobs.finish(conn, toys.failed(probe, Kind.REFUSED, "not_media"), AT_ONCE)
    assert job(conn, made.id).error_code == "not_media"
    assert assets.get(conn, ORG, made.asset_id).error_code == "not_media"


def test_a_word_for_a_kind_that_is_none_counts_as_internal(conn: Connection) -> None:
    toys.submit(conn)
    (probe,) = toys.run_until(conn, "probe")
    jobs.finish(conn, Finished(probe.attempt_id, Outcome.FAILED, error_kind="odd"), AT_ONCE)
    assert task(conn, "probe").error_kind == "internal"


def test_lost_attempts_have_an_allowance_of_their_own(conn: Connection) -> None:
    made = toys.submit(conn)
    for _ in range(AT_ONCE.max_losses - 1):
        (probe,) = toys.run_until(conn, "probe")
        jobs.finish(conn, Finished(probe.attempt_id, Outcome.LOST), AT_ONCE)
    row = task(conn, "probe")
    assert (row.status, row.failures, row.losses) == ("ready", 0, AT_ONCE.max_losses - 1)
    (probe,) = toys.run_until(conn, "probe")
    jobs.finish(conn, Finished(probe.attempt_id, Outcome.LOST), AT_ONCE)
    assert task(conn, "probe").status == "dead"
    assert "4 attempts were lost" in str(job(conn, made.id).error_detail)


def test_after_a_restart_what_ran_starts_again_and_what_is_done_stays(conn: Connection) -> None:
    toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    jobs.finish(conn, toys.done(encodes[0]), AT_ONCE)
    assert jobs.adopt(conn, RetryPolicy(), alive=[encodes[1].attempt_id]) == 1
    assert [task(conn, f"encode/{n}").status for n in range(3)] == ["done", "placed", "ready"]
    assert task(conn, "encode/2").losses == 1
    assert task(conn, "encode/2").ready_ms <= outbox.now_ms()


def test_at_shutdown_what_runs_is_handed_back_at_no_cost(conn: Connection) -> None:
    toys.submit(conn)
    (probe,) = toys.run_until(conn, "probe")
    assert jobs.hand_back(conn, AT_ONCE) == 1
    row = task(conn, "probe")
    assert (row.status, row.failures, row.losses) == ("ready", 0, 0)
    assert not jobs.finish(conn, toys.done(probe), AT_ONCE).accepted


def test_only_the_newest_attempt_can_change_its_task(conn: Connection) -> None:
    toys.submit(conn)
    (first,) = toys.run_until(conn, "probe")
    jobs.finish(conn, Finished(first.attempt_id, Outcome.LOST), AT_ONCE)
    (second,) = toys.run_until(conn, "probe")
    assert (first.number, second.number) == (1, 2)
    assert not jobs.start(conn, first.attempt_id)
    assert not jobs.finish(conn, toys.done(first), AT_ONCE).accepted
    assert task(conn, "probe").status == "placed"
    assert jobs.finish(conn, toys.done(second), AT_ONCE).accepted


def test_an_attempt_whose_input_is_gone_ends_its_task_with_the_reason(conn: Connection) -> None:
    made = toys.submit(conn)
    for spec in toys.run_until(conn, "encode"):
        jobs.finish(conn, toys.done(spec), AT_ONCE)
    conn.execute(schema.artifacts.delete().where(schema.artifacts.c.stage == "encode"))
    toys.run_everything(conn)
    assert job(conn, made.id).error_code == "artifact_missing"
