"""A storage that is found when it is first used, and found anew when that is asked for: while others go on using it."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from vidcompute.ports.storage import ObjectInfo, ScannableStorage


class SwitchedStorage:
    """Implements `ports.storage.ScannableStorage` by what `find` gives. A call that has begun ends where it began."""

    def __init__(self, find: Callable[[], ScannableStorage]) -> None:
        self._find = find
        self._found: ScannableStorage | None = None
        self._writes: set[asyncio.Event] = set()  # those under way: each is set as it ends

    @property
    def current(self) -> ScannableStorage:
        """The storage that calls go to now."""
        if self._found is None:
            self._found = self._find()
        return self._found

    async def switch(self) -> None:
        """Find it anew with the next call; returns when nothing is being written any more to what it was before."""
        self._found = None
        for ended in list(self._writes):
            await ended.wait()

    @contextmanager
    def _writing(self) -> Iterator[ScannableStorage]:
        ended = asyncio.Event()
        self._writes.add(ended)
        try:
            yield self.current
        finally:
            self._writes.discard(ended)
            ended.set()

    def parts(self) -> Iterator[object]:
        """The storage that calls go to now, and all that lies behind it."""
        behind: list[object] = [self.current]
        while behind:
            part = behind.pop()
            yield part
            behind += [found for name in ("remote", "new", "old") if (found := getattr(part, name, None)) is not None]

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """See `Storage.put`."""
        with self._writing() as current:
            return await current.put(key, source)

    async def put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        """See `Storage.put_tree`."""
        with self._writing() as current:
            return await current.put_tree(prefix, source)

    async def stat(self, key: str) -> ObjectInfo:
        """See `Storage.stat`."""
        return await self.current.stat(key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Storage.read`."""
        pieces = self.current.read(key, start, end)
        async for piece in pieces:
            yield piece

    async def fetch(self, key: str, destination: Path) -> Path:
        """See `Storage.fetch`."""
        return await self.current.fetch(key, destination)

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`."""
        return self.current.local_path(key)

    async def list(self, prefix: str) -> builtins.list[ObjectInfo]:
        """See `Storage.list`."""
        return await self.current.list(prefix)

    async def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """See `ScannableStorage.scan`."""
        async for page in self.current.scan(prefix):
            yield page

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`."""
        return await self.current.delete_prefix(prefix)

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """See `Storage.sign`."""
        return await self.current.sign(key, method, expires_s, disposition=disposition)
