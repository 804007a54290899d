"""The dispatcher over a real database and an executor that the test drives."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from sqlalchemy import Connection, select

from tests.unit.engine import toys
from tests.unit.engine.toys import HandExecutor
from vidcompute import failpoints
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.dispatch.dispatcher import Dispatcher, DispatchPolicy
from vidcompute.dispatch.planning import Planner
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.plan import Plan
from vidcompute.ports.executor import AttemptEvent, AttemptSpec, Finished, Heartbeat, Held, Outcome
from vidcompute.services import jobs
from vidcompute.services.jobs import AttemptFilter, RetryPolicy
from vidcompute.services.jobs.live import LiveLine, ProgressHub

POLICY = DispatchPolicy(
    retry=RetryPolicy(base_s=0.01, cap_s=0.01), safety_tick_s=30.0, progress_every_s=0.01
)  # a safety tick so slow that no test passes by it


class Writes:
    """What the database holds, asked again after each write, whether it emitted an event or not."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self._db = db
        self._write = db.write
        self._done = asyncio.Event()
        monkeypatch.setattr(db, "write", self._telling)

    async def _telling(self, step: Callable[..., object], *args: object, **kwargs: object) -> object:
        try:
            return await self._write(step, *args, **kwargs)
        finally:
            self._done.set()

    async def until(self, query: Callable[[Connection], object]) -> object:
        async with asyncio.timeout(10):
            while True:
                self._done.clear()
                if value := await self._db.read(query):
                    return value
                await self._done.wait()


@pytest.fixture
def writes(db: Database, monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(db, monkeypatch)


@dataclass
class Engine:
    db: Database
    executor: HandExecutor
    dispatcher: Dispatcher
    hub: ProgressHub
    discarded: list[str] = field(default_factory=list)
    removed: asyncio.Event = field(default_factory=asyncio.Event)  # something was discarded

    async def submit(self, digest: str = "d0", **wanted: object) -> jobs.Job:
        return await self.db.write(toys.submit, digest, **wanted)

    async def job(self, job: jobs.Job) -> jobs.Job:
        return await self.db.read(jobs.get_job, toys.ORG, job.id)

    def has_started(self, count: int) -> bool:
        return len(self.executor.started) >= count

    async def until_discarded(self, prefixes: set[str]) -> None:
        async with asyncio.timeout(10):
            while set(self.discarded) != prefixes:
                self.removed.clear()
                await self.removed.wait()

    async def until(self, job: jobs.Job, status: str) -> jobs.Job:
        with self.db.subscribe() as subscription:
            async with asyncio.timeout(20):
                while (now := await self.job(job)).status != status:
                    await subscription.wait(5)
        return now


@contextmanager
def refusing(point: str, *errors: Exception) -> Iterator[None]:
    """Whoever reaches this failpoint gets these errors, one after the other; every one is got in the end."""
    left = list(errors)

    def refuse(reached: str) -> None:
        if reached == point and left:
            raise left.pop(0)

    failpoints.arm(refuse)
    try:
        yield
    finally:
        failpoints.arm()
    assert not left


def stuck(spec: AttemptSpec) -> Finished | None:
    """Probes succeed; everything else waits for the test."""
    return toys.done(spec) if spec.stage == "probe" else None


@asynccontextmanager
async def engine(
    db: Database,
    executor: HandExecutor | None = None,
    *,
    grace_s: float = 0.0,
    holder: str = "one",
    policy: DispatchPolicy = POLICY,
    planner: Planner = toys.PLANNER,
) -> AsyncGenerator[Engine]:
    hub = ProgressHub()

    async def discard(prefix: str) -> None:
        e.discarded.append(prefix)
        e.removed.set()

    used = executor or HandExecutor()
    dispatcher = Dispatcher(db, used, planner, hub, holder=holder, policy=policy, discard=discard)
    e = Engine(db, used, dispatcher, hub)
    await dispatcher.start()
    try:
        yield e
    finally:
        await dispatcher.stop(grace_s)


async def test_a_job_runs_to_its_end(db: Database) -> None:
    async with engine(db) as e:
        job = await e.submit()
        ended = await e.until(job, "done")
        assert [spec.stage for spec in e.executor.started] == ["probe", *["encode"] * 3, "package"]
        assert ended.started_ms is not None
        assert await e.dispatcher.trouble() is None


async def test_work_that_was_submitted_before_the_start_is_taken_up(db: Database) -> None:
    job = await db.write(toys.submit)
    async with engine(db) as e:
        await e.until(job, "done")


async def test_no_more_runs_at_once_than_the_node_has_room_for(db: Database, writes: Writes) -> None:
    def why_it_waits(conn: Connection) -> str | None:
        return conn.execute(select(schema.tasks.c.waits_for).where(schema.tasks.c.status == "ready")).scalar()

    async with engine(db, HandExecutor(behave=stuck, cpu=2.0)) as e:
        await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 2)
        waits_for = await writes.until(why_it_waits)
        assert "Waits for room" in str(waits_for)
        e.executor.end(toys.done(e.executor.started[1]))
        await e.executor.until(lambda: len(e.executor.started) == 4)


async def test_it_says_what_its_nodes_have_and_hold(db: Database) -> None:
    async with engine(db, HandExecutor(behave=lambda spec: None, cpu=2.0)) as e:
        await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 1)
        state = await e.dispatcher.state()
        (node,) = state.nodes
        assert (state.leads, state.epoch) == (True, 1)
        assert (node.name, node.attempts, node.cpu, node.cpu_foreground, node.cpu_background) == ("local", 1, 2, 1, 0)
        assert (node.memory_bytes, node.memory_used_bytes) == (2**33, 512 * 2**20)
        e.executor.end(toys.done(e.executor.started[0]))
        await e.executor.until(lambda: len(e.executor.live) == 2)
        (node,) = (await e.dispatcher.state()).nodes
        assert (node.attempts, node.cpu_foreground, node.cpu_background) == (2, 0, 2)


async def test_a_limit_on_running_tasks_holds(db: Database) -> None:
    limited = replace(POLICY, max_running_tasks=1)
    async with engine(db, HandExecutor(behave=stuck, cpu=9.0), policy=limited) as e:
        await e.submit()
        await e.executor.until(lambda: e.has_started(2))
        while (one := next(iter(e.executor.live.values()), None)) is not None or not e.has_started(5):
            assert len(e.executor.live) <= 1
            if one is not None:
                e.executor.end(toys.done(one))
            await e.executor.until(lambda: bool(e.executor.live) or e.has_started(5))


async def test_twenty_jobs_on_one_source_run_its_work_once_and_nineteen_cancels_leave_it_alone(db: Database) -> None:
    async with engine(db, HandExecutor(behave=stuck, cpu=2.0)) as e:
        priorities = ["low", "normal", "high"]
        made = [await e.submit(priority=priorities[n % 3]) for n in range(20)]
        await e.executor.until(lambda: e.has_started(3))
        with db.subscribe() as woken:
            while {(await e.job(job)).step for job in made} != {"planned"}:
                await woken.wait(5)
        assert await db.read(lambda conn: {t.priority for t in toys.ready(conn)}) == {2}
        for job in made[:-1]:
            await db.write(jobs.cancel, toys.ORG, job.id)
        for number in range(1, 5):
            await e.executor.until(partial(e.has_started, number + 1))
            e.executor.end(toys.done(e.executor.started[number]))
        assert (await e.until(made[-1], "done")).status == "done"
        assert [spec.stage for spec in e.executor.started] == ["probe", *["encode"] * 3, "package"]
        assert e.executor.cancelled == []
        assert {(await e.job(job)).status for job in made[:-1]} == {"cancelled"}


async def test_higher_priorities_go_first(db: Database) -> None:
    for digest, priority in (("d1", "low"), ("d2", "normal"), ("d3", "high")):
        await db.write(toys.submit, digest, priority=priority)
    async with engine(db, HandExecutor(behave=lambda spec: None, cpu=1.0)) as e:
        order = []
        for n in range(3):
            await e.executor.until(partial(e.has_started, n + 1))
            order.append(await db.read(priority_of, e.executor.started[n].task_id))
            e.executor.end(toys.failed(e.executor.started[n], Kind.REFUSED))
        assert order == [2, 1, 0]


def priority_of(conn: Connection, task_id: str) -> int:
    return int(conn.execute(select(schema.tasks.c.priority).where(schema.tasks.c.id == task_id)).scalar_one())


async def test_a_cancel_reaches_the_executor(db: Database) -> None:
    async with engine(db, HandExecutor(behave=stuck)) as e:
        job = await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 2)
        live = set(e.executor.live)
        began = time.monotonic()
        await db.write(jobs.cancel, toys.ORG, job.id)
        await e.executor.until(lambda: set(e.executor.cancelled) == live)
        assert time.monotonic() - began < 2
        assert (await e.job(job)).status == "cancelled"


async def test_a_failure_is_tried_again_when_its_wait_is_over(db: Database) -> None:
    failures = iter(range(2))

    def behave(spec: AttemptSpec) -> Finished:
        return toys.failed(spec) if next(failures, None) is not None else toys.done(spec)

    async with engine(db, HandExecutor(behave=behave)) as e:
        await e.until(await e.submit(), "done")
        assert [spec.number for spec in e.executor.started[:3]] == [1, 2, 3]


async def test_an_attempt_that_cannot_be_started_counts_as_failed(db: Database) -> None:
    def behave(spec: AttemptSpec) -> Finished:
        if spec.number < 3:
            raise OSError("no more processes")
        return toys.done(spec)

    async with engine(db, HandExecutor(behave=behave)) as e:
        await e.until(await e.submit(), "done")
        assert len([s for s in e.executor.started if s.stage == "probe"]) == 3


async def test_an_end_that_is_told_twice_costs_nothing_of_what_was_made(db: Database) -> None:
    class Twice(HandExecutor):
        def end(self, event_: AttemptEvent) -> None:
            super().end(event_)
            if isinstance(event_, Finished):
                super().end(event_)
                super().end(replace(event_, outcome=Outcome.LOST))

    async with engine(db, Twice()) as e:
        await e.until(await e.submit(), "done")
    assert e.discarded == []


async def test_an_attempt_that_falls_silent_is_ended_and_tried_again(db: Database) -> None:
    def behave(spec: AttemptSpec) -> Finished | None:
        return None if spec.stage == "probe" and spec.number == 1 else toys.done(spec)

    async with engine(db, HandExecutor(behave=behave), policy=replace(POLICY, heartbeat_lease_s=0.2)) as e:
        job = await e.submit()
        await e.executor.until(lambda: e.has_started(1))
        silent = e.executor.started[0].attempt_id
        e.executor.end(Heartbeat(silent))
        await e.until(job, "done")
        assert e.executor.cancelled == [silent]
        page = await db.read(jobs.list_attempts, toys.ORG, job.id, AttemptFilter(outcome=Outcome.LOST))
    (lost,) = page.items
    assert (lost.attempt.id, lost.attempt.error_code) == (silent, "attempt_silent")


async def test_an_attempt_that_its_executor_holds_is_not_silent(db: Database) -> None:
    """Another one that says nothing is lost, and tried again, over it; and so is this one once it may go on."""

    def behave(spec: AttemptSpec) -> Finished | None:
        return None if spec.stage == "probe" and spec.number == 1 else toys.done(spec)

    async with engine(db, HandExecutor(behave=behave), policy=replace(POLICY, heartbeat_lease_s=0.2)) as e:
        made = [await e.submit(digest) for digest in ("d0", "d1")]
        await e.executor.until(lambda: e.has_started(2))
        by_job = {spec.job_id: spec.attempt_id for spec in e.executor.started}
        held, silent = (by_job[job.id] for job in made)
        for attempt_id in (held, silent):
            e.executor.end(Heartbeat(attempt_id))
        e.executor.end(Held(held, held=True))
        await e.until(made[1], "done")
        assert e.executor.cancelled == [silent]
        e.executor.end(Held(held, held=False))
        await e.until(made[0], "done")
        assert e.executor.cancelled == [silent, held]


async def test_a_silent_attempt_whose_end_nobody_hears_is_lost_all_the_same(db: Database) -> None:
    class Deaf(HandExecutor):
        async def cancel(self, attempt_id: str) -> None:
            self.cancelled.append(attempt_id)

    def behave(spec: AttemptSpec) -> Finished | None:
        return None if spec.stage == "probe" and spec.number == 1 else toys.done(spec)

    async with engine(db, Deaf(behave=behave), policy=replace(POLICY, heartbeat_lease_s=0.2)) as e:
        job = await e.submit()
        await e.executor.until(lambda: e.has_started(1))
        e.executor.end(Heartbeat(e.executor.started[0].attempt_id))
        await e.until(job, "done")


async def test_a_result_that_comes_too_late_is_discarded(db: Database) -> None:
    class Deaf(HandExecutor):
        async def cancel(self, attempt_id: str) -> None:
            self.end(toys.done(self.live[attempt_id]))  # it was done just before it heard

    async with engine(db, Deaf(behave=stuck)) as e:
        job = await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 2)
        prefixes = {spec.output_prefix for spec in e.executor.live.values()}
        await db.write(jobs.cancel, toys.ORG, job.id)
        await e.until_discarded(prefixes)
        assert await db.read(lambda conn: conn.execute(select(schema.artifacts.c.stage)).scalars().all()) == ["probe"]


async def test_a_shutdown_hands_back_what_runs(db: Database) -> None:
    async with engine(db, HandExecutor(behave=stuck), grace_s=1.5) as e:
        job = await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 2)
    assert e.executor.closed_after_s == 1.5

    def words(conn: Connection) -> list[tuple[str, int, int]]:
        rows = conn.execute(select(schema.tasks).where(schema.tasks.c.stage == "encode"))
        return [(r.status, r.failures, r.losses) for r in rows]

    assert await db.read(words) == [("ready", 0, 0)] * 3
    assert "shuts down" in str(await e.dispatcher.trouble())
    async with engine(db) as again:
        await again.until(job, "done")
        assert len(again.executor.started) == 4


async def test_after_a_crash_what_ran_runs_again_and_what_is_done_does_not(db: Database) -> None:
    job = await db.write(toys.submit)
    await db.write(toys.run_until, "encode")
    async with engine(db) as e:
        await e.until(job, "done")
        assert [(spec.stage, spec.number) for spec in e.executor.started] == [*[("encode", 2)] * 3, ("package", 1)]


async def test_progress_and_lines_reach_those_who_listen_and_the_database(db: Database, writes: Writes) -> None:
    async with engine(db, HandExecutor(behave=stuck)) as e:
        job = await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 2)
        spec = e.executor.started[1]
        with e.hub.follow([spec.task_id]) as feed:
            e.executor.tell(spec.attempt_id, 0.5, "hello")
            progress, line = await anext(feed), await anext(feed)
            assert isinstance(line, LiveLine)
            assert (line.message, line.line, line.stage) == ("hello", 1, "encode")
            assert progress.task_id == spec.task_id
        assert e.hub.latest([spec.task_id, "other"]) == {
            spec.task_id: {"attempt_id": spec.attempt_id, "fraction": 0.5, "frame": 7}
        }
        assert [kept.message for kept in e.hub.backlog([spec.task_id])] == ["hello"]

        def kept(conn: Connection) -> object:
            table = schema.attempts
            return conn.execute(select(table.c.progress).where(table.c.id == spec.attempt_id)).scalar()

        assert await writes.until(kept) == {"fraction": 0.5, "frame": 7}
        stage = (await db.read(jobs.list_stages, await e.job(job)))[1]
        assert stage.progress["frame"] == 7
        e.executor.end(toys.done(spec))
        await e.executor.until(lambda: spec.attempt_id in e.executor.told)
        assert e.hub.backlog([spec.task_id]) == []


async def test_a_recipe_that_breaks_fails_its_job_and_nothing_else(db: Database) -> None:
    def broken(*_: object) -> Plan:
        raise ZeroDivisionError("1/0")

    async def discard(prefix: str) -> None:
        raise AssertionError(prefix)

    planner = replace(toys.PLANNER, recipe=broken)
    dispatcher = Dispatcher(db, HandExecutor(), planner, ProgressHub(), holder="one", policy=POLICY, discard=discard)
    await dispatcher.start()
    try:
        job = await db.write(toys.submit)
        with db.subscribe() as subscription:
            async with asyncio.timeout(10):
                while (now := await db.read(jobs.get_job, toys.ORG, job.id)).status != "failed":
                    await subscription.wait(5)
        assert (now.error_kind, now.error_code) == ("internal", "planning_failed")
    finally:
        await dispatcher.stop(0)


async def test_a_result_is_kept_until_the_database_takes_it(db: Database) -> None:
    """The database refuses for a while (as with a full disk); then the very same result is recorded."""
    full = "database or disk is full"
    async with engine(db) as e:
        with refusing("task.succeed:before", OSError(full), OSError(full)):
            await e.until(await e.submit(), "done")
        assert len(e.executor.started) == 5


async def test_a_placement_whose_answer_is_lost_is_made_again(db: Database) -> None:
    """The database went away while it committed: attempts are recorded of which the dispatcher was not told."""
    gone = VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "The database is away.")
    async with engine(db) as e:
        with refusing("task.place:after", gone):
            await e.until(await e.submit(), "done")
        assert next((spec.stage, spec.number) for spec in e.executor.started) == ("probe", 2)


async def test_the_end_of_an_attempt_that_nobody_knows_changes_nothing(db: Database) -> None:
    async with engine(db) as e:
        e.executor.end(Finished("att_unknown", Outcome.OK))
        await e.until(await e.submit(), "done")
        assert e.executor.cancelled == []


async def test_a_job_that_is_overdue_fails_and_its_attempts_end(db: Database) -> None:
    async with engine(db, HandExecutor(stuck)) as e:
        job = await e.submit(deadline_s=1)
        failed = await e.until(job, "failed")
        assert failed.error_code == "job_deadline_passed"
        await e.executor.until(lambda: bool(e.executor.cancelled))


async def test_who_is_not_sure_to_lead_makes_sure_before_it_places(db: Database) -> None:
    """As when the database was away for longer than the lease: nothing is placed only to be handed back."""
    async with engine(db, policy=replace(POLICY, lease_s=3600.0)) as e:
        e.dispatcher._lead._until_s = 0.0
        await e.until(await e.submit(), "done")
        assert [spec.number for spec in e.executor.started] == [1] * 5
