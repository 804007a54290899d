"""Brings what comes of an upload to the object store while more of it comes.

A part goes as soon as its bytes are in the upload's file, some at a time; when as many are on their way, the sender
waits. What is not a whole part yet lies in the file alone, durably. The file stays whole all the same until the end: it
becomes this machine's copy of the object, so that the first play waits for no download, and it is what is stored where
the store has lost its parts. Where the next bytes come to another machine, it goes on behind the parts in the store.
Pieces of another upload become objects of their own, which any machine can join.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.digest import PART_BYTES
from vidcompute.ports.storage import DirectUploads, FilePiece, StoredPart
from vidcompute.services.uploads.direct import new_key
from vidcompute.services.uploads.models import Brought, Direct, Upload, UploadKind, part_bytes_for

_AT_ONCE = 4


def is_relayed(upload: Upload) -> bool:
    """Whether an upload is brought to the store in parts: not one of a single part, unless it is a piece of another."""
    is_short = upload.size_bytes is not None and upload.size_bytes <= PART_BYTES
    return upload.straight is None and (upload.kind == UploadKind.PARTIAL or not is_short)


class Relay:
    """One turn's part of it: of an upload whose `file` grows, with the store's names for what was brought before."""

    def __init__(self, store: DirectUploads, upload: Upload, file: Path, etags: Mapping[int, str]) -> None:
        most_bytes = upload.max_bytes if upload.size_bytes is None else upload.size_bytes
        fresh = Direct(new_key(upload.organization_id), "", part_bytes_for(most_bytes, PART_BYTES), relayed=True)
        self.direct = upload.relayed or fresh
        self._is_piece = upload.kind == UploadKind.PARTIAL
        self._store = store
        self._file = file
        self._etags = {n: etag for n, etag in etags.items() if n * self.direct.part_bytes <= upload.offset_bytes}
        self._fresh: dict[int, str] = {}
        self._next = 1
        self._is_told, self._is_joined = upload.relayed is not None, False
        self._sending: set[asyncio.Task[None]] = set()
        self._problem: VidComputeError | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it has begun in the store, and nobody was told yet."""
        return bool(self.direct.name) and not self._is_told

    async def offer(self, size_bytes: int) -> None:
        """The file has so many bytes: begin to bring what is whole of them. Waits while enough is on its way.

        What goes wrong is told by `finish`; until then the file has everything.
        """
        while self._next * self.direct.part_bytes <= size_bytes and self._problem is None:
            if self._next not in self._etags:
                await self._send(self._next, self.direct.part_bytes)
            self._next += 1

    async def _send(self, number: int, size_bytes: int) -> None:
        if not self.direct.name:
            try:
                name = await self._store.begin(self.direct.key)
            except VidComputeError as error:
                self._problem = error
                return
            self.direct = replace(self.direct, name=name)
        while len(self._sending) >= _AT_ONCE:
            await self._wait(asyncio.FIRST_COMPLETED)
        self._sending.add(asyncio.create_task(self._bring(number, size_bytes)))

    async def _bring(self, number: int, size_bytes: int) -> None:
        piece = FilePiece(self._file, (number - 1) * self.direct.part_bytes, size_bytes)
        try:
            part = await self._store.bring(self.direct.key, self.direct.name, number, piece)
        except VidComputeError as error:
            self._problem = self._problem or error
        else:
            self._fresh[number] = part.etag

    async def _wait(self, until: str) -> None:
        ended, self._sending = await asyncio.wait(self._sending, return_when=until)
        for task in ended:
            task.result()

    async def settle(self) -> None:
        """Wait for what is on its way."""
        if self._sending:
            await self._wait(asyncio.ALL_COMPLETED)

    def take_brought(self) -> Brought | None:
        """What has come to the store since this was last asked, to be recorded; None where that is nothing."""
        if not self._fresh and not self.has_begun:
            return None
        fresh, self._fresh, self._is_told = self._fresh, {}, True
        self._etags |= fresh
        return Brought(self.direct, fresh)

    async def finish(self, size_bytes: int) -> bool:
        """All bytes are in the file: make the object of its parts.

        False where it has none (but for a piece, which gets one), or the store has lost them; `storage_unavailable`.
        """
        await self.offer(size_bytes)
        sizes = self.direct.sizes(size_bytes)
        if self._next == len(sizes) and self._problem is None and (self.direct.name or self._is_piece):
            await self._send(self._next, sizes[self._next])
        await self.settle()
        self._etags |= self._fresh
        if self._problem is not None and self._problem.kind is not Kind.NOT_FOUND:
            raise self._problem
        return self._problem is None and bool(self.direct.name) and await self._joined(sizes)

    async def _joined(self, sizes: Mapping[int, int]) -> bool:
        parts = [StoredPart(number, size_bytes, self._etags[number]) for number, size_bytes in sizes.items()]
        try:
            await self._store.complete(self.direct.key, self.direct.name, parts)
        except VidComputeError:
            here = {part.number: part.etag for part in await self._store.stored(self.direct.key, self.direct.name)}
            if here == {part.number: part.etag for part in parts}:
                raise
            return False  # somebody else has put other bytes there
        self._is_joined = True
        return True

    async def close(self, *, recorded: bool) -> None:
        """Give up what is on its way, and all of it where the upload's row does not know of it."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self.direct.name and not recorded and not self._is_joined:
            with suppress(VidComputeError):  # else it is collected later
                await self._store.abort(self.direct.key, self.direct.name)
