"""Who opens new assets to viewers, and when."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from tests.facts import audio_facts, source_facts, video_facts
from tests.unit.engine import toys
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.facts import SourceFacts
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.pipeline.recipes.cost import SHORT_S
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stage import Cost, options_of
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.services import assets
from vidcompute.services.playback import Opening, opening, queries
from vidcompute.services.playback.presentation import Presentation
from vidcompute.services.playback.service import Playback

NOBODY = cast(Playback, SimpleNamespace(makers=None, source=None, is_awaited=lambda asset_id: False))


@asynccontextmanager
async def following(db: Database, leads: Any, playback: Playback = NOBODY) -> AsyncGenerator[asyncio.Task[None]]:
    """Openings at work; what they would make is made by nobody, for the toy jobs have no pictures."""
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
    made = await db.read(assets.get, toys.ORG, asset_id)
    assert await db.read(queries.unopened) == [(toys.ORG, asset_id, made.job_id)]
    await db.write(toys.run_everything)
    await db.write(toys.submit, "another")
    assert [asset for _, asset, _ in await db.read(queries.unopened)] == [asset_id]


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
    async with following(db, lambda: True) as task:
        while away:
            await db.write(outbox.wake)
            await asyncio.wait([task], timeout=0.01)
        await db.write(outbox.wake)
        await asyncio.wait_for(asked.wait(), 10)
        assert not task.done()


class Viewers:
    """Stands in for playback: whether somebody waits for an asset, and which openings were made."""

    def __init__(self, *, awaited: bool) -> None:
        self.opened: list[Any] = []
        self.limits = SimpleNamespace(hold_s=8.0)
        self.makers = self
        self._awaited = awaited

    def is_awaited(self, _asset_id: str) -> bool:
        return self._awaited

    def urgency(self) -> nullcontext[None]:
        return nullcontext()

    async def source(self, _snapshot: Any, *, patient: bool) -> Path:
        assert patient
        return Path("source")

    async def open(self, view: Any, _source: Path) -> None:
        self.opened.append(view)


@pytest.mark.parametrize(("ladder_s", "awaited", "opens"), [(60, False, True), (1, False, False), (1, True, True)])
async def test_the_opening_of_a_short_ladder_is_left_until_somebody_asks(
    db: Database, monkeypatch: pytest.MonkeyPatch, ladder_s: float, awaited: bool, opens: bool
) -> None:
    view = SimpleNamespace(complete=False, layout="laid out", ready_tracks=["h264-480"], expected_cpu_s=ladder_s)
    monkeypatch.setattr(opening, "present", lambda _snapshot: view)
    viewers = Viewers(awaited=awaited)
    asset_id = await db.write(planned)
    with db.subscribe() as commits:
        async with following(db, lambda: True, cast(Playback, viewers)), asyncio.timeout(10):
            while (await db.read(assets.get, toys.ORG, asset_id)).status != "playable":
                await commits.wait(5)
    assert bool(viewers.opened) == opens


@pytest.mark.parametrize(
    ("facts", "is_short"),
    [
        (source_facts(video_facts(width=1280, height=720, frames=150), audio_facts(seconds=5)), True),
        (source_facts(video_facts(frames=18_000), audio_facts(seconds=600)), False),
        (source_facts(None, audio_facts(codec="opus", seconds=3 * 3600)), False),
    ],
)
def test_a_long_encode_of_sound_alone_is_not_short_either(facts: SourceFacts, is_short: bool) -> None:
    probe = PlanNode("probe", "probe", 1, options_of(Probe()), {"source": (SOURCE,)}, Cost(0.1, 0.1))
    snapshot = SimpleNamespace(plan=plan(facts, MediaSpec(), Capacity(2), probe))
    assert (Presentation(cast(Any, snapshot), facts, None).expected_cpu_s < SHORT_S) == is_short
