"""What the dispatcher finds to place behind long queues, and behind what has no place."""

import asyncio
from dataclasses import replace

from sqlalchemy import Connection, insert

from tests.unit.engine import toys
from tests.unit.engine.test_dispatcher import POLICY, engine, stuck
from tests.unit.engine.toys import HandExecutor
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.pipeline.plan import PlanNode
from vidcompute.pipeline.spec import JobSpec
from vidcompute.ports.executor import Needs
from vidcompute.services import jobs
from vidcompute.services.tasks import Terms


async def until_ready(db: Database, count: int) -> None:
    with db.subscribe() as woken:
        async with asyncio.timeout(10):
            while len(await db.read(toys.ready)) < count:
                await woken.wait(5)


async def test_what_somebody_waits_for_starts_behind_any_queue_of_other_work(db: Database) -> None:
    """A film has hundreds of chunks; who sends a clip after it wants to see it now."""
    async with engine(db, HandExecutor(behave=stuck, cpu=2.0), policy=replace(POLICY, batch=4)) as e:
        for number in range(5):
            await e.submit(f"d{number}")
        await until_ready(db, 13)  # of fifteen chunks two are at work
        late = await e.submit("d9")
        await e.executor.until(lambda: late.id in {spec.job_id for spec in e.executor.started})


def wanting_a_gpu(of: PlanNode) -> Terms:
    """Chunks want a GPU, which no node has."""
    return Terms(Needs(cpu=1.0, gpus=1.0), timeout_s=60.0) if of.stage == "encode" else toys.terms(of)


async def test_what_can_run_is_found_behind_what_no_node_has_room_for(db: Database) -> None:
    planner = replace(toys.PLANNER, terms=wanting_a_gpu)
    async with engine(db, planner=planner, policy=replace(POLICY, batch=2, safety_tick_s=2.0)) as e:
        for number in range(3):
            await e.submit(f"d{number}")
        await e.submit("d9", outputs=["hls", "thumbnail"])
        await e.executor.until(lambda: "image" in {spec.stage for spec in e.executor.started})
        assert "encode" not in {spec.stage for spec in e.executor.started}


async def test_an_organization_is_found_behind_those_that_wait_for_what_no_node_has(db: Database) -> None:
    def submit_of(conn: Connection, name: str) -> jobs.Job:
        conn.execute(insert(schema.organizations).values(id=name, name=name, created_ms=1))
        spec = JobSpec.model_validate({"input": "https://example.org/x.mp4", "outputs": ["hls"]})
        return jobs.submit(conn, name, spec, prelude=toys.PLANNER)

    planner = replace(toys.PLANNER, terms=wanting_a_gpu)
    async with engine(db, planner=planner, policy=replace(POLICY, batch=1, safety_tick_s=2.0)) as e:
        await db.write(submit_of, "org_y")
        await until_ready(db, 3)
        await e.submit()  # the turn is with those after these now, and org_y is the first of them
        await until_ready(db, 6)
        theirs = await db.write(submit_of, "org_z")
        await e.executor.until(lambda: theirs.id in {spec.job_id for spec in e.executor.started})
