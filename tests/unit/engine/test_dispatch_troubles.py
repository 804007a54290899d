"""The dispatcher where something is away, late, silent or broken: nothing is lost, and nothing is stuck."""

import asyncio
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from tests.fixtures.attempts import eventually
from tests.unit.engine import toys
from tests.unit.engine.test_dispatcher import POLICY, engine, refusing, stuck
from tests.unit.engine.toys import HandExecutor
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.plan import Plan
from vidcompute.ports.executor import AttemptSpec, Finished, Held
from vidcompute.services import jobs


async def test_a_cancel_that_does_not_arrive_is_sent_again(db: Database) -> None:
    class Deaf(HandExecutor):
        async def cancel(self, attempt_id: str) -> None:
            if attempt_id in self.cancelled:
                await super().cancel(attempt_id)
            self.cancelled.append(attempt_id)

    async with engine(db, Deaf(behave=stuck), policy=replace(POLICY, heartbeat_lease_s=0.5)) as e:
        job = await e.submit()
        await e.executor.until(lambda: len(e.executor.live) == 2)
        for attempt_id in e.executor.live:
            e.executor.end(Held(attempt_id, held=True))  # so that it is not ended for its silence
        await db.write(jobs.cancel, toys.ORG, job.id)
        await eventually(lambda: not e.executor.live, timeout_s=10)


async def test_an_attempt_that_never_says_a_word_is_ended_and_tried_again(db: Database) -> None:
    """As when what should have forked it is stopped: it was taken, and nothing is heard of it."""

    def behave(spec: AttemptSpec) -> Finished | None:
        return None if spec.stage == "probe" and spec.number == 1 else toys.done(spec)

    async with engine(db, HandExecutor(behave=behave), policy=replace(POLICY, heartbeat_lease_s=0.2)) as e:
        await e.until(await e.submit(), "done")
        assert e.executor.cancelled == [e.executor.started[0].attempt_id]


async def test_what_comes_too_late_for_a_shutdown_is_handed_back_at_no_cost(db: Database) -> None:
    class Closing(HandExecutor):
        asked, closing = asyncio.Event(), asyncio.Event()

        async def start(self, spec: AttemptSpec) -> None:
            self.asked.set()
            await self.closing.wait()
            raise VidComputeError(Kind.UNAVAILABLE, "executor_closing", "No new work.")

        async def close(self, grace_s: float) -> None:
            self.closing.set()

    executor = Closing()
    async with engine(db, executor) as e:
        await e.submit()
        await asyncio.wait_for(executor.asked.wait(), 10)

    def words(conn: Connection) -> list[tuple[str, int, int]]:
        return [(r.status, r.failures, r.losses) for r in conn.execute(select(schema.tasks))]

    assert await db.read(words) == [("ready", 0, 0)]


async def test_a_job_that_can_not_be_planned_in_a_way_nobody_knows_holds_up_no_other(db: Database) -> None:
    def recipe(*given: Any) -> Plan:
        if given[1].vmaf:
            raise RuntimeError("out of luck")
        return toys.recipe(*given)

    often = replace(POLICY, safety_tick_s=0.01)
    async with engine(db, planner=replace(toys.PLANNER, recipe=recipe), policy=often) as e:
        unlucky, other = await e.submit("d0", vmaf=True), await e.submit("d1")
        await e.until(other, "done")
        assert (await e.until(unlucky, "failed")).error_code == "planning_failed"


async def test_a_start_is_recorded_when_the_database_is_back(db: Database) -> None:
    gone = VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "The database is away.")
    async with engine(db, HandExecutor(behave=lambda spec: None)) as e:
        with refusing("task.start:before", gone, gone):
            await e.until(await e.submit(), "running")
