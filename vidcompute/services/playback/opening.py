"""Makes each new asset's opening as soon as it is planned, says that it is playable, and clears up when it is ready."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path

from vidcompute.db.engine import PATIENT_S, Database
from vidcompute.db.outbox import Event, all_since, last_seq
from vidcompute.errors import VidComputeError
from vidcompute.pipeline.recipes.cost import SHORT_S
from vidcompute.services import assets
from vidcompute.services.playback import queries
from vidcompute.services.playback.presentation import Presentation
from vidcompute.services.playback.service import Playback, present

_log = logging.getLogger(__name__)
_DISCARD_AFTER_S = 60.0  # those who watch have the playlists of the fast rung for a while yet
_AT_ONCE = 2
_AT_HAND_S = 0.1
_OVER = frozenset({"asset.ready", "asset.errored"})
_CONCERNING = _OVER | {"job.planned", "asset.deleted"}


class Opening:
    """Follows the outbox: `job.planned` opens, `asset.ready` and `asset.deleted` throw provisional segments away.

    Of several servers the one that `leads` opens, and what an earlier leader left unopened as well.
    """

    def __init__(self, db: Database, playback: Playback, leads: Callable[[], bool]) -> None:
        self._db = db
        self._playback = playback
        self._leads = leads
        self._led = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Go on until cancelled, over times when the database is away."""
        seq: int | None = None
        with self._db.subscribe(PATIENT_S, hears=_CONCERNING.__contains__) as subscription:
            while True:
                try:
                    seq = await self._follow(seq)
                except VidComputeError as error:
                    _log.warning("openings wait", extra={"code": error.code, "detail": error.detail})
                await subscription.wait(timeout_s=5)

    async def _follow(self, seq: int | None) -> int:
        """React to what happened after `seq` (None: from now on); the number of the newest event."""
        newest = await self._db.read(last_seq) if seq is None else seq
        led, self._led = self._led, self._leads()
        if self._led and not led:
            for organization_id, asset_id, job_id in await self._db.read(queries.unopened):
                self._begin(self._open(organization_id, asset_id, job_id))
        while events := await self._db.read(all_since, newest):
            for event in events:
                newest = event.seq
                self._react(event)
        return newest

    def _react(self, event: Event) -> None:
        asset_id = str(event.data.get("asset_id", ""))
        if event.type == "job.planned" and self._led:
            self._begin(self._open(event.organization_id, asset_id, event.subject_id))
        elif event.type in _OVER:
            self._begin(self._discard(asset_id, _DISCARD_AFTER_S))
        elif event.type == "asset.deleted":
            self._begin(self._discard(asset_id, 0))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, organization_id: str, asset_id: str, job_id: str) -> None:
        try:
            async with self._slots:
                if not await self._make(organization_id, asset_id, job_id):
                    return
            await self._db.write(assets.mark_playable, asset_id)
        except VidComputeError as error:
            _log.warning("opening failed", extra={"asset_id": asset_id, "code": error.code, "detail": error.detail})

    async def _make(self, organization_id: str, asset_id: str, job_id: str) -> bool:
        """Make an asset's opening, as its job has planned it; False where it has none to be made.

        Where somebody waits for it, the ladder stands still, unless the source is still to be fetched from a store.
        Where nobody does, and the ladder is short, its opening is made when it is asked for.
        """
        makers = self._playback.makers
        awaited = self._playback.is_awaited(asset_id)
        async with makers.urgency() if awaited else contextlib.nullcontext():
            snapshot = await self._db.read(queries.by_asset, organization_id, asset_id)
            view = present(snapshot)
            if snapshot.asset.job_id != job_id:  # that one takes frames
                return False
            if view.complete or view.layout is None or not view.ready_tracks:
                return False
            if not awaited and view.expected_cpu_s < SHORT_S:
                return True
            fetching = asyncio.ensure_future(self._playback.source(snapshot, patient=True))
            await asyncio.wait([fetching], timeout=_AT_HAND_S)
            opening = asyncio.ensure_future(self._opened(view, fetching))
            if fetching.done():
                await asyncio.wait([opening], timeout=makers.limits.hold_s)  # the ladder waits no longer than a viewer
        await opening
        return True

    async def _opened(self, view: Presentation, fetching: "asyncio.Future[Path]") -> None:
        await self._playback.makers.open(view, await fetching)

    async def _discard(self, asset_id: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._playback.makers.discard(asset_id)
