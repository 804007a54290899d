"""A library on its way from one store to another: written to the new one, read from wherever an object is."""

import asyncio
import builtins
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import ObjectInfo, ScannableStorage


class MovingStorage:
    """Implements `ports.storage.ScannableStorage` over `new` and `old`. What is in both is the new one's."""

    def __init__(self, new: ScannableStorage, old: ScannableStorage) -> None:
        self.new = new
        self.old = old

    async def _holder(self, key: str) -> ScannableStorage:
        """The store that has the object; the new one where none has."""
        for store in (self.new, self.old):
            try:
                await store.stat(key)
            except VidComputeError as error:
                if error.kind is not Kind.NOT_FOUND:
                    raise
            else:
                return store
        return self.new

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """See `Storage.put`."""
        return await self.new.put(key, source)

    async def put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        """See `Storage.put_tree`."""
        return await self.new.put_tree(prefix, source)

    async def stat(self, key: str) -> ObjectInfo:
        """See `Storage.stat`."""
        return await (await self._holder(key)).stat(key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Storage.read`."""
        async for piece in (await self._holder(key)).read(key, start, end):
            yield piece

    async def fetch(self, key: str, destination: Path) -> Path:
        """See `Storage.fetch`: always at `destination`, for the old store's own path is about to go."""
        path = await (await self._holder(key)).fetch(key, destination)
        if path != destination:
            await asyncio.to_thread(second_name, path, destination)
        return destination

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`: nothing stays where it is."""
        self.new.local_path(key)
        return None

    async def list(self, prefix: str) -> builtins.list[ObjectInfo]:
        """See `Storage.list`; sorted by key."""
        found = {info.key: info for info in await self.old.list(prefix)}
        found |= {info.key: info for info in await self.new.list(prefix)}
        return [found[key] for key in sorted(found)]

    async def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """See `ScannableStorage.scan`; what is in both comes twice."""
        for store in (self.new, self.old):
            async for page in store.scan(prefix):
                yield page

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`: from both, the old one first, or it would show through."""
        count = len(await self.list(prefix))
        below = await self.old.delete_prefix(prefix), await self.new.delete_prefix(prefix)
        return max(count, *below)

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """See `Storage.sign`."""
        store = await self._holder(key) if method == "GET" else self.new
        return await store.sign(key, method, expires_s, disposition=disposition)


def second_name(path: Path, destination: Path) -> None:
    """Give a file a second name; a copy where the file system does not take one."""
    try:
        os.link(path, destination)
    except OSError:
        shutil.copyfile(path, destination)
