"""`vidctl migrate-storage`: moves a library from one storage to another while it is used.

First everybody on this machine learns that what is new goes to the new place, and that what is not there yet is read
from the old one. Then all objects are copied, until nothing is left to copy and no attempt from before is at work. Last
the new place is compared with the old one and with what rows name, and takes over. Interrupted, it goes on.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_moving import second_name
from vidcompute.adapters.storage_object import ObjectStorage
from vidcompute.db.engine import looked_at
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import ObjectInfo, ScannableStorage
from vidcompute.services import housekeeping
from vidcompute.wiring import storage as storages
from vidcompute.wiring.storage import PLACE_FILE, InForce, Place

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_TOP = "orgs"
_AT_ONCE = 8
_LOOK_S = 0.2


@dataclass(frozen=True)
class Moved:
    """What came of a move: from where to where, how many objects and bytes lie there, and how many came just now."""

    before: str
    at: str
    objects: int
    size_bytes: int
    copied: int


@dataclass(frozen=True)
class Told:
    """To whom a move tells what it does: how far it is (0 to 1), and in words."""

    fraction: Callable[[float], None]
    say: Callable[[str], None]


class _Move:
    """One move between two opened places."""

    def __init__(self, settings: "Settings", old: ScannableStorage, new: ScannableStorage, told: Told) -> None:
        self._old = old
        self._new = new
        self._told = told
        self._incoming = settings.data_dir / f"moving-{secrets.token_hex(4)}"
        self._url = settings.effective_database_url
        self.copied = 0

    async def copy_all(self) -> int:
        """One round over the old place: copies what the new one has not, or not whole; how many."""
        there = {info.key: info.size_bytes async for info in _each(self._new)}
        left = [info async for info in _each(self._old) if there.get(info.key) != info.size_bytes]
        whole_bytes, done_bytes = sum(info.size_bytes for info in left) or 1, 0
        room = asyncio.Semaphore(_AT_ONCE)

        async def copy(info: ObjectInfo) -> int:
            nonlocal done_bytes
            async with room:
                came = await self._copy(info)
            done_bytes += info.size_bytes
            self._told.fraction(done_bytes / whole_bytes)
            return came

        count = sum(await asyncio.gather(*(copy(info) for info in left)))
        self.copied += count
        return count

    async def _copy(self, info: ObjectInfo) -> int:
        """One object, compared on its way by the store's checksums; 0 where it was deleted meanwhile."""
        scratch = self._incoming / secrets.token_hex(8)
        try:
            path = await self._old.fetch(info.key, scratch)
            if path != scratch and isinstance(self._new, FolderStorage):
                await asyncio.to_thread(second_name, path, scratch)  # a folder moves what it is given
                path = scratch
            stored = await self._new.put(info.key, path)
        except VidComputeError as error:
            if error.kind is Kind.NOT_FOUND:
                return 0
            raise
        finally:
            await asyncio.to_thread(scratch.unlink, missing_ok=True)
        if stored.size_bytes != info.size_bytes:
            detail = f"{info.key} has {stored.size_bytes} bytes in the new place instead of {info.size_bytes}."
            raise VidComputeError(Kind.UNAVAILABLE, "storage_corrupted", detail)
        return 1

    async def until_settled(self, switched_ms: int) -> None:
        """Copy until a round finds nothing, and no attempt is at work that began before the new place was known."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        try:
            waited = False
            while True:
                at_work = await asyncio.to_thread(self._at_work_since, switched_ms)
                if await self.copy_all() == 0 and not at_work:
                    return
                if at_work and not waited:
                    self._told.say(f"Waiting for {at_work} attempts that began before the move.")
                    waited = True
                await asyncio.sleep(_LOOK_S if at_work else 0)
        finally:
            await asyncio.to_thread(self._incoming.rmdir)

    def _at_work_since(self, switched_ms: int) -> int:
        with looked_at(self._url) as connection:
            return housekeeping.at_work_since(connection, switched_ms)

    async def verify(self) -> tuple[int, int]:
        """Compare the new place with the old one and with the rows; objects and bytes there."""
        there = {info.key: info.size_bytes async for info in _each(self._new)}
        left = {info.key: info.size_bytes async for info in _each(self._old)}
        wrong = [key for key, size_bytes in left.items() if there.get(key, size_bytes) != size_bytes]
        missing = await asyncio.to_thread(self._unnamed, there)
        wrong += [key for key in missing if key in left]
        if wrong:
            detail = f"{len(wrong)} objects are not whole in the new place ({wrong[0]}, …); run the same command again."
            raise VidComputeError(Kind.CONFLICT, "storage_move_incomplete", detail)
        for key in missing:
            self._told.say(f"Not in either place, though a row names it: {key}")
        return len(there), sum(there.values())

    def _unnamed(self, there: dict[str, int]) -> list[str]:
        with looked_at(self._url) as connection:
            return [key for key in housekeeping.sources_named(connection) if key not in there]


async def _each(store: ScannableStorage) -> AsyncIterator[ObjectInfo]:
    async for page in store.scan(_TOP):
        for info in page:
            yield info


def _begun(settings: "Settings", at: Place) -> InForce:
    """What is to be in force during the move; `storage_same` or `storage_moving` (conflict) where it can't begin."""
    known = storages.read_in_force(settings.data_dir)
    now = known if known is not None else InForce(storages.place_of(settings, None))
    if now.before is not None and now.at != at:
        detail = f"A move to {now.at.url} is under way; finish it first: vidctl migrate-storage --to {now.at.url}"
        raise VidComputeError(Kind.CONFLICT, "storage_moving", detail)
    if now.before is None and now.at == at:
        raise VidComputeError(Kind.CONFLICT, "storage_same", f"The library lies at {at.url} already.")
    return InForce(at, now.before or now.at, chosen=True)


async def _answered(data_dir: Path, patience_s: float) -> None:
    """Wait until the server has taken note; `server_silent` (unavailable) where it does not."""
    wanted = (data_dir / PLACE_FILE).read_text(encoding="utf-8")
    seen = data_dir / f"{PLACE_FILE}.seen"
    end_s = time.monotonic() + patience_s
    while patience_s and not (seen.exists() and seen.read_text(encoding="utf-8") == wanted):
        if time.monotonic() > end_s:
            detail = "The server of this data folder did not take note of the move; is it the one that runs?"
            raise VidComputeError(Kind.UNAVAILABLE, "server_silent", detail)
        await asyncio.sleep(_LOOK_S)


async def _ready(places: Iterable[ScannableStorage]) -> None:
    for place in places:
        if isinstance(place, ObjectStorage):
            await place.check()


async def _migrate(settings: "Settings", url: str, told: Told, patience_s: float) -> Moved:
    at = storages.place_of(settings, url)
    during = _begun(settings, at)
    assert during.before is not None, "it is what a move is from"
    new, old = (storages.tool_place(settings, place, keys_of=at) for place in (at, during.before))
    await _ready((new, old))
    storages.write_in_force(settings, during, at)
    await _answered(settings.data_dir, patience_s)
    told.say(f"New objects go to {at.url} from now on; copying what is at {during.before.url}.")
    move = _Move(settings, old, new, told)
    await move.until_settled(time.time_ns() // 1_000_000)
    objects, size_bytes = await move.verify()
    storages.write_in_force(settings, InForce(at, chosen=True), at)
    await _answered(settings.data_dir, patience_s)
    return Moved(during.before.url, at.url, objects, size_bytes, move.copied)


class Mover:
    """Implements `cli.local.Mover` for a data folder.

    `serving` says that a server runs on it, which must take note within `patience_s`.
    """

    def __init__(self, settings: "Settings", *, serving: bool, patience_s: float = 30.0) -> None:
        self._settings = settings
        self._patience_s = patience_s if serving else 0.0

    def move(self, url: str, told: Callable[[float], None], say: Callable[[str], None]) -> Moved:
        """See `Mover.move`. Raises `storage_same`, `storage_moving`, `storage_move_incomplete` (conflict)."""
        return asyncio.run(_migrate(self._settings, url, Told(told, say), self._patience_s))

    def delete_old(self, url: str) -> int:
        """See `Mover.delete_old`; `storage_in_force` (conflict) for what is in use."""
        known = storages.read_in_force(self._settings.data_dir)
        place = storages.place_of(self._settings, url)
        if known is None or known.before is not None or known.at == place:
            raise VidComputeError(Kind.CONFLICT, "storage_in_force", f"{url} is in use.")
        return asyncio.run(storages.tool_place(self._settings, place, keys_of=known.at).delete_prefix(_TOP))
