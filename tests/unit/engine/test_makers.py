"""Makers of the fast rung: one run at a time for each asset, for who watches, paced; the ladder stands aside."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.facts import audio_facts, source_facts, video_facts
from vidcompute.adapters.rates_memory import MemoryRates
from vidcompute.errors import VidComputeError
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.layout import layout
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stage import Cost, options_of
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.ports.executor import Call
from vidcompute.services.playback.makers import MakerLimits, Makers
from vidcompute.services.playback.presentation import Presentation

FAST, SOUND = "h264-480", "audio-0"
PROBE = PlanNode("probe", "probe", 1, options_of(Probe()), {"source": (SOURCE,)}, Cost(0.1, 0.1))
SECONDS = 400  # a hundred segments


class Machine:
    """Executor and Interactive in one: notes what is asked of it, and makes a segment when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.holds: list[bool] = []
        self.live = 0
        self._wanted: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self._moved = asyncio.Condition()

    async def hold(self, *, held: bool) -> None:
        self.holds.append(held)

    async def call(self, call: Call) -> AsyncGenerator[Mapping[str, Any]]:
        self.calls.append(call)
        self.live += 1
        await self._tell()
        try:
            for number in range(call.options["first"], call.options["end"]):
                for track in await self._wanted.get():
                    path = Path(call.output) / track / f"{number}.m4s"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(b"x")
                    yield {"track": track, "number": number}
            yield {"facts": {}}
        finally:
            self.live -= 1
            await asyncio.shield(self._tell())

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    def make(self, count: int = 1, tracks: tuple[str, ...] = (FAST, SOUND)) -> None:
        for _ in range(count):
            self._wanted.put_nowait(tracks)

    async def until(self, runs: int, live: int | None = None) -> None:
        async with asyncio.timeout(10), self._moved:
            await self._moved.wait_for(lambda: len(self.calls) >= runs and live in {None, self.live})

    @property
    def ranges(self) -> list[tuple[int, int]]:
        return [(call.options["first"], call.options["end"]) for call in self.calls]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def view() -> Presentation:
    facts = source_facts(video_facts(frames=SECONDS * 30), audio_facts(seconds=SECONDS))
    made = plan(facts, MediaSpec(), Capacity(2), PROBE)
    snapshot = SimpleNamespace(asset=SimpleNamespace(id="asset_x"), plan=made, artifacts={})
    return Presentation(cast(Any, snapshot), facts, layout(facts, MediaSpec()))


def makers(machine: Machine, folder: Path, **limits: Any) -> Makers:
    return Makers(cast(Any, machine), machine, folder / "fast", MakerLimits(**limits), rates=MemoryRates())


async def test_the_opening_is_made_and_no_more_where_nobody_watches(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path)
    opening = asyncio.create_task(made.open(view, tmp_path))
    machine.make(2)
    await opening
    await machine.until(1, live=0)
    machine.make(1)
    await made.file(view, tmp_path, FAST, "50.m4s")  # had another run begun by itself, it would stand before this one
    assert machine.ranges == [(0, 2), (50, 74)]
    await made.close()


async def test_who_watches_gets_run_after_run_at_a_bounded_pace(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path)
    machine.make(1)
    path = await made.file(view, tmp_path, FAST, "10.m4s")
    assert path.read_bytes() == b"x"
    machine.make(23)
    await machine.until(2)
    assert machine.ranges == [(10, 34), (34, 58)]
    assert [call.options["pace"] for call in machine.calls] == [made.limits.pace] * 2
    assert 1 < made.limits.pace < 2
    await made.close()
    assert machine.live == 0


async def test_a_run_ends_when_the_watcher_is_gone(machine: Machine, view: Presentation, tmp_path: Path) -> None:
    made = makers(machine, tmp_path, idle_s=0.0)
    machine.make(2)
    await made.file(view, tmp_path, FAST, "10.m4s")
    await machine.until(1, live=0)
    machine.make(1)
    await made.file(view, tmp_path, FAST, "50.m4s")
    assert machine.ranges == [(10, 34), (50, 74)]
    await made.close()


async def test_a_jump_ends_the_run_before_it_and_waiters_share_one(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path)
    machine.make(1)
    await made.file(view, tmp_path, FAST, "10.m4s")
    asked = [asyncio.create_task(made.file(view, tmp_path, track, "70.m4s")) for track in (FAST, SOUND, FAST)]
    await machine.until(2)
    assert machine.live == 1
    machine.make(1)
    await asyncio.gather(*asked)
    assert machine.ranges == [(10, 34), (70, 94)]
    await made.close()


async def test_sound_that_is_there_already_further_on_takes_no_run_away_from_the_pictures(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path)
    machine.make(1)
    await made.file(view, tmp_path, FAST, "10.m4s")
    machine.make(4, (SOUND,))
    for number in range(11, 15):
        await made.file(view, tmp_path, SOUND, f"{number}.m4s")
    pictures = asyncio.create_task(made.file(view, tmp_path, FAST, "12.m4s"))
    await machine.until(2, live=1)
    sounds = [asyncio.create_task(made.file(view, tmp_path, SOUND, f"{number}.m4s")) for number in range(12, 16)]
    machine.make(4)
    await asyncio.gather(pictures, *sounds)
    assert machine.ranges == [(10, 34), (12, 36)]
    await made.close()


async def test_the_ladder_is_held_until_the_opening_is_there_and_goes_on_beside_jumps(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path)
    asked = asyncio.create_task(made.file(view, tmp_path, FAST, "0.m4s"))
    await machine.until(1, live=1)
    assert machine.holds == [True]
    machine.make(1)
    await asked
    machine.make(1)
    await made.file(view, tmp_path, SOUND, "1.m4s")
    assert machine.holds == [True, False]
    asked = asyncio.create_task(made.file(view, tmp_path, FAST, "10.m4s"))
    await machine.until(2, live=1)
    machine.make(1)
    await asked
    assert machine.holds == [True, False]
    await made.close()


async def test_who_waits_for_what_is_deleted_is_told_and_the_ladder_goes_on(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path)
    opening = asyncio.create_task(made.open(view, tmp_path))
    asked = asyncio.create_task(made.file(view, tmp_path, FAST, "0.m4s"))
    await machine.until(1, live=1)
    await made.discard(view.snapshot.asset.id)
    for waiting in (opening, asked):
        with pytest.raises(VidComputeError, match="segment_not_found"):
            await waiting
    assert machine.holds == [True, False]
    await made.close()


async def test_jumps_have_a_budget_and_a_request_is_held_for_a_while_only(
    machine: Machine, view: Presentation, tmp_path: Path
) -> None:
    made = makers(machine, tmp_path, seek_burst=2, seeks_per_s=0.001, hold_s=0.05)
    for number in (10, 50):
        with pytest.raises(VidComputeError, match="segment_not_ready") as late:
            await made.file(view, tmp_path, FAST, f"{number}.m4s")
        assert late.value.extra == {"retry_after_s": 1}
    with pytest.raises(VidComputeError, match="seeks_limited"):
        await made.file(view, tmp_path, FAST, "90.m4s")
    assert len(machine.calls) == 2
    await made.close()


async def test_what_was_made_in_haste_is_thrown_away(machine: Machine, view: Presentation, tmp_path: Path) -> None:
    made = makers(machine, tmp_path)
    machine.make(1)
    path = await made.file(view, tmp_path, FAST, "10.m4s")
    await made.discard("asset_x")
    assert not path.exists()
    assert machine.live == 0
