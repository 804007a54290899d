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


class Receiver:
    """One upload on its way into a file. Use `receiving`, which leaves nothing behind."""

    def __init__(self, path: Path, descriptor: int, max_bytes: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._size_bytes = 0
        self._head_checked = False
        self._digest = TreeDigest()
        self._writeback = Writeback(descriptor)
        self._storing: asyncio.Future[None] | None = None

    async def write(self, data: bytes | memoryview) -> None:
        """Add bytes. Returns at once while there is room for them; else when the disk has taken some.

        Raises `upload_too_large`, `storage_full`, or what `media.sniff.refusal` says against the first bytes.
        """
        self._size_bytes += len(data)
        if self._size_bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._buffer += data
        if not self._head_checked and len(self._buffer) >= HEAD_BYTES:
            self._check_head()
        if len(self._buffer) >= BATCH_BYTES:
            await self._hand_over()

    async def finish(self) -> Received:
        """All bytes were added: what they are. The file is whole, though not yet durable (storing it makes it so)."""
        if not self._head_checked:
            self._check_head()
        await self._hand_over()
        await self._settle()
        return Received(self._path, self._digest.finish(), self._size_bytes)

    def _check_head(self) -> None:
        self._head_checked = True
        wrong = refusal(bytes(self._buffer[:HEAD_BYTES]))
        if wrong is not None:
            raise VidComputeError(Kind.REFUSED, *wrong)

    async def _hand_over(self) -> None:
        # One batch is written and hashed while the next one fills; a third one waits, and so does its sender.
        await self._settle()
        full, self._buffer = self._buffer, bytearray()
        if full:
            loop = asyncio.get_running_loop()
            self._storing = loop.run_in_executor(None, self._store, full)

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

    def _store(self, full: bytearray) -> None:
        """In a thread: write one batch, take its digest, and push it on to the disk."""
        view = memoryview(full)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._digest.update(full)
        self._writeback.written(self._digest.position)

    async def close(self) -> None:
        """Let go of the file, and remove it unless it was moved away. Waits for what is being written."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await asyncio.wait({storing})
            storing.exception()  # taken note of: an upload that is given up needs no report of a full disk
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


@asynccontextmanager
async def receiving(folder: Path, *, max_bytes: int, declared_bytes: int | None = None) -> AsyncIterator[Receiver]:
    """A receiver with a file in `folder`; when the block ends, however it ends, the file is gone or was moved away.

    `declared_bytes`, where the sender says it, refuses at once what is too large or would not fit on the disk.
    """
    if declared_bytes is not None:
        check_room(folder, declared_bytes, max_bytes)
    path = folder / f"{secrets.token_hex(16)}{SUFFIX}"
    descriptor = _open(path)
    receiver = Receiver(path, descriptor, max_bytes)
    try:
        yield receiver
    finally:
        # Run to its end even when the request is cancelled again meanwhile: the descriptor is closed exactly once.
        closing = asyncio.ensure_future(receiver.close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_store(error) from error


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
