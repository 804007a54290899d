"""Makes each new asset's opening as soon as it is planned, says that it is playable, and clears up when it is ready."""

import asyncio
import logging
from collections.abc import Coroutine

from vidcompute.db.engine import Database
from vidcompute.db.outbox import Event, all_since, last_seq
from vidcompute.errors import VidComputeError
from vidcompute.services import assets
from vidcompute.services.playback import queries
from vidcompute.services.playback.service import Playback, present

_log = logging.getLogger(__name__)
_DISCARD_AFTER_S = 60.0  # those who watch have the playlists of the fast rung for a while yet
_AT_ONCE = 2


class Opening:
    """Follows the outbox: `job.planned` opens, `asset.ready` and `asset.deleted` throw provisional segments away."""

    def __init__(self, db: Database, playback: Playback) -> None:
        self._db = db
        self._playback = playback
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Go on until cancelled."""
        with self._db.subscribe() as subscription:
            seq = await self._db.read(last_seq)
            while True:
                for event in await self._db.read(all_since, seq):
                    seq = event.seq
                    self._react(event)
                await subscription.wait(timeout_s=5)

    def _react(self, event: Event) -> None:
        asset_id = str(event.data.get("asset_id", ""))
        if event.type == "job.planned":
            self._begin(self._open(event.organization_id, asset_id))
        elif event.type in {"asset.ready", "asset.errored"}:
            self._begin(self._discard(asset_id, _DISCARD_AFTER_S))
        elif event.type == "asset.deleted":
            self._begin(self._discard(asset_id, 0))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, organization_id: str, asset_id: str) -> None:
        try:
            snapshot = await self._db.read(queries.by_asset, organization_id, asset_id)
            view = present(snapshot)
            if view.complete or view.layout is None or not view.ready_tracks:
                return
            async with self._slots:
                await self._playback.makers.open(view, await self._playback.source(snapshot))
            await self._db.write(assets.mark_playable, asset_id)
        except VidComputeError as error:
            _log.warning("opening failed", extra={"asset_id": asset_id, "code": error.code, "detail": error.detail})

    async def _discard(self, asset_id: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._playback.makers.discard(asset_id)
