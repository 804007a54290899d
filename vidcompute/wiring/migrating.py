"""`vidctl migrate-storage`: moves a library from one storage to another while it is used.

First every server tries the new place: where one can't use it, nothing is changed. Then they all learn, by a row of the
database that they follow, that what is new goes there, and that what is not there yet is read from the old place. All
objects are copied, until nothing is left to copy and no attempt from before is at work. Last the new place is compared
with the old one and with what rows name, and takes over. Interrupted, it goes on.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_moving import second_name
from vidcompute.adapters.storage_object import ObjectStorage
from vidcompute.db import library as rows
from vidcompute.db.engine import Database
from vidcompute.db.library import Library, OvertakenError
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import ObjectInfo, ScannableStorage
from vidcompute.services import housekeeping
from vidcompute.wiring import storage as storages
from vidcompute.wiring.library import known_library
from vidcompute.wiring.storage import InForce, Place

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_TOP = "orgs"
_AT_ONCE = 8
_LOOK_S = 0.2
_SOON_S = 5.0  # what servers need to take note


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

    def __init__(
        self, settings: "Settings", db: Database, old: ScannableStorage, new: ScannableStorage, told: Told
    ) -> None:
        self._db = db
        self._old = old
        self._new = new
        self._told = told
        self._incoming = settings.data_dir / f"moving-{secrets.token_hex(4)}"
        self._attempts_outlive_servers = settings.executor == "ray"
        self.copied = 0

    async def copy_all(self) -> int:
        """One round over the old place: copies what the new one has not, or not whole; how many."""
        there = {info.key: info.size_bytes async for info in _each(self._new)}
        left = [info async for info in _each(self._old) if not _is_there(info, there)]
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

    async def until_settled(self) -> None:
        """Copy until a round finds nothing, and until none of the attempts that are at work now is so any more.

        They may write to the old place still: they may have begun before their server knew of the new one. They are
        told by name, not by time, because the clocks of machines differ.
        """
        self._incoming.mkdir(parents=True, exist_ok=True)
        try:
            early, waited = await self._db.read(housekeeping.at_work), False
            while True:
                early &= await self._at_work()
                if await self.copy_all() == 0 and not early:
                    return
                if early and not waited:
                    self._told.say(f"Waiting for {len(early)} attempts that began before the move.")
                    waited = True
                await asyncio.sleep(_LOOK_S if early else 0)
        finally:
            await asyncio.to_thread(self._incoming.rmdir)

    async def _at_work(self) -> set[str]:
        """The attempts that are under way. Those of a server that was killed died with it, but for a cluster's."""
        servers = await self._db.read(rows.there)
        if not servers and not self._attempts_outlive_servers:
            return set()
        return await self._db.read(housekeeping.at_work)

    async def verify(self) -> tuple[int, int]:
        """Compare the new place with the old one and with the rows; objects and bytes there."""
        there = {info.key: info.size_bytes async for info in _each(self._new)}
        wrong = [info.key async for info in _each(self._old) if not _is_there(info, there)]
        missing = [key for key in await self._db.read(housekeeping.objects_named) if key not in there]
        if wrong:
            detail = f"{len(wrong)} objects are not whole in the new place ({wrong[0]}, …); run the same command again."
            raise VidComputeError(Kind.CONFLICT, "storage_move_incomplete", detail)
        for key in missing:
            self._told.say(f"Not in either place, though a row names it: {key}")
        return len(there), sum(there.values())


def _is_there(info: ObjectInfo, there: Mapping[str, int]) -> bool:
    """Whether an object of the old place is in the new one, whole. A log may have been added to since it was there."""
    size_bytes = there.get(info.key, -1)
    is_log = info.key.split("/")[2:3] == ["logs"]
    return size_bytes == info.size_bytes or (is_log and size_bytes > info.size_bytes)


async def _each(store: ScannableStorage) -> AsyncIterator[ObjectInfo]:
    async for page in store.scan(_TOP):
        for info in page:
            yield info


def _now(settings: "Settings", library: Library) -> InForce:
    """Where it lies: what a move has decided, else what the server of this data folder, else what the settings say."""
    if library.place is not None:
        return InForce(Place(**library.place), Place(**library.previous) if library.previous else None)
    return storages.read_in_force(settings.data_dir) or InForce(storages.place_of(settings, None))


def _before(settings: "Settings", library: Library, at: Place) -> Place:
    """The place that it moves from; `storage_same` or `storage_moving` (conflict) where it can't begin."""
    now = _now(settings, library)
    if now.before is not None and now.at != at:
        raise _moving(now.at)
    if now.before is None and now.at == at:
        raise VidComputeError(Kind.CONFLICT, "storage_same", f"The library lies at {at.url} already.")
    return now.before or now.at


def _moving(at: Place) -> VidComputeError:
    detail = f"A move to {at.url} is under way; finish it first: vidctl migrate-storage --to {at.url}"
    return VidComputeError(Kind.CONFLICT, "storage_moving", detail)


class _Servers:
    """All servers of the database: they follow the changes that are made here, and are waited for."""

    def __init__(self, db: Database, library: Library, told: Told, patience_s: float) -> None:
        self._db = db
        self._library = library
        self._told = told
        self._patience_s = patience_s

    async def change(self, at: Place, **changes: Any) -> None:
        """Put this in force, and wait until every server that is there has taken note.

        Raises `storage_moving` (conflict), `server_silent` and `storage_not_everywhere` (unavailable).
        """
        try:
            self._library = await self._db.write(rows.change, self._library, **changes)
        except OvertakenError as error:
            raise _moving(at) from error
        end_s, waited = time.monotonic() + self._patience_s, False
        while behind := await self._behind():
            names = ", ".join(behind)
            if time.monotonic() > end_s:
                detail = f"Not every server takes note of the move: {names}. Does it run, and reach the database?"
                raise VidComputeError(Kind.UNAVAILABLE, "server_silent", detail)
            if not waited and time.monotonic() > end_s - self._patience_s + _SOON_S:
                self._told.say(f"Waiting until every server takes note: {names}.")
                waited = True
            await asyncio.sleep(_LOOK_S)

    async def _behind(self) -> list[str]:
        there = await self._db.read(rows.there)
        for server in there:
            if server.revision == self._library.revision and server.trouble is not None:
                detail = (
                    f"The server {server.name} can't use the new place: {server.trouble}. Put what it needs into its "
                    "vidcompute.toml (it is read again), then run the same command again."
                )
                raise VidComputeError(Kind.UNAVAILABLE, "storage_not_everywhere", detail)
        return [server.name for server in there if server.revision < self._library.revision]

    async def try_out(self, settings: "Settings", before: Place, at: Place, new: ScannableStorage) -> None:
        """Let every server find what is written to the new place by us. Nothing else is changed.

        `before` is where they must store now.
        """
        mark, scratch = f"moves/{secrets.token_hex(8)}", settings.data_dir / f".mark-{secrets.token_hex(4)}"
        scratch.write_text(mark, encoding="utf-8")
        try:
            await new.put(mark, scratch)
            await self.change(at, candidate={"at": asdict(at), "before": asdict(before), "mark": mark})
        finally:
            scratch.unlink(missing_ok=True)
            with contextlib.suppress(OvertakenError):
                self._library = await self._db.write(rows.change, self._library, candidate=None)
            await new.delete_prefix(mark)


async def _ready(places: Iterable[ScannableStorage]) -> None:
    for place in places:
        if isinstance(place, ObjectStorage):
            await place.check()


async def _migrate(settings: "Settings", url: str, told: Told, patience_s: float) -> Moved:
    db = Database.open(settings.effective_database_url)
    try:
        return await _moved(settings, db, storages.place_of(settings, url), told, patience_s)
    finally:
        await db.close()


async def _moved(settings: "Settings", db: Database, at: Place, told: Told, patience_s: float) -> Moved:
    library = await db.read(rows.current)
    before = _before(settings, library, at)
    new, old = (storages.tool_place(settings, place, keys_of=at) for place in (at, before))
    await _ready((new, old))
    storages.keep_keys(settings, at)
    servers = _Servers(db, library, told, patience_s)
    await servers.try_out(settings, before, at, new)
    left = [place for place in library.abandoned if Place(**place) not in {at, before}]
    await servers.change(at, place=asdict(at), previous=asdict(before), abandoned=(*left, asdict(before)))
    told.say(f"New objects go to {at.url} from now on; copying what is at {before.url}.")
    move = _Move(settings, db, old, new, told)
    objects, size_bytes = await _all_of_it(move)
    await servers.change(at, previous=None)
    return Moved(before.url, at.url, objects, size_bytes, move.copied)


async def _all_of_it(move: _Move) -> tuple[int, int]:
    """Copy and compare, once more where something came to the old place in between; objects and bytes there."""
    await move.until_settled()
    try:
        return await move.verify()
    except VidComputeError as error:
        if error.code != "storage_move_incomplete":
            raise
    await move.until_settled()
    return await move.verify()


class Mover:
    """Implements `cli.local.Mover` for a data folder and all servers of its database.

    Each server that runs must take note within `patience_s`.
    """

    def __init__(self, settings: "Settings", *, patience_s: float = 60.0) -> None:
        self._settings = settings
        self._patience_s = patience_s

    def move(self, url: str, told: Callable[[float], None], say: Callable[[str], None]) -> Moved:
        """See `Mover.move`. Raises `storage_same`, `storage_moving`, `storage_move_incomplete` (conflict)."""
        return asyncio.run(_migrate(self._settings, url, Told(told, say), self._patience_s))

    def delete_old(self, url: str) -> int:
        """See `Mover.delete_old`; `storage_in_force` (conflict) for what is in use."""
        known = _now(self._settings, known_library(self._settings))
        place = storages.place_of(self._settings, url)
        if known.before is not None or known.at == place:
            raise VidComputeError(Kind.CONFLICT, "storage_in_force", f"{url} is in use.")
        return asyncio.run(storages.tool_place(self._settings, place, keys_of=known.at).delete_prefix(_TOP))
