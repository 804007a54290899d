"""One dispatcher leads, others stand by: who takes over, and what a former leader can still do."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from tests.fixtures.attempts import eventually
from tests.unit.engine import toys
from tests.unit.engine.test_dispatcher import POLICY, Engine, engine, stuck
from tests.unit.engine.toys import HandExecutor
from vidcompute.db import lease, schema
from vidcompute.db.engine import Database
from vidcompute.db.lease import LeaseLostError
from vidcompute.db.outbox import now_ms
from vidcompute.dispatch.leading import Leading, installation
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import Adopted, AttemptSpec
from vidcompute.services import gauges, jobs

NAME = "dispatcher"


def held(conn: Connection) -> tuple[str, int]:
    row = conn.execute(select(schema.leases)).one()
    return row.holder, row.epoch


def run_out(conn: Connection) -> None:
    conn.execute(update(schema.leases).values(expires_ms=0))


def taken_over(conn: Connection) -> None:
    run_out(conn)
    assert lease.take(conn, NAME, "two", 60_000).epoch is not None


async def overtaken(former: Engine) -> tuple[jobs.Job, list[AttemptSpec]]:
    """A job of a leader, and the encodes that it has under way as somebody else takes its lease."""
    job = await former.submit()
    await former.executor.until(lambda: former.has_started(3))
    await former.db.write(taken_over)
    return job, [spec for spec in former.executor.started if spec.stage == "encode"]


def leads(e: Engine) -> bool:
    return e.dispatcher.leads


def test_a_lease_is_taken_when_it_is_free_and_by_its_own_holder(conn: Connection) -> None:
    assert lease.take(conn, NAME, "one", 60_000) == lease.Lease(1)
    other = lease.take(conn, NAME, "two", 60_000)
    assert other.epoch is None
    assert 59_000 < other.wait_ms <= 60_000
    assert lease.take(conn, NAME, "one", 60_000) == lease.Lease(2)
    run_out(conn)
    assert lease.take(conn, NAME, "two", 60_000) == lease.Lease(3)


def test_only_the_newest_epoch_counts(conn: Connection) -> None:
    lease.take(conn, NAME, "one", 60_000)
    lease.renew(conn, NAME, 1, 60_000)
    run_out(conn)
    lease.renew(conn, NAME, 1, 60_000)  # late, and nobody was faster
    run_out(conn)
    lease.take(conn, NAME, "two", 60_000)
    with pytest.raises(LeaseLostError):
        lease.renew(conn, NAME, 1, 60_000)
    with pytest.raises(LeaseLostError):
        lease.require(conn, NAME, 1)
    lease.release(conn, NAME, 1)
    assert held(conn) == ("two", 2)


async def test_one_leads_and_the_other_takes_over_as_soon_as_it_ends(db: Database) -> None:
    async with AsyncExitStack() as open_:
        first = await open_.enter_async_context(engine(db, HandExecutor(stuck), holder="one"))
        async with engine(db, holder="two") as standby:
            assert (leads(first), leads(standby)) == (True, False)
            job = await first.submit()
            await first.executor.until(lambda: first.has_started(3))
            assert standby.executor.started == []
            await open_.aclose()
            await eventually(lambda: leads(standby))
            assert await db.read(held) == ("two", 2)
            assert (await standby.until(job, "done")).status == "done"
            assert sorted(spec.number for spec in standby.executor.started if spec.stage == "encode") == [1, 2, 2]


async def test_a_leader_whose_lease_another_took_records_nothing_and_ends_what_runs(db: Database) -> None:
    async with engine(db, HandExecutor(stuck), holder="one") as former:
        job, encodes = await overtaken(former)
        former.executor.end(toys.done(encodes[0]))  # it learns of it as it wants to record this
        await eventually(lambda: not former.executor.live and not leads(former))
        await eventually(lambda: former.discarded == [encodes[0].output_prefix])
        async with engine(db, HandExecutor(), holder="two") as leader:
            assert leads(leader)
            assert (await leader.until(job, "done")).status == "done"
            outcomes = await db.read(lambda conn: set(conn.execute(select(schema.attempts.c.outcome)).scalars()))
            assert outcomes == {"ok", "lost"}


async def test_a_new_leader_adopts_what_goes_on_and_runs_nothing_again(db: Database) -> None:
    async with engine(db, HandExecutor(stuck, outlives=True), holder="one") as former:
        job, encodes = await overtaken(former)
        elsewhere = [Adopted(spec, "local", 1) for spec in encodes]
        async with engine(db, HandExecutor(elsewhere=elsewhere), holder="two") as leader:
            assert leader.executor.epochs == [3]
            former.executor.end(toys.done(encodes[0]))  # the former leader hears of it, too, and can't record it
            await eventually(lambda: not leads(former) and not former.executor.live)
            for spec in encodes:
                leader.executor.end(toys.done(spec))
            assert (await leader.until(job, "done")).status == "done"
            assert not {spec.task_id for spec in encodes} & {spec.task_id for spec in leader.executor.started}
            assert {spec.attempt_id for spec in encodes} <= set(leader.executor.told)
            outcomes = await db.read(lambda conn: set(conn.execute(select(schema.attempts.c.outcome)).scalars()))
            assert outcomes == {"ok"}
        assert former.discarded == []  # it is the new leader's
        assert not {spec.attempt_id for spec in encodes} & set(former.executor.told)


async def test_what_was_adopted_and_nobody_wants_any_more_is_ended(db: Database) -> None:
    async with engine(db, HandExecutor(stuck, outlives=True), holder="one") as former:
        job, encodes = await overtaken(former)
        await db.write(jobs.cancel, toys.ORG, job.id)
        elsewhere = [Adopted(spec, "local", 1) for spec in encodes]
        async with engine(db, HandExecutor(elsewhere=elsewhere), holder="two") as leader:
            await leader.executor.until(lambda: len(leader.executor.cancelled) == len(encodes))
            assert sorted(leader.executor.cancelled) == sorted(spec.attempt_id for spec in encodes)


async def test_what_was_adopted_and_says_nothing_is_not_waited_for_for_ever(db: Database) -> None:
    async with engine(db, HandExecutor(stuck, outlives=True), holder="one") as former:
        job, silent = await overtaken(former)
        executor = HandExecutor(elsewhere=[Adopted(spec, "local", 1) for spec in silent])
        impatient = replace(POLICY, heartbeat_lease_s=0.2)
        async with engine(db, executor, holder="two", policy=impatient) as leader:
            assert (await leader.until(job, "done")).status == "done"
            assert sorted(executor.cancelled) == sorted(spec.attempt_id for spec in silent)


async def test_the_lease_is_kept_however_long_it_takes_to_hear_of_what_runs(db: Database) -> None:
    """Else another one would take it meanwhile, and take as long, and so on."""

    def expires(conn: Connection) -> int:
        return int(conn.execute(select(schema.leases.c.expires_ms)).scalar_one())

    class Slow(HandExecutor):
        async def adopt(self, epoch: int) -> list[Adopted]:
            until_ms = await db.read(expires)

            async def is_renewed() -> bool:
                return await db.read(expires) > until_ms

            await eventually(is_renewed)
            return await super().adopt(epoch)

    brief = replace(POLICY, lease_s=1.0)
    async with engine(db, Slow(), holder="one", policy=brief) as first:
        await first.until(await first.submit(), "done")
        async with engine(db, Slow(), holder="two", policy=brief) as second:  # as it takes over, too
            await db.write(run_out)
            await db.write(lease.take, NAME, "three", 1)
            await eventually(lambda: leads(first) or leads(second))
            await first.until(await first.submit("d1"), "done")


async def test_who_can_not_hear_of_what_runs_lets_another_one_try(db: Database) -> None:
    class Away(HandExecutor):
        async def adopt(self, epoch: int) -> list[Adopted]:
            self.epochs.append(epoch)
            raise VidComputeError(Kind.UNAVAILABLE, "cluster_failed", "The cluster is away.")

    patient = replace(POLICY, lease_s=3600.0)
    away = Away()
    await db.write(lease.take, NAME, "zero", 3_600_000)
    async with engine(db, away, holder="one", policy=patient):
        await db.write(lease.release, NAME, 1)
        await eventually(lambda: away.epochs)
        async with engine(db, holder="two", policy=patient) as other:
            await eventually(lambda: leads(other))
            assert (await other.until(await other.submit(), "done")).status == "done"


async def test_a_database_that_goes_away_amid_a_take_over_costs_no_attempt(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is what was adopted recorded then, nor can the lease be let go."""
    left = [VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "The database is away.")] * 2
    executor, write = HandExecutor(outlives=True), db.write

    async def refusing(step: Callable[..., object], *args: object, **kwargs: object) -> object:
        if executor.epochs and step is not lease.take and left:
            raise left.pop()
        return await write(step, *args, **kwargs)

    async with engine(db, HandExecutor(stuck, outlives=True), holder="one") as former:
        job, encodes = await overtaken(former)
        former.executor.end(toys.done(encodes[0]))  # it learns of it as it wants to record this
        await eventually(lambda: not leads(former))
    executor.elsewhere = [Adopted(spec, "local", 1) for spec in encodes]
    async with engine(db, executor, holder="three") as leader:
        monkeypatch.setattr(db, "write", refusing)
        await write(lease.release, NAME, 2)
        await eventually(lambda: len(executor.epochs) == 2 and not left)
        for spec in encodes:
            executor.end(toys.done(spec))
        assert (await leader.until(job, "done")).status == "done"
        outcomes = await db.read(lambda conn: set(conn.execute(select(schema.attempts.c.outcome)).scalars()))
        assert (outcomes, executor.cancelled) == ({"ok"}, [])


async def test_a_server_that_is_started_again_leads_at_once(db: Database) -> None:
    await db.write(lease.take, NAME, "one", 3_600_000)  # by the one that was killed
    async with engine(db, holder="one") as again:
        assert leads(again)
        assert (await again.until(await again.submit(), "done")).status == "done"


async def test_after_a_stop_that_was_longer_than_the_lease_nobody_is_sure(db: Database) -> None:
    now_s = [100.0]
    lead = Leading(db, "one", lease_s=0.03, clock_s=lambda: now_s[0])
    assert not lead.is_sure
    assert await lead.take() is None
    assert lead.is_sure
    now_s[0] += 1.0
    assert not lead.is_sure
    keeping = asyncio.create_task(lead.keep())
    await eventually(lambda: lead.is_sure)  # it was renewed: nobody else had taken it
    await db.write(taken_over)
    async with asyncio.timeout(10):
        await keeping
    assert lead.epoch is None


async def test_a_job_that_was_done_is_not_run_again_by_the_next_leader(db: Database) -> None:
    async with engine(db, holder="one") as first:
        job = await first.until(await first.submit(), "done")
    async with engine(db, holder="two") as second:
        assert leads(second)
        assert (await second.job(job)).status == "done"
        assert second.executor.started == []
        assert (await db.read(gauges.gauges, now_ms(), 0)).jobs == {}


def test_an_installation_keeps_its_name(tmp_path: Path) -> None:
    name = installation(tmp_path)
    assert len(name) == 32
    assert installation(tmp_path) == name
