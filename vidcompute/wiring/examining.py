"""`vidctl fsck`: compares the rows of the whole installation with what is stored, while servers may be at work."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services.housekeeping import Examination, examine
from vidcompute.wiring import storage as storages
from vidcompute.wiring.library import decided, known_library

if TYPE_CHECKING:
    from vidcompute.settings import Settings


def fsck(settings: "Settings", tell: Callable[[Mapping[str, Any]], object], *, mend: bool) -> None:
    """Tell of every fault, as `Found` has it, when it is found, and mended.

    Raises `storage_moving` (conflict) while the library moves.
    """
    found = decided(settings, known_library(settings))
    if found.before is not None:
        detail = "The library moves to another storage: let that come to its end first."
        raise VidComputeError(Kind.CONFLICT, "storage_moving", detail)
    storage = storages.tool_place(settings, found.at, keys_of=found.at)

    async def run() -> None:
        db = Database.open(settings.effective_database_url)
        try:
            before_ms = now_ms() - round(settings.collect_after_s * 1000)
            async with contextlib.aclosing(examine(Examination(db, storage, before_ms, mend))) as faults:
                async for fault in faults:
                    tell({**asdict(fault), "fault": fault.fault.value})
        finally:
            await db.close()

    asyncio.run(run())
