"""Who opens new assets to viewers, and when."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services.playback import Opening, queries
from vidcompute.services.playback.service import Playback


@asynccontextmanager
async def opening(db: Database, leads: Any) -> AsyncGenerator[asyncio.Task[None]]:
    """Openings at work; what they would make is made by nobody, for the toy jobs have no pictures."""
    playback = cast(Playback, SimpleNamespace(makers=None, source=None))
    task = asyncio.create_task(Opening(db, playback, leads).run())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def planned(conn: Connection) -> str:
    made = toys.submit(conn)
    toys.run_until(conn, "encode")
    return made.asset_id


async def test_what_has_a_plan_and_was_not_opened_is_found(db: Database) -> None:
    assert await db.read(queries.unopened) == []
    asset_id = await db.write(planned)
    assert await db.read(queries.unopened) == [(toys.ORG, asset_id)]
    await db.write(toys.run_everything)
    await db.write(toys.submit, "another")
    assert [asset for _, asset in await db.read(queries.unopened)] == [asset_id]


async def test_it_goes_on_when_the_database_was_away(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    read, away, asked = db.read, [True, True], asyncio.Event()

    async def flaky(step: Any, *args: Any) -> Any:
        if away:
            away.pop()
            raise VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "It is away.")
        if step is queries.unopened:
            asked.set()
        return await read(step, *args)

    monkeypatch.setattr(db, "read", flaky)
    async with opening(db, lambda: True) as task:
        while away:
            await db.write(toys.submit, str(len(away)))
            await asyncio.wait([task], timeout=0.01)
        await db.write(toys.submit, "more")
        await asyncio.wait_for(asked.wait(), 10)
        assert not task.done()
