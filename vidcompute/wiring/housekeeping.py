"""What the server does by the hour for the storage: removes leftovers of kills, and what nothing refers to."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vidcompute import logs
from vidcompute.adapters.storage_object import ObjectStorage
from vidcompute.services import housekeeping, uploads
from vidcompute.wiring import storage as storages

if TYPE_CHECKING:
    from vidcompute.adapters.storage_switched import SwitchedStorage
    from vidcompute.db.engine import Database
    from vidcompute.settings import Settings

log = logs.get("housekeeping")


async def collect(settings: "Settings", db: "Database", storage: "SwitchedStorage") -> int:
    """One round of it; how many things were removed."""
    before = datetime.now(UTC) - timedelta(seconds=settings.collect_after_s)
    await asyncio.to_thread(storages.sweep, storage)
    ended = 0
    for part in storage.parts():
        if isinstance(part, ObjectStorage):
            from vidcompute.adapters.object_uploads import UploadsInParts  # with an HTTP client, which few servers need

            under_way = await db.read(uploads.names_in_store)
            async with UploadsInParts(part.place, part.credentials()) as bucket:
                ended += await bucket.end(before, but=under_way)
    collected = await housekeeping.collect(db, storage, before_ms=int(before.timestamp() * 1000))
    log.info("storage_collected", seen=collected.seen, removed=collected.removed, uploads_ended=ended)
    return collected.removed + ended
