"""Random histories of jobs keep every invariant of the state machine, and always come to an end."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from sqlalchemy import select

from tests.unit.engine import toys
from vidcompute.db import schema
from vidcompute.db.outbox import EMITTED
from vidcompute.dispatch.hearing import HEARD
from vidcompute.dispatch.looking import look
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import AttemptSpec, Finished, Outcome
from vidcompute.services import assets, jobs
from vidcompute.services.states import ENDED_JOBS, LIVE_TASKS, OWNED_TASKS

OUTPUTS = st.lists(st.sampled_from(["hls", "thumbnail", "preview"]), min_size=1, max_size=2)
ENDS = st.sampled_from(["ok", "empty", "retryable", "refused", "lost", "cancelled"])


def ending(spec: AttemptSpec, how: str) -> Finished:
    if how in {"ok", "empty"}:
        return toys.done(spec, empty=how == "empty")
    if how in {"retryable", "refused"}:
        return toys.failed(spec, Kind.UNAVAILABLE if how == "retryable" else Kind.REFUSED)
    return Finished(spec.attempt_id, Outcome(how))


class Machine(RuleBasedStateMachine):
    job_ids = Bundle("jobs")
    attempts = Bundle("attempts")
    old_attempts = Bundle("old_attempts")

    def __init__(self) -> None:
        super().__init__()
        self.conn = toys.memory_connection()
        self.good: set[str] = set()  # jobs that were done once: what they made is kept
        self.seen: set[str] = set()  # attempts that were live once
        self.work: set[tuple[str, ...]] = set()  # for a dispatcher, when it was last looked for
        self.looks_again = False  # the last step was one after which a dispatcher looks, whatever is told

    @rule(
        target=job_ids,
        digest=st.sampled_from(["d0", "d1"]),
        priority=st.sampled_from(["high", "normal", "low"]),
        vmaf=st.booleans(),
        outputs=OUTPUTS,
    )
    def submit(self, digest: str, priority: str, vmaf: bool, outputs: list[str]) -> str:
        return toys.submit(self.conn, digest, priority=priority, vmaf=vmaf, outputs=outputs).id

    @rule(target=job_ids)
    def submit_url(self) -> str:
        return toys.submit_url(self.conn).id

    @rule()
    def advance(self) -> None:
        self.looks_again = True
        toys.advance(self.conn)

    @rule(target=attempts, count=st.integers(1, 4))
    def place(self, count: int) -> Any:
        return multiple(*toys.place(self.conn, *(t.id for t in toys.ready(self.conn)[:count])))

    @rule(rounds=st.integers(1, 3), count=st.integers(1, 6))
    def carry_on(self, rounds: int, count: int) -> None:
        self.looks_again = True
        for _ in range(rounds):
            toys.advance(self.conn)
            for spec in toys.place(self.conn, *(t.id for t in toys.ready(self.conn)[:count])):
                jobs.finish(self.conn, toys.done(spec), toys.AT_ONCE)

    @rule(spec=attempts)
    def start(self, spec: AttemptSpec) -> None:
        jobs.start(self.conn, spec.attempt_id)

    @rule(target=old_attempts, spec=consumes(attempts), how=ENDS, draining=st.booleans())
    def finish(self, spec: AttemptSpec, how: str, draining: bool) -> AttemptSpec:
        jobs.finish(self.conn, ending(spec, how), toys.AT_ONCE, draining=draining)
        return spec

    @rule(spec=old_attempts, how=ENDS)
    def finish_twice(self, spec: AttemptSpec, how: str) -> None:
        made = spec.attempt_id in {artifact.attempt_id for artifact in self.rows(schema.artifacts)}
        assert jobs.finish(self.conn, ending(spec, how), toys.AT_ONCE).accepted == made

    @rule(spec=old_attempts)
    def start_too_late(self, spec: AttemptSpec) -> None:
        assert not jobs.start(self.conn, spec.attempt_id)

    @rule(job_id=job_ids)
    def cancel(self, job_id: str) -> None:
        before = self.job(job_id)
        if before is None or before.status in {"done", "failed"}:
            with pytest.raises(VidComputeError):
                jobs.cancel(self.conn, toys.ORG, job_id)
            return
        assert jobs.cancel(self.conn, toys.ORG, job_id).status == "cancelled"

    @rule(job_id=job_ids)
    def retry(self, job_id: str) -> None:
        before = self.job(job_id)
        if before is None or before.status not in {"failed", "cancelled"}:
            with pytest.raises(VidComputeError):
                jobs.retry(self.conn, toys.ORG, job_id)
            return
        assert jobs.retry(self.conn, toys.ORG, job_id).job.status not in {"failed", "cancelled"}

    @rule(job_id=job_ids, stage=st.sampled_from(["probe", "encode", "package", "vmaf"]))
    def resume(self, job_id: str, stage: str) -> None:
        before = self.job(job_id)
        if before is None or before.status not in {"done", "failed", "cancelled"}:
            return
        plan = jobs.plan_of(before)
        if plan is None or stage not in plan.stages() or stage == "probe":
            with pytest.raises(VidComputeError, match="stage_unknown"):
                jobs.retry(self.conn, toys.ORG, job_id, stage)
            return
        if before.status == "done":
            self.good.add(job_id)
        resumed = jobs.retry(self.conn, toys.ORG, job_id, stage)
        assert resumed.job.status not in {"failed", "cancelled"}
        assert not set(resumed.runs) & set(resumed.reused)

    @rule(job_id=job_ids)
    def delete(self, job_id: str) -> None:
        job = self.job(job_id)
        if job is not None:
            removed = assets.remove(self.conn, toys.ORG, job.asset_id)
            kept = {a.storage_prefix for a in self.rows(schema.artifacts)}
            assert not kept.intersection(removed.prefixes)

    @rule()
    def restart(self) -> None:
        jobs.adopt(self.conn, toys.AT_ONCE)
        assert not [a for a in self.rows(schema.attempts) if a.outcome is None]

    # -- what must always hold

    def rows(self, table: Any) -> list[Any]:
        return list(self.conn.execute(select(table)))

    def job(self, job_id: str) -> jobs.Job | None:
        try:
            return jobs.get_job(self.conn, toys.ORG, job_id)
        except VidComputeError:
            return None

    @invariant()
    def a_dispatcher_hears_of_all_that_makes_work(self) -> None:
        told = self.conn.info.pop(EMITTED, set())
        before, self.work = self.work, self.work_now()
        expected, self.looks_again = self.looks_again, False
        if not expected and self.work - before:
            assert HEARD & told, (self.work - before, told)

    def work_now(self) -> set[tuple[str, ...]]:
        """Steps of jobs, tasks to be placed, and attempts that are over: their room, or they themselves."""
        live = {attempt.id for attempt in self.rows(schema.attempts) if attempt.outcome is None}
        self.seen |= live
        view = look(self.conn, [], 2**62, "", jobs_most=1000, tasks_most=1000)
        found = {("step", job.id, job.step) for job in view.unplanned}
        found |= {("task", task.id, str(task.attempt)) for task in view.ready}
        return found | {("over", attempt_id) for attempt_id in self.seen - live}

    @invariant()
    def owned_tasks_have_the_one_live_attempt(self) -> None:
        live = {(a.task_id, a.number) for a in self.rows(schema.attempts) if a.outcome is None}
        assert live == {(t.id, t.attempt) for t in self.rows(schema.tasks) if t.status in OWNED_TASKS}

    @invariant()
    def live_tasks_are_wanted_and_have_the_highest_priority_of_their_interests(self) -> None:
        ranks = {job.id: job.priority for job in self.rows(schema.jobs)}
        wanting: dict[str, list[int]] = {}
        for interest in self.rows(schema.interests):
            if interest.active:
                wanting.setdefault(interest.task_id, []).append(ranks[interest.job_id])
        for task in self.rows(schema.tasks):
            if task.status in LIVE_TASKS:
                assert task.priority == max(wanting[task.id])

    @invariant()
    def tasks_wait_for_what_is_not_done(self) -> None:
        status = {task.id: task.status for task in self.rows(schema.tasks)}
        blocked = {d.task_id for d in self.rows(schema.task_dependencies) if status[d.needs_id] != "done"}
        kept = {a.content_key for a in self.rows(schema.artifacts)}
        made = {task.id for task in self.rows(schema.tasks) if task.content_key in kept}
        lacking = {d.task_id for d in self.rows(schema.task_dependencies) if d.needs_id not in made}
        for task_id, word in status.items():
            if word in LIVE_TASKS:  # while an input is made again, what is on its way goes on with the one there is
                assert task_id in blocked if word == "waiting" else task_id not in lacking

    @invariant()
    def done_tasks_have_their_artifact_and_cancelled_ones_have_none(self) -> None:
        kept = {a.content_key for a in self.rows(schema.artifacts)}
        assert kept >= {t.content_key for t in self.rows(schema.tasks) if t.status == "done"}
        assert not kept & {t.content_key for t in self.rows(schema.tasks) if t.status == "cancelled"}

    @invariant()
    def jobs_are_live_exactly_while_something_is_left_to_do(self) -> None:
        status = {task.id: task.status for task in self.rows(schema.tasks)}
        kept = {a.content_key for a in self.rows(schema.artifacts)}
        made = {task.id: task.content_key in kept for task in self.rows(schema.tasks)}
        wanted: dict[str, list[str]] = {}
        every: dict[str, list[bool]] = {}
        for interest in self.rows(schema.interests):
            every.setdefault(interest.job_id, []).append(made[interest.task_id])
            if interest.active:
                wanted.setdefault(interest.job_id, []).append(status[interest.task_id])
        for job in self.rows(schema.jobs):
            if job.status in ENDED_JOBS:
                assert job.id not in wanted
                assert job.ended_ms is not None
            else:
                open_ = any(word != "done" for word in wanted.get(job.id, []))
                assert open_ == (job.step in {"fetching", "probing", "planned"})
            if job.status == "done":
                assert all(every[job.id])
            assert (job.error_code is not None) == (job.status == "failed")

    @invariant()
    def assets_tell_what_became_of_their_job(self) -> None:
        words = {"done": "ready", "failed": "errored", "cancelled": "errored"}
        found = {job.asset_id: job for job in self.rows(schema.jobs)}
        for asset in self.rows(schema.assets):
            job = found[asset.id]
            assert asset.status == ("ready" if job.id in self.good else words.get(job.status, "preparing"))

    @invariant()
    def nothing_is_kept_that_nobody_refers_to(self) -> None:
        referred = {interest.task_id for interest in self.rows(schema.interests)}
        assert referred == {task.id for task in self.rows(schema.tasks)}

    def teardown(self) -> None:
        jobs.adopt(self.conn, jobs.RetryPolicy(max_losses=10**6, base_s=0.0, cap_s=0.0))
        toys.run_everything(self.conn)
        assert {job.status for job in self.rows(schema.jobs)} <= set(ENDED_JOBS)
        self.conn.close()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=30, stateful_step_count=40, suppress_health_check=list(HealthCheck))


class MachineForLong(Machine):
    """The same, ten times as often."""


TestMachineForLong = pytest.mark.long(MachineForLong.TestCase)
TestMachineForLong.settings = settings(TestMachine.settings, max_examples=300)
