"""Timers: once per instant whatever is restarted, by the leader alone, and over errors."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from tests.fixtures.attempts import eventually
from vidcompute.db import outbox, timers
from vidcompute.db.engine import Database
from vidcompute.db.lease import LeaseLostError
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.timers import Timer, keep_time, serve

ALWAYS = "* * * * *"


def ms(*parts: int) -> int:
    year, month, day, hour, minute = parts
    return round(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


async def leading(db: Database, holder: str = "one") -> Leading:
    lead = Leading(db, holder, lease_s=60.0)
    assert await lead.take() is None
    return lead


def test_instants_are_those_of_the_expression_in_utc() -> None:
    timer = Timer("nightly", "30 4 * * *")
    assert timer.last_ms(ms(2026, 11, 21, 4, 29)) == ms(2026, 11, 20, 4, 30)
    assert timer.last_ms(ms(2026, 11, 21, 4, 30)) == ms(2026, 11, 21, 4, 30)
    assert timer.next_ms(ms(2026, 11, 21, 4, 29)) == ms(2026, 11, 21, 4, 30)
    assert timer.next_ms(ms(2026, 11, 21, 4, 30)) == ms(2026, 11, 22, 4, 30)


def test_instants_are_those_of_the_zone_over_its_changes_of_clocks() -> None:
    timer = Timer("nightly", "0 2 * * *", zone=ZoneInfo("Europe/Berlin"))
    assert timer.next_ms(ms(2026, 1, 10, 12, 0)) == ms(2026, 1, 11, 1, 0)
    assert timer.next_ms(ms(2026, 7, 10, 12, 0)) == ms(2026, 7, 11, 0, 0)
    assert timer.last_ms(ms(2026, 7, 10, 12, 0)) == ms(2026, 7, 10, 0, 0)
    instant = ms(2026, 3, 28, 12, 0)  # the night after, there is no 2 o'clock
    for _ in range(3):
        instant = timer.next_ms(instant)
        assert timer.last_ms(instant) == instant
    assert instant == ms(2026, 3, 31, 0, 0)


def test_an_instant_is_claimed_once_and_older_ones_never(conn: Connection) -> None:
    assert timers.claim(conn, "a", 100)
    assert not timers.claim(conn, "a", 100)
    assert not timers.claim(conn, "a", 50)
    assert timers.claim(conn, "b", 50)
    assert timers.claim(conn, "a", 101)
    assert timers.fired_ms(conn, "a") == 101


async def test_a_timer_fires_once_per_instant_whoever_leads(db: Database) -> None:
    fired: list[str] = []

    def timer(name: str) -> Timer:
        def step(_conn: Connection) -> int:
            fired.append(name)
            return 1

        return Timer("yearly", "0 0 1 1 *", step)

    first = await leading(db)
    await serve(db, first, timer("first"))
    await serve(db, first, timer("again"))
    await first.release()
    await serve(db, await leading(db, "two"), timer("the next leader"))
    assert fired == ["first"]


async def test_a_former_leader_fires_nothing(db: Database) -> None:
    former = await leading(db)
    await former.release()
    await leading(db, "two")
    with pytest.raises(LeaseLostError):
        await serve(db, former, Timer("yearly", "0 0 1 1 *"))
    assert await db.read(timers.fired_ms, "yearly") is None


async def test_a_step_that_breaks_is_tried_again_and_its_instant_is_still_due(db: Database) -> None:
    rounds: list[int] = []

    def step(_conn: Connection) -> int:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("the first time it breaks")
        return 1

    lead = await leading(db)
    await serve(db, lead, Timer("yearly", "0 0 1 1 *", step))
    assert await db.read(timers.fired_ms, "yearly") is None
    await serve(db, lead, Timer("yearly", "0 0 1 1 *", step))
    await serve(db, lead, Timer("yearly", "0 0 1 1 *", step))
    assert len(rounds) == 2


async def test_an_errand_is_run_after_its_instant_was_recorded(db: Database) -> None:
    seen: list[int | None] = []

    async def errand() -> int:
        seen.append(await db.read(timers.fired_ms, "yearly"))
        raise OSError("the store is away")

    timer = Timer("yearly", "0 0 1 1 *", errand=errand)
    lead = await leading(db)
    await serve(db, lead, timer)
    await serve(db, lead, timer)
    assert seen == [timer.last_ms(outbox.now_ms())]


async def test_an_errand_that_resumes_is_begun_again_until_it_came_to_its_end(db: Database) -> None:
    rounds: list[int | None] = []

    async def errand() -> int:
        rounds.append(await db.read(timers.fired_ms, "yearly"))
        if len(rounds) == 1:
            raise asyncio.CancelledError  # as where the server is killed over it
        return 1

    timer = Timer("yearly", "0 0 1 1 *", errand=errand, resumes=True)
    lead = await leading(db)
    with pytest.raises(asyncio.CancelledError):
        await serve(db, lead, timer)
    await serve(db, lead, timer)
    await serve(db, lead, timer)
    assert rounds == [None, None]
    assert await db.read(timers.fired_ms, "yearly") == timer.last_ms(outbox.now_ms())


async def test_time_is_kept_while_it_leads(db: Database) -> None:
    fired: list[int] = []

    def step(_conn: Connection) -> int:
        fired.append(1)
        return 0

    timer = Timer("secondly", "* * * * * *", step)
    lead = await leading(db)

    async def keep() -> None:
        while True:
            await keep_time(db, lead, [timer])

    keeping = asyncio.create_task(keep())
    await eventually(lambda: len(fired) >= 2)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
