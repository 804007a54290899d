"""Makers of the fast rung: one per asset, which makes the segments that a viewer waits for, ahead of need.

The newest request wins: a seek ends the run under way and starts one where the viewer is. What a maker writes is
provisional: it lies in a folder of its own, and is thrown away when the ladder is complete.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.media import timeline
from vidcompute.media.encode import cut
from vidcompute.media.tracks import INIT_NAME, segment_name
from vidcompute.pipeline.stages.first_play import FirstPlay
from vidcompute.ports.executor import Call, Executor, Interactive
from vidcompute.ports.rates import Allowance, Rates
from vidcompute.services.playback.presentation import Presentation, segment_number

_BURST_SEGMENTS = 2  # a run begins with so many at full speed; after them, only the next one comes sooner than a jump
_RUN_SEGMENTS = 24
_OPENING_SEGMENTS = 2
_SOURCE_KEPT_S = 900.0
_NO_HURRY = contextlib.nullcontext()


@dataclass(frozen=True)
class MakerLimits:
    """`pace` is times real time after a first burst. A watcher is gone after `idle_s` without a request.

    Starts of runs (seeks) are limited per asset: a burst, then so many a second. `hold_s` is how long a request waits.
    """

    pace: float = 1.25
    idle_s: float = 20.0
    hold_s: float = 8.0
    seek_burst: int = 60
    seeks_per_s: float = 1.0
    run_timeout_s: float = 600.0


class Makers:
    """All makers of this process."""

    def __init__(
        self,
        executor: Executor,
        interactive: Interactive,
        folder: Path,
        limits: MakerLimits | None = None,
        *,
        rates: Rates,
    ) -> None:
        self._executor = executor
        self.rates = rates
        self.interactive = interactive
        self.limits = limits or MakerLimits()
        self._folder = folder
        self._makers: dict[str, _Maker] = {}
        self._urgent = 0
        self.sources = folder / "sources"  # of stores that are not on this machine
        shutil.rmtree(folder, ignore_errors=True)  # provisional bytes of an earlier life
        self.sources.mkdir(parents=True)

    async def file(self, view: Presentation, source: Path, track: str, file_name: str) -> Path:
        """A file of the fast rung or of a sound track, made now if need be.

        Raises `segment_not_ready` (kind unavailable) after `hold_s`, or `seeks_limited` (kind rate_limited).
        """
        maker = self._maker(view, source)
        number = 0 if file_name == INIT_NAME else segment_number(file_name)
        path = maker.folder / track / file_name
        if not path.exists():
            try:
                # Nobody waits for long at a start: the ladder stands still meanwhile. At a jump it goes on.
                async with asyncio.timeout(self.limits.hold_s), self.urgency() if number == 0 else _NO_HURRY:
                    await maker.wait(view, track, number)
            except TimeoutError:
                detail = "This part of the video is still being made; ask again."
                raise VidComputeError(
                    Kind.UNAVAILABLE, "segment_not_ready", detail, extra={"retry_after_s": 1}
                ) from None
        maker.touch()
        return path

    async def open(self, view: Presentation, source: Path) -> None:
        """Make the opening, so that the first viewer doesn't wait; returns when the first segments are there."""
        maker = self._maker(view, source)
        await asyncio.gather(*(maker.wait(view, track, 0) for track in view.ready_tracks))

    def has_source(self, path: Path) -> bool:
        """Whether a fetched source is here still; those that nobody has used for a while are let go of."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
        at_work = {maker.source for maker in list(self._makers.values())}
        for other in self.sources.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if other not in at_work and other.stat().st_mtime < time.time() - _SOURCE_KEPT_S:
                    other.unlink()
        return path.exists()

    def _maker(self, view: Presentation, source: Path) -> "_Maker":
        asset_id = view.snapshot.asset.id
        if asset_id not in self._makers:
            self._makers[asset_id] = _Maker(self, self._folder / asset_id, source)
        return self._makers[asset_id]

    async def discard(self, asset_id: str) -> None:
        """Stop an asset's maker and throw away what it made."""
        maker = self._makers.pop(asset_id, None)
        if maker is not None:
            await maker.stop()
            maker.fail(not_found("segment", asset_id))
            await asyncio.to_thread(shutil.rmtree, maker.folder, ignore_errors=True)

    async def close(self) -> None:
        """Stop all makers."""
        await asyncio.gather(*(maker.stop() for maker in self._makers.values()))

    @contextlib.asynccontextmanager
    async def urgency(self) -> AsyncIterator[None]:
        """Meanwhile the ladder stands still; each asks for that anew, for a hold ends by itself."""
        self._urgent += 1
        try:
            await self._executor.hold(held=True)
            yield
        finally:
            self._urgent -= 1
            if self._urgent == 0:
                await asyncio.shield(self._executor.hold(held=False))


class _Maker:
    """The maker of one asset: at most one run at a time."""

    def __init__(self, makers: Makers, folder: Path, source: Path) -> None:
        self.folder = folder
        self._makers = makers
        self.source = source
        self._made: dict[str, set[int]] = {}
        self._waiters: dict[tuple[str, int], asyncio.Future[None]] = {}
        self._run: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()  # between the end of one run and the begin of the next nobody else may start
        self._first = self._end = 0
        self._reached: dict[str, int] = {}
        self._asked = time.monotonic()
        self._budget = Allowance(makers.limits.seek_burst, makers.limits.seeks_per_s)

    def touch(self) -> None:
        """Somebody watches."""
        self._asked = time.monotonic()

    async def wait(self, view: Presentation, track: str, number: int) -> None:
        """Wait until a segment is made, starting a run for it unless one will soon come to it."""
        self.touch()
        if number in self._made.get(track, ()):
            return
        waiter = self._waiters.setdefault((track, number), asyncio.get_running_loop().create_future())
        async with self._starting:
            if not waiter.done() and not self._is_coming(view, track, number):
                await self._start(view, number)
        await asyncio.shield(waiter)

    def _is_coming(self, view: Presentation, track: str, number: int) -> bool:
        """Whether the run under way comes to a segment before who asks for it has need of it.

        So it does where all before it is there: sound of an earlier run may lie further on than the pictures that the
        same viewer waits for, and to begin anew at its end would leave those unmade.
        """
        if self._run is None or self._run.done() or not self._first <= number < self._end:
            return False
        reached = self._reached.get(track, self._first - 1)
        soon = max(reached + 1, self._first + _BURST_SEGMENTS - 1)
        return reached < number and all(self._has(view, track, between) for between in range(soon, number))

    async def _start(self, view: Presentation, number: int) -> None:
        taken = await self._makers.rates.take(f"seeks/{view.snapshot.asset.id}", self._budget)
        if not taken.allowed:
            detail = "Too many jumps to parts that are not made yet; wait a moment."
            wait_s = max(1, round(taken.retry_after_s))
            raise VidComputeError(Kind.RATE_LIMITED, "seeks_limited", detail, extra={"retry_after_s": wait_s})
        await self.stop()
        self._begin(view, number)

    def _begin(self, view: Presentation, number: int) -> None:
        self._first, self._reached = number, {}
        self._end = self._run_end(view, number)
        self._run = asyncio.create_task(self._make(view, number, self._end))

    def _run_end(self, view: Presentation, first: int) -> int:
        """Where to stop: at what is there already, at the end of the track, or after a good while."""
        total = max(len(edges) for edges in self._edges(view)) - 1
        length = _OPENING_SEGMENTS if first == 0 else _RUN_SEGMENTS
        end = first + 1
        while end < min(first + length, total) and not self._is_there(view, end):
            end += 1
        return end

    @staticmethod
    def _edges(view: Presentation) -> list[tuple[int, ...]]:
        layout = view.layout
        assert layout is not None, "only what was planned is made"
        lines = [layout.timeline.boundaries()] if layout.timeline else []
        return lines + [part.boundaries for part in layout.audio]

    def _is_there(self, view: Presentation, number: int) -> bool:
        return all(self._has(view, track, number) for track in view.ready_tracks)

    def _has(self, view: Presentation, track: str, number: int) -> bool:
        if number in self._made.get(track, ()):
            return True
        try:
            return view.stored(track, segment_name(number)) is not None
        except VidComputeError:
            return True  # a track that is over by then

    async def _make(self, view: Presentation, first: int, end: int) -> None:
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        stage = self._stage(view, first, end)
        call = Call(
            stage=stage.name,
            version=stage.version,
            options=asdict(stage),
            inputs={"source": (str(self.source),)},
            output=str(self.folder),
            timeout_s=self._makers.limits.run_timeout_s,
        )
        try:
            async with contextlib.aclosing(self._makers.interactive.call(call)) as told:
                async for item in told:
                    if "track" not in item:
                        continue
                    self._take(item["track"], item["number"])
                    if self._unwatched(first):
                        return
        except VidComputeError as error:
            self.fail(error)
            return
        self._run = None
        if not self._unwatched(first) and self._goes_on(view, end):
            self._begin(view, end)

    def _unwatched(self, first: int) -> bool:
        gone = time.monotonic() - self._asked > self._makers.limits.idle_s
        return gone and bool(self._reached) and min(self._reached.values()) >= first

    def _goes_on(self, view: Presentation, end: int) -> bool:
        total = max(len(edges) for edges in self._edges(view)) - 1
        return end < total and not self._is_there(view, end) and end > _OPENING_SEGMENTS

    def _stage(self, view: Presentation, first: int, end: int) -> FirstPlay:
        layout, facts = view.layout, view.facts
        assert layout is not None, "only what was planned is made"
        assert facts is not None, "only what was planned is made"
        video, rung = None, layout.fast
        if layout.timeline and facts.video and first < len(layout.timeline.segments):
            last = min(end, len(layout.timeline.segments))
            video = cut(
                layout.timeline,
                facts.video,
                facts.container,
                timeline.stretch(layout.timeline, facts.video, first, last),
            )
        pace = self._makers.limits.pace if first else 0.0
        return FirstPlay(video, rung if video else None, layout.copied is not None, layout.audio, first, end, pace)

    def _take(self, track: str, number: int) -> None:
        self._made.setdefault(track, set()).add(number)
        self._reached[track] = number
        waiter = self._waiters.pop((track, number), None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, error: VidComputeError) -> None:
        """Tell all who wait that what they wait for does not come."""
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # those who waited may have gone, and then nobody else looks at it
        self._waiters.clear()

    async def stop(self) -> None:
        """End the run under way; who waits for what it would have made goes on waiting."""
        run, self._run = self._run, None
        if run is not None and run is not asyncio.current_task():
            run.cancel()
            await asyncio.wait([run])
