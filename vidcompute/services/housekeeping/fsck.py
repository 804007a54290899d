"""Compares rows with what is stored: bytes that no row names, and rows whose bytes are gone or not whole."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum

from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import ScannableStorage
from vidcompute.services.assets import Source
from vidcompute.services.housekeeping import mending, queries
from vidcompute.services.housekeeping.service import look
from vidcompute.services.tasks import Artifact
from vidcompute.services.text_tracks import queries as text_tracks

_PAGE = 100
_AT_ONCE = 16


class Fault(StrEnum):
    """What is wrong."""

    SOURCE = "source"  # a source whose bytes are gone
    ARTIFACT = "artifact"  # an output, or a part of one, that is gone
    TRACK = "track"  # a text track whose file is gone
    ORPHAN = "orphan"  # bytes that no row names


@dataclass(frozen=True)
class Found:
    """A fault at a place in storage; `mended` says in words what was done about it, None where nothing was."""

    fault: Fault
    place: str
    size_bytes: int
    mended: str | None = None


@dataclass(frozen=True)
class Examination:
    """What is compared with what, and whether it is mended. What was begun after `before_ms` is left alone."""

    db: Database
    storage: ScannableStorage
    before_ms: int
    mend: bool


async def examine(work: Examination) -> AsyncGenerator[Found]:
    """Go through all rows of sources, text tracks and artifacts, then through all that is stored; every fault."""
    async for found in _sources(work):
        yield found
    async for found in _tracks(work):
        yield found
    async for found in _artifacts(work):
        yield found
    async for page in look(work.db, work.storage, before_ms=work.before_ms):
        for place, size_bytes in page.orphans.items():
            if work.mend:
                await work.storage.delete_prefix(place)
            yield Found(Fault.ORPHAN, place, size_bytes, "removed" if work.mend else None)


async def _sources(work: Examination) -> AsyncGenerator[Found]:
    after = ""
    while page := await work.db.read(queries.sources_after, after, _PAGE):
        held = await _held(work, [source.storage_key for source in page], is_tree=False)
        for source, size_bytes in zip(page, held, strict=True):
            # A source may have been deleted since: then its row is gone as well.
            if size_bytes != source.size_bytes and await work.db.read(queries.has_source, source.id):
                yield Found(Fault.SOURCE, source.storage_key, source.size_bytes, await _mend_source(work, source))
        after = page[-1].id


async def _mend_source(work: Examination, source: Source) -> str | None:
    return await work.db.write(mending.lose_source, source) if work.mend else None


async def _tracks(work: Examination) -> AsyncGenerator[Found]:
    after = ""
    while page := await work.db.read(text_tracks.tracks_after, after, _PAGE):
        held = await _held(work, [track.storage_key for track in page], is_tree=False)
        for track, size_bytes in zip(page, held, strict=True):
            if size_bytes == track.size_bytes:
                continue
            # A track may have been removed since: then its row is gone as well.
            if await work.db.read(text_tracks.find, track.asset_id, track.id) is not None:
                mended = await work.db.write(mending.lose_track, track) if work.mend else None
                yield Found(Fault.TRACK, track.storage_key, track.size_bytes, mended)
        after = page[-1].id


async def _artifacts(work: Examination) -> AsyncGenerator[Found]:
    lost: list[Artifact] = []
    after = ("", "")
    while page := await work.db.read(queries.artifacts_after, after, _PAGE):
        held = await _held(work, [made.storage_prefix for made in page], is_tree=True)
        lost += [made for made, size_bytes in zip(page, held, strict=True) if size_bytes != made.size_bytes]
        after = (page[-1].organization_id, page[-1].content_key)
    lost = await work.db.read(queries.still_there, lost)  # what was deleted since has no row any more
    # All at once: what needs another one that is lost as well has to wait for it.
    done = await work.db.write(mending.lose_artifacts, lost) if work.mend and lost else {}
    for made in lost:
        yield Found(Fault.ARTIFACT, made.storage_prefix, made.size_bytes, done.get(made.storage_prefix))


async def _held(work: Examination, places: list[str], *, is_tree: bool) -> list[int]:
    """What is stored at each of these places, in bytes."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def size(place: str) -> int:
        async with room:
            if is_tree:
                return sum(info.size_bytes for info in await work.storage.list(place))
            return await _size_of(work.storage, place)

    return await asyncio.gather(*(size(place) for place in places))


async def _size_of(storage: ScannableStorage, key: str) -> int:
    try:
        return (await storage.stat(key)).size_bytes
    except VidComputeError as error:
        if error.kind is Kind.NOT_FOUND:
            return -1  # which no source has
        raise
