"""Takes a file's bytes as they arrive: to disk, into the digest and past the limits, in constant memory."""

import asyncio
import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.digest import TreeDigest
from vidcompute.media.sniff import HEAD_BYTES, refusal
from vidcompute.services.uploads.writeback import Writeback

BATCH_BYTES = 2**20  # what one visit to a thread writes and hashes
RESERVE_BYTES = 256 * 2**20  # room on the disk that uploads leave to the database and to running work
SUFFIX = ".part"


@dataclass(frozen=True)
class Received:
    """A whole upload: where its bytes lie until they are stored, their tree digest and their number."""

    path: Path
    digest: str
    size_bytes: int


class Hash(Protocol):
    """A checksum that is taken beside the tree digest, such as one of hashlib's."""

    def update(self, data: memoryview, /) -> None:
        """Add bytes."""
        ...


class Receiver:
    """One upload on its way into an open file, from where the file's descriptor stands.

    `tree` has seen what the file holds already. `head` are the file's first bytes as far as they are here; None where
    they have been looked at, or need not be. `beside` takes the same bytes as the file.
    """

    def __init__(
        self,
        path: Path,
        descriptor: int,
        max_bytes: int,
        *,
        tree: TreeDigest | None = None,
        head: bytes | None = b"",
        beside: Hash | None = None,
        too_many: VidComputeError | None = None,
    ) -> None:
        self._path = path
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._too_many = too_many or too_large(max_bytes)
        # Two that take turns, made once: fresh memory for each batch would cost more than the hashing.
        self._filling, self._spare = bytearray(), bytearray()
        self._filled_bytes = 0
        self.tree = tree or TreeDigest()
        self._size_bytes = self.tree.position
        self._head = None if head is None else bytearray(head)
        self._beside = beside
        self._writeback = Writeback(descriptor, self._size_bytes)
        self._storing: asyncio.Future[None] | None = None

    async def write(self, data: bytes | memoryview) -> None:
        """Add bytes. Returns at once while there is room for them; else when the disk has taken some.

        Raises `too_many` (by default `upload_too_large`), `storage_full`, or what `media.sniff.refusal` says against
        the first bytes.
        """
        self._size_bytes += len(data)
        if self._size_bytes > self._max_bytes:
            raise self._too_many
        if self._head is not None:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._check_head()
        view = memoryview(data)
        while view:
            if self._filled_bytes == BATCH_BYTES:
                await self._hand_over()
            if not self._filling:
                self._filling = bytearray(BATCH_BYTES)
            taken = min(len(view), BATCH_BYTES - self._filled_bytes)
            self._filling[self._filled_bytes : self._filled_bytes + taken] = view[:taken]
            self._filled_bytes += taken
            view = view[taken:]

    async def written(self) -> int:
        """Have all that was added written and hashed, though not durably; how many bytes the file has then."""
        await self._hand_over()
        await self._settle()
        return self.tree.position

    async def durable(self) -> int:
        """Have all that was added on disk; how many bytes the file has then."""
        size_bytes = await self.written()
        try:
            await asyncio.to_thread(os.fdatasync, self._descriptor)
        except OSError as error:
            raise cannot_store(error) from error
        return size_bytes

    async def finish(self) -> Received:
        """All bytes were added: what they are. The file is whole, though not yet durable (storing it makes it so)."""
        if self._head is not None:
            self._check_head()
        size_bytes = await self.written()
        return Received(self._path, self.tree.finish(), size_bytes)

    def _check_head(self) -> None:
        head, self._head = self._head, None
        check_media(bytes(head or b""))

    async def _hand_over(self) -> None:
        # One batch is written and hashed while the next one fills; a third one waits, and so does its sender.
        await self._settle()
        if self._filled_bytes:
            full = memoryview(self._filling)[: self._filled_bytes]
            self._filling, self._spare, self._filled_bytes = self._spare, self._filling, 0
            self._storing = asyncio.get_running_loop().run_in_executor(None, self._store, full)

    async def _settle(self) -> None:
        storing, self._storing = self._storing, None
        if storing is None:
            return
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            self._storing = storing  # the thread still works on the file: `close` waits for it
            raise
        except OSError as error:
            raise cannot_store(error) from error

    def _store(self, full: memoryview) -> None:
        """In a thread: write one batch, take its digest, and push it on to the disk."""
        view = full
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.tree.update(full)
        if self._beside is not None:
            self._beside.update(full)
        self._writeback.written(self.tree.position)

    async def close(self) -> None:
        """Let go of the file. Waits for what is being written."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await asyncio.wait({storing})
            storing.exception()  # taken note of: an upload that is given up needs no report of a full disk
        os.close(self._descriptor)


@asynccontextmanager
async def closing(receiver: Receiver) -> AsyncIterator[Receiver]:
    """Close a receiver's file when the block ends, exactly once, even where the request is cancelled meanwhile."""
    try:
        yield receiver
    finally:
        ended = asyncio.ensure_future(receiver.close())
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            await ended
            raise


@asynccontextmanager
async def receiving(folder: Path, *, max_bytes: int, declared_bytes: int | None = None) -> AsyncIterator[Receiver]:
    """A receiver with a file in `folder`; when the block ends, however it ends, the file is gone or was moved away.

    `declared_bytes`, where the sender says it, refuses at once what is too large or would not fit on the disk.
    """
    if declared_bytes is not None:
        check_room(folder, declared_bytes, max_bytes)
    path = folder / f"{secrets.token_hex(16)}{SUFFIX}"
    receiver = Receiver(path, _open(path), max_bytes)
    try:
        async with closing(receiver):
            yield receiver
    finally:
        path.unlink(missing_ok=True)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_store(error) from error


def check_media(head: bytes) -> None:
    """Raise what the first bytes of a file say against it."""
    wrong = refusal(head)
    if wrong is not None:
        raise VidComputeError(Kind.REFUSED, *wrong)


def check_room(folder: Path, declared_bytes: int, max_bytes: int) -> None:
    """Raise `upload_too_large` or `storage_full` where this many bytes can't be taken."""
    if declared_bytes > max_bytes:
        raise too_large(max_bytes)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if shutil.disk_usage(existing).free - declared_bytes < RESERVE_BYTES:
        raise storage_full()


def too_large(max_bytes: int) -> VidComputeError:
    """The error that says how much one upload may have."""
    return VidComputeError(
        Kind.TOO_LARGE,
        "upload_too_large",
        f"The file is larger than the {max_bytes} bytes that one upload may have.",
        extra={"max_bytes": max_bytes},
    )


def storage_full() -> VidComputeError:
    """The error that says that the disk is full."""
    return VidComputeError(Kind.UNAVAILABLE, "storage_full", "There is no room for this file on the server's disk.")


def cannot_store(error: OSError) -> VidComputeError:
    """An error of the disk in our words."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return storage_full()
    return VidComputeError(Kind.UNAVAILABLE, "storage_unavailable", f"The file can't be stored: {error.strerror}.")
