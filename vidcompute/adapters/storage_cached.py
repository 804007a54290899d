"""A node's cache before a remote store: bounded, shared by all processes of the machine.

An entry is a file under the digest of its key, beside a note with the object's size and validator. What is given out
is a second name of the file (a hard link), so that dropping an entry takes nothing from who uses it; while somebody
does, it is not dropped at all. What is stored from here is in the cache at once. Entries of before a restart of the
machine are thrown away: nothing here is synced to disk.
"""

import asyncio
import builtins
import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import ObjectInfo, ScannableStorage, key_parts

_LOCKS = 1024  # files that stand for the keys: what shares one waits for each other's download
_PIECE_BYTES = 256 * 1024
_TRIM_EVERY = 32  # trimmed when a part like this of the room was filled since the last time
_YOUNG_S = 3600.0  # a partial file younger than this is somebody's work in progress
_LOOK_S = 0.05
_SMALL_BYTES = 16 * 2**20
_NOTE = ".note"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return "boot"


class CachedStorage:
    """Implements `ports.storage.Storage` over `remote`; at most about `max_bytes` of it lie in `folder`.

    `folder` should be on the file system of those who fetch: then nothing is copied.
    """

    def __init__(self, remote: ScannableStorage, folder: Path, max_bytes: int) -> None:
        self.remote = remote
        self._max_bytes = max_bytes
        self._top = folder
        self._folder = folder / _boot()
        self._locks = self._folder / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def sweep(self) -> int:
        """Throw away what an earlier boot, or killed processes have left; how many files or folders."""
        old = [path for path in self._top.iterdir() if path != self._folder]
        for path in old:
            shutil.rmtree(path, ignore_errors=True)
        stale = [path for path in self._folder.glob("*/.*") if not _is_young(path)]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(old) + len(stale)

    def _entry(self, key: str) -> Path:
        key_parts(key)
        name = sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / name

    @contextmanager
    def _counting(self) -> Iterator[Path]:
        """The file that says how much came since the last trim, for one process at a time."""
        with (self._locks / "added").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield self._folder / "added"

    # -- entries ---------------------------------------------------------------------------------------------------

    def _known(self, key: str) -> ObjectInfo | None:
        """What the note of an entry says; None where there is no whole entry."""
        entry = self._entry(key)
        try:
            note = json.loads(Path(f"{entry}{_NOTE}").read_text())
            os.utime(entry)
            whole = entry.stat().st_size == note["size_bytes"]
        except (OSError, ValueError, KeyError):
            return None
        return ObjectInfo(key, note["size_bytes"], note["etag"]) if whole else None

    def _adopt(self, info: ObjectInfo, source: Path) -> None:
        """Make a file of ours the entry of an object that the store has; a full disk costs the entry, nothing more."""
        entry = self._entry(info.key)
        note = entry.with_name(f".{secrets.token_hex(8)}")
        try:
            entry.parent.mkdir(exist_ok=True)
            note.write_text(json.dumps({"key": info.key, "size_bytes": info.size_bytes, "etag": info.etag}))
            self._drop(info.key)  # no moment with one's bytes and the other's note
            _move(source, entry)
            os.utime(entry)
            note.replace(f"{entry}{_NOTE}")
        except OSError:
            self._drop(info.key)
            note.unlink(missing_ok=True)
            return
        self._count(info.size_bytes, entry)

    def _drop(self, key: str) -> None:
        entry = self._entry(key)
        Path(f"{entry}{_NOTE}").unlink(missing_ok=True)
        entry.unlink(missing_ok=True)

    def _count(self, size_bytes: int, fresh: Path) -> None:
        with self._counting() as counter:
            with suppress(OSError, ValueError):
                size_bytes += int(counter.read_text())
            full = size_bytes * _TRIM_EVERY >= self._max_bytes
            counter.write_text("0" if full else str(size_bytes))
        if full:
            self.trim(but=fresh)

    def trim(self, *, but: Path | None = None) -> int:
        """Drop the entries that were not used for longest until the others fit, `but` one; how many bytes they had."""
        found = []
        for path in self._folder.glob("??/*"):
            with suppress(OSError):
                status = path.stat()
                if path.suffix != _NOTE and not path.name.startswith("."):
                    found.append((status.st_mtime_ns, status.st_size, status.st_nlink, path))
        over_bytes = sum(size for _, size, _, _ in found) - self._max_bytes
        dropped_bytes = 0
        for _, size, names, path in sorted(found):
            if dropped_bytes >= over_bytes:
                break
            if names == 1 and path != but:  # an entry with a second name is in use
                Path(f"{path}{_NOTE}").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                dropped_bytes += size
        return dropped_bytes

    # -- writing ---------------------------------------------------------------------------------------------------

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """See `Storage.put`; the file becomes the cache's."""
        info = await self.remote.put(key, source)
        await asyncio.to_thread(self._adopt, info, source)
        return info

    async def keep(self, key: str, source: Path) -> None:
        """Have the bytes of an object that is in the store already; the file becomes the cache's.

        Raises `object_not_found`, and `storage_corrupted` where the store's has another size.
        """
        info = await self.remote.stat(key)
        size_bytes = source.stat().st_size
        if info.size_bytes != size_bytes:
            detail = f"{key} has {info.size_bytes} bytes in the store instead of {size_bytes}."
            raise VidComputeError(Kind.UNAVAILABLE, "storage_corrupted", detail)
        await asyncio.to_thread(self._adopt, info, source)

    async def put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        """See `Storage.put_tree`; the files become the cache's."""
        infos = await self.remote.put_tree(prefix, source)

        def adopt() -> None:
            for info in infos:
                self._adopt(info, source / info.key.removeprefix(f"{prefix}/"))

        await asyncio.to_thread(adopt)
        return infos

    # -- reading ---------------------------------------------------------------------------------------------------

    async def stat(self, key: str) -> ObjectInfo:
        """See `Storage.stat`; what is in the cache needs no question."""
        return await asyncio.to_thread(self._known, key) or await self.remote.stat(key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Storage.read`. Small objects come into the cache on their way: segments are asked for again."""
        file = await asyncio.to_thread(self._open, key)
        if file is None and (await self.remote.stat(key)).size_bytes <= _SMALL_BYTES:
            with _unless_full():
                await self._downloaded(key)
            file = await asyncio.to_thread(self._open, key)
        if file is None:
            async for piece in self.remote.read(key, start, end):
                yield piece
            return
        try:
            position, stop = start, float("inf") if end is None else end
            while position < stop:
                piece = await asyncio.to_thread(os.pread, file, int(min(_PIECE_BYTES, stop - position)), position)
                if not piece:
                    return
                position += len(piece)
                yield piece
        finally:
            os.close(file)

    def _open(self, key: str) -> int | None:
        if self._known(key) is None:
            return None
        try:
            return os.open(self._entry(key), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    async def fetch(self, key: str, destination: Path) -> Path:
        """See `Storage.fetch`: a second name of the cache's file at `destination`, downloaded once per machine."""
        while not await asyncio.to_thread(self._link, key, destination):
            await self._downloaded(key)
        return destination

    async def _downloaded(self, key: str) -> None:
        task = self._under_way.get(key)
        if task is None:
            # A task of its own: who gives up waiting does not undo what others, or the next request, wait for.
            task = asyncio.create_task(self._download(key))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        await asyncio.shield(task)

    def _link(self, key: str, destination: Path) -> bool:
        if self._known(key) is None:
            return False
        entry = self._entry(key)
        try:
            destination.unlink(missing_ok=True)
            os.link(entry, destination)
        except FileNotFoundError:
            return False  # dropped just now
        except OSError:  # another file system
            shutil.copyfile(entry, destination)
        return True

    async def _download(self, key: str) -> None:
        """Into the cache, unless another process was faster."""
        entry = self._entry(key)
        async with self._turn(f"{int(entry.name[:8], 16) % _LOCKS:04d}"):
            if await asyncio.to_thread(self._known, key) is not None:
                return
            entry.parent.mkdir(exist_ok=True)
            partial = entry.with_name(f".{secrets.token_hex(8)}")
            try:
                info = await self.remote.stat(key)
                await self.remote.fetch(key, partial)
                await asyncio.to_thread(self._adopt, info, partial)
            finally:
                partial.unlink(missing_ok=True)
            if await asyncio.to_thread(self._known, key) is None:
                detail = f"There is no room for {key} in the cache {self._top}."
                raise VidComputeError(Kind.UNAVAILABLE, "storage_full", detail)

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """One at a time, on the whole machine. No thread waits: downloads need those."""
        with (self._locks / name).open("ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOOK_S)
            yield

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`: an entry may go at any time, so it is no place to name."""
        key_parts(key)
        return None

    async def list(self, prefix: str) -> builtins.list[ObjectInfo]:
        """See `Storage.list`: what the store says."""
        return await self.remote.list(prefix)

    async def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """See `ScannableStorage.scan`: what the store says."""
        async for page in self.remote.scan(prefix):
            yield page

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`; entries of this machine go with it."""
        keys = [prefix, *(info.key for info in await self.remote.list(prefix))]
        count = await self.remote.delete_prefix(prefix)

        def drop() -> None:
            for key in keys:
                self._drop(key)

        await asyncio.to_thread(drop)
        return count

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """See `Storage.sign`."""
        return await self.remote.sign(key, method, expires_s, disposition=disposition)


class CacheContents:
    """What lies in the cache in a folder, for those who only look at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, str] = {}
        self.size_bytes = 0

    @property
    def keys(self) -> Iterator[str]:
        """The objects that were there at the last look."""
        return iter(self._keys.values())

    def look(self) -> None:
        """Look again. Only notes that are new are read."""
        known, self._keys, self.size_bytes = self._keys, {}, 0
        for path in self._folder.rglob("*"):
            with suppress(OSError, ValueError, KeyError):
                self.size_bytes += path.stat().st_size if path.is_file() else 0
                if path.suffix == _NOTE:
                    self._keys[path.name] = known.get(path.name) or json.loads(path.read_text())["key"]


@contextmanager
def _unless_full() -> Iterator[None]:
    try:
        yield
    except VidComputeError as error:
        if error.code != "storage_full":
            raise


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        copy = target.with_name(f".{secrets.token_hex(8)}")
        shutil.copyfile(source, copy)
        copy.replace(target)


def _is_young(path: Path) -> bool:
    try:
        return path.lstat().st_mtime > time.time() - _YOUNG_S
    except OSError:
        return True
