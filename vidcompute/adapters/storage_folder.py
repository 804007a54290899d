"""Storage in a folder of this machine: an object is a file under its key."""

import asyncio
import builtins
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from vidcompute.errors import Kind, VidComputeError, invalid, not_found
from vidcompute.ports.storage import TEMPORARY, ObjectInfo, key_parts

_PIECE_BYTES = 256 * 1024
_PAGE_OBJECTS = 1000
_LEFT_AFTER_S = 24 * 3600
_SYNCING_THREADS = 8  # a journal commits what many ask for at once in one go


@contextmanager
def _explained(key: str) -> Iterator[None]:
    """Say in our words what the file system says no to."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise not_found("object", key) from error
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        code, detail = ("storage_full", "The disk is full.") if full else ("storage_failed", f"Storage: {error}")
        raise VidComputeError(Kind.UNAVAILABLE, code, detail) from error


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_all(paths: Iterable[Path]) -> None:
    with ThreadPoolExecutor(_SYNCING_THREADS) as pool:
        for _ in pool.map(_sync, paths):
            pass


def _retried(step: Callable[[], None]) -> None:
    """A deletion beside us may take away a folder that has just become empty: make it again."""
    for _ in range(20):
        # "exists" is what mkdir says of a folder that went between its two looks at it
        with suppress(FileNotFoundError, FileExistsError):
            return step()
    return step()


class FolderStorage:
    """Implements `ports.storage.Storage` under `root`, which is made if need be.

    Files are synced before they get their name and the folder's entry after it, so that what is there after a power
    cut is whole. Validators are size and modification time. Several processes may use one root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._temporary = self.root / TEMPORARY
        self._temporary.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> int:
        """Throw away what processes that were killed have left half-written a day ago; how many files or folders."""
        old = [p for p in self._temporary.iterdir() if p.lstat().st_mtime < time.time() - _LEFT_AFTER_S]
        for path in old:
            self._remove(path)
        return len(old)

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*key_parts(key))

    def _fresh(self) -> Path:
        return self._temporary / secrets.token_hex(12)

    def _info(self, key: str, path: Path) -> ObjectInfo:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, "no object", key)
        return ObjectInfo(key, found.st_size, f"{found.st_size:x}-{found.st_mtime_ns:x}")

    def _sync_parents(self, path: Path) -> None:
        """Sync the folders from `path`'s own up to the root: any of them may be new."""
        for folder in path.parents:
            _sync(folder)
            if folder == self.root:
                return

    def _rename(self, source: Path, target: Path) -> None:
        def step() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)

        _retried(step)

    def _is_here(self, source: Path) -> bool:
        return source.stat().st_dev == self.root.stat().st_dev

    def _at_hand(self, source: Path) -> Path:
        """`source` itself where it lies on our file system, else a copy that does."""
        if self._is_here(source):
            return source
        copy = self._fresh()
        try:
            shutil.copyfile(source, copy)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return copy

    def _put(self, key: str, source: Path) -> ObjectInfo:
        target = self._path(key)
        with _explained(key):
            ready = self._at_hand(source)
            _sync(ready)
            self._rename(ready, target)
            self._sync_parents(target)
            return self._info(key, target)

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """See `Storage.put`."""
        return await asyncio.to_thread(self._put, key, source)

    def _put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        target = self._path(prefix)
        files = [path for path in sorted(source.rglob("*")) if not path.is_dir() or path.is_symlink()]
        keys = [f"{prefix}/{path.relative_to(source).as_posix()}" for path in files]
        for key, path in zip(keys, files, strict=True):
            key_parts(key)
            if not stat.S_ISREG(path.lstat().st_mode):
                raise invalid("invalid_object", f"{key[-80:]!r} is no plain file.")
        if not files:
            return []
        with _explained(prefix):
            if self._is_here(source) and not target.exists():
                self._move_tree(source, target, files)
            else:
                for key, path in zip(keys, files, strict=True):
                    self._put(key, path)
            return [self._info(key, self._path(key)) for key in keys]

    def _move_tree(self, source: Path, target: Path, files: builtins.list[Path]) -> None:
        """All at once: sync what is inside, then give the folder its name."""
        folders = {parent for path in files for parent in path.relative_to(source).parents}
        _sync_all([*files, *(source / folder for folder in folders)])
        self._rename(source, target)
        self._sync_parents(target)

    async def put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        """See `Storage.put_tree`. Anything but plain files is `invalid_object`."""
        return await asyncio.to_thread(self._put_tree, prefix, source)

    def _stat(self, key: str) -> ObjectInfo:
        path = self._path(key)
        with _explained(key):
            return self._info(key, path)

    async def stat(self, key: str) -> ObjectInfo:
        """See `Storage.stat`."""
        return await asyncio.to_thread(self._stat, key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Storage.read`."""
        path = self._path(key)
        with _explained(key):
            await asyncio.to_thread(self._info, key, path)
            file = await asyncio.to_thread(path.open, "rb", buffering=0)
        with file, _explained(key):
            position, stop = start, float("inf") if end is None else end
            while position < stop:
                wanted = int(min(_PIECE_BYTES, stop - position))
                piece = await asyncio.to_thread(os.pread, file.fileno(), wanted, position)
                if not piece:
                    return
                position += len(piece)
                yield piece

    async def fetch(self, key: str, destination: Path) -> Path:
        """See `Storage.fetch`: the object's own path, always; `destination` is not touched."""
        del destination
        await self.stat(key)
        return self._path(key)

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`; for a prefix, the folder with its objects."""
        path = self._path(key)
        return path if path.exists() else None

    def _list(self, prefix: str) -> builtins.list[ObjectInfo]:
        with _explained(prefix):
            return sorted((info for page in self._pages(prefix) for info in page), key=lambda info: info.key)

    async def list(self, prefix: str) -> builtins.list[ObjectInfo]:
        """See `Storage.list`; sorted by key."""
        return await asyncio.to_thread(self._list, prefix)

    async def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """See `ScannableStorage.scan`."""
        pages = self._pages(prefix)
        while page := await asyncio.to_thread(next, pages, None):
            yield page

    def _pages(self, prefix: str) -> Iterator[Sequence[ObjectInfo]]:
        page: builtins.list[ObjectInfo] = []
        for folder, _, names in os.walk(self._path(prefix)):
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError):  # deleted meanwhile
                    page.append(self._info(path.relative_to(self.root).as_posix(), path))
            if len(page) >= _PAGE_OBJECTS:
                yield page
                page = []
        if page:
            yield page

    def _remove(self, path: Path) -> None:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def _delete_prefix(self, prefix: str) -> int:
        path = self._path(prefix)
        with _explained(prefix):
            count = len(self._list(prefix)) if path.is_dir() else int(path.exists())
            aside = self._fresh()
            try:
                path.rename(aside)  # gone for everybody at once, however long removing takes
            except FileNotFoundError:
                return 0
            self._remove(aside)
            self._prune(path.parent)
        return count

    def _prune(self, folder: Path) -> None:
        """Remove folders that have become empty, so that names of what is gone do not pile up."""
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`."""
        return await asyncio.to_thread(self._delete_prefix, prefix)

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """See `Storage.sign`: a folder is served by nobody but us."""
        del method, expires_s, disposition
        key_parts(key)
        return None
