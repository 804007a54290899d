"""Removes from storage what no row names: outputs of lost attempts, what a redo has replaced, uploads cut short.

What a place holds was written by one attempt, one upload, or as one text track, whose identifier is in its key and
says when it began. A place goes when it is old enough, no row names it, and its attempt is not under way: an attempt
that has ended can't be recorded any more, and a new one writes to a place of its own.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from vidcompute.db.engine import Database
from vidcompute.ids import created_ms, is_id
from vidcompute.ports.storage import ObjectInfo, ScannableStorage
from vidcompute.services.housekeeping import queries

_TOP = "orgs"
_PARTS_OF_ARTIFACT = 5  # orgs/O/artifacts/KEY/ATTEMPT


@dataclass(frozen=True)
class Collected:
    """What one round did: how many objects it looked at, and removed."""

    seen: int
    removed: int


@dataclass(frozen=True)
class Page:
    """Some objects: how many there are, and the places among them that no row names, with the bytes that they hold."""

    seen: int
    orphans: Mapping[str, int]


@dataclass(frozen=True)
class _Place:
    """What is removed as one: the objects below `prefix` (or the object itself), and the identifier of its maker."""

    prefix: str
    maker: str


def place_of(key: str) -> _Place | None:
    """The place that an object belongs to; None for one that is not ours to judge."""
    parts = key.split("/")
    if parts[0] != _TOP:
        return None
    match parts[2:]:
        case ["artifacts", _, attempt_id, _, *_] if is_id("att", attempt_id):
            return _Place("/".join(parts[:_PARTS_OF_ARTIFACT]), attempt_id)
        case ["sources", _, object_id] | ["direct", object_id] if is_id("obj", object_id):
            return _Place(key, object_id)
        case ["logs", name] if is_id("att", name.removesuffix(".log")):
            return _Place(key, name.removesuffix(".log"))
        case ["tracks", name] if is_id("track", name.removesuffix(".vtt")):
            return _Place(key, name.removesuffix(".vtt"))
        case _:
            return None


async def collect(db: Database, storage: ScannableStorage, *, before_ms: int) -> Collected:
    """Go through the whole storage once, and remove what was begun before then and is named by nothing."""
    seen = removed = 0
    async for page in look(db, storage, before_ms=before_ms):
        seen += page.seen
        for prefix in page.orphans:
            removed += await storage.delete_prefix(prefix)
    return Collected(seen, removed)


async def look(db: Database, storage: ScannableStorage, *, before_ms: int) -> AsyncGenerator[Page]:
    """Go through the whole storage once: what was begun before then and is named by nothing, page by page."""
    async for page in storage.scan(_TOP):
        old = _old(page, before_ms)
        makers = [place.maker for place in old]
        kept = await db.read(queries.named, [place.prefix for place in old], makers) if old else set()
        orphans = {p.prefix: n for p, n in old.items() if p.prefix not in kept and p.maker not in kept}
        yield Page(len(page), orphans)


def _old(page: Sequence[ObjectInfo], before_ms: int) -> dict[_Place, int]:
    """The places that were begun before then, in order, with the bytes of their objects."""
    found: defaultdict[_Place, int] = defaultdict(int)
    for info in page:
        place = place_of(info.key)
        if place is not None and created_ms(place.maker) < before_ms:
            found[place] += info.size_bytes
    return dict(sorted(found.items(), key=lambda item: item[0].prefix))
