"""A clean-up of one organization, and what it would take.

Both go the same way: first assets whose time is over, which are deleted by that and can be restored; then logs, sources
and archives of frames that are not kept any more; last deleted assets that can't be restored. What is over at an
instant does not change by taking some of it, so that it is known without taking it.

Rows go first, a few in each transaction, and their files after its commit. What a kill leaves of the files is named by
no row, and removed by the housekeeping; everything else is found again by the next clean-up.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection

from vidcompute import failpoints, logs
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import is_id
from vidcompute.ports.storage import ObjectInfo, ScannableStorage, Storage
from vidcompute.services.retention import queries, service
from vidcompute.services.retention.models import Prepared, Taken, What
from vidcompute.services.retention.queries import Due

T = TypeVar("T")
_log = logs.get("cleanup")
_TOLD_AS = {What.EXPIRY: "asset_expired", What.SOURCE: "source_removed", What.ASSET: "asset_purged"}
_ID_OF = {What.SOURCE: "source_id", What.FRAMES: "content_key"}
_BATCH = 25  # rows of so many things go in one transaction: others want to write as well
_AT_ONCE = 16  # looks at objects, or removals


@dataclass(frozen=True)
class Position:
    """How far a look at what would go has come: the instant that it is about, and the last thing that was shown."""

    at_ms: int
    what: What = What.EXPIRY
    after: str = ""

    def __str__(self) -> str:
        return f"{self.at_ms}.{self.what}.{self.after}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """The inverse of `str`; `invalid_cursor`."""
        at_ms, _, rest = text.partition(".")
        what, _, after = rest.partition(".")
        if not (at_ms.isascii() and at_ms.isdecimal() and len(at_ms) <= 13 and what in set(What)):
            raise invalid("invalid_cursor", "This cursor is not one that a list gave out.")
        return cls(int(at_ms), What(what), after)


@dataclass(frozen=True)
class Work:
    """Whose things are cleaned up, where they are, and for how long what expires can be restored."""

    db: Database
    storage: ScannableStorage
    organization_id: str
    undo_ms: int


Look = Callable[[Connection, Due, str, int], list[Prepared]]
Take = Callable[[Connection, Work, int, str], list[Prepared]]

_LOOKS: dict[What, Look] = {
    What.SOURCE: queries.expired_sources,
    What.FRAMES: queries.expired_frames,
    What.ASSET: queries.purging,
    What.EXPIRY: queries.expiring,
}
_TAKES: dict[What, Take] = {
    What.EXPIRY: lambda conn, work, at_ms, after: service.expire(
        conn, work.organization_id, at_ms, work.undo_ms, _BATCH, after=after
    ),
    What.SOURCE: lambda conn, work, at_ms, after: service.drop_sources(
        conn, work.organization_id, at_ms, _BATCH, after
    ),
    What.FRAMES: lambda conn, work, at_ms, after: service.drop_frames(conn, work.organization_id, at_ms, _BATCH, after),
    What.ASSET: lambda conn, work, at_ms, after: service.purge(conn, work.organization_id, at_ms, _BATCH, after),
}


async def clean(work: Work, at_ms: int) -> AsyncGenerator[Sequence[Taken]]:
    """Take everything whose time is over at `at_ms`, some at a time; what was taken is gone when it is told.

    Who stops between two tellings leaves nothing half done.
    """
    for what in What:
        if what is What.LOGS:
            due = await work.db.read(Due.of, work.organization_id, at_ms)
            yield _noted(work, await _logs(work, due, take=True))
            continue
        after = ""
        while prepared := await work.db.write(_TAKES[what], work, at_ms, after):
            taken = await _finish(work, prepared)
            after = taken[-1].subject_id
            yield taken


async def delete_for_good(work: Work, asset_id: str) -> None:
    """Delete an asset that is there, or was deleted, with all that nothing else refers to: it can't be restored.

    Where a job at work reads its source, all of it goes with a clean-up after that. `asset_not_found`.
    """
    await _finish(work, await work.db.write(service.delete_for_good, work.organization_id, asset_id))


async def _finish(work: Work, prepared: Sequence[Prepared]) -> list[Taken]:
    """Remove from storage what has no rows any more, and note it."""
    taken = await _each(_weighed(work.storage, item) for item in prepared)
    failpoints.reach("cleanup.taken")
    await _remove(work.storage, prepared)
    failpoints.reach("cleanup.removed")
    return _noted(work, taken)


def _noted(work: Work, taken: list[Taken]) -> list[Taken]:
    for item in taken:
        ids = {"organization_id": work.organization_id}
        if item.what is not What.LOGS:
            ids[_ID_OF.get(item.what, "asset_id")] = item.subject_id
        event = _TOLD_AS.get(item.what, f"{item.what}_removed")
        _log.info(event, count=item.count, size_bytes=item.size_bytes, **ids)
    return taken


async def look(
    work: Work, since: Position, limit: int, supposed: Mapping[str, int | None] | None = None
) -> tuple[list[Taken], Position | None]:
    """Up to `limit` of the things that a clean-up at that instant would take, after those before; and where to go on.

    None where that is all. `supposed` are fields of `Retention` as they might be set, in the place of what they are.
    """
    due = await work.db.read(Due.of, work.organization_id, since.at_ms)
    due = replace(due, kept=replace(due.kept, **(supposed or {})))
    found: list[Taken] = []
    order = list(What)
    for what in order[order.index(since.what) :]:
        after = since.after if what is since.what else ""
        if what is What.LOGS:
            found += [] if after else await _logs(work, due, take=False)
        else:
            step, wanted = _LOOKS[what], limit - len(found)
            prepared = await work.db.read(step, due, after, wanted)
            found += await _each(_weighed(work.storage, item) for item in prepared)
        if len(found) >= limit:
            return found, Position(since.at_ms, what, found[-1].subject_id)
    return found, None


async def _weighed(storage: Storage, item: Prepared) -> Taken:
    """What goes, with the logs whose size no row knows."""
    sizes = [await _size_bytes(storage, key) for key in item.logs]
    return replace(item.taken, size_bytes=item.taken.size_bytes + sum(sizes))


async def _size_bytes(storage: Storage, key: str) -> int:
    try:
        return (await storage.stat(key)).size_bytes
    except VidComputeError as error:
        if error.kind is Kind.NOT_FOUND:  # an attempt that said nothing
            return 0
        raise


async def _remove(storage: Storage, prepared: Iterable[Prepared]) -> None:
    await _each(storage.delete_prefix(prefix) for item in prepared for prefix in item.prefixes)


async def _each(work: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all of these, some of which are under way at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(awaitable: Awaitable[T]) -> T:
        async with room:
            return await awaitable

    return await asyncio.gather(*(one(awaitable) for awaitable in work))


async def _logs(work: Work, due: Due, *, take: bool) -> list[Taken]:
    """The logs that are not kept any more, as one thing."""
    cutoff_ms = queries.before(due.at_ms, due.kept.logs_s)
    if cutoff_ms is None:
        return []
    count = size_bytes = 0
    async for page in work.storage.scan(f"orgs/{work.organization_id}/logs"):
        old = [info for info in page if _is_log(info.key) and queries.log_ms(info.key) < cutoff_ms]
        busy = await work.db.read(queries.under_way, [queries.attempt_of(info.key) for info in old])
        gone = [info for info in old if queries.attempt_of(info.key) not in busy]
        if take:
            await _remove(work.storage, [_of_log(work, info) for info in gone])
        count += len(gone)
        size_bytes += sum(info.size_bytes for info in gone)
    return [Taken(What.LOGS, work.organization_id, "logs", size_bytes, count)] if count else []


def _is_log(key: str) -> bool:
    return is_id("att", queries.attempt_of(key))


def _of_log(work: Work, info: ObjectInfo) -> Prepared:
    return Prepared(Taken(What.LOGS, work.organization_id, "logs", info.size_bytes), (info.key,))
