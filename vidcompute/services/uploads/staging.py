"""The files of uploads under way: one each, locked by its one writer, cut back to what its row vouches for."""

import asyncio
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from functools import cached_property
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import created_ms, is_id
from vidcompute.media.digest import PartDigest, TreeDigest
from vidcompute.media.sniff import HEAD_BYTES
from vidcompute.services.uploads.holds import busy
from vidcompute.services.uploads.receiver import SUFFIX, cannot_store

_READ_BYTES = 2**20
_YOUNG_S = 3600.0
_WHOLE = ".whole"  # a second name, on its way into the storage


class Staging:
    """The folder of these files. Several servers may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def name(self) -> str:
        """What the folder is called in rows: made once, for all servers that share it, and told by a file beside it."""
        beside = self.folder.with_name(f"{self.folder.name}.name")
        try:
            if not beside.exists():
                _make_name(beside)
            return beside.read_text()
        except OSError as error:
            raise cannot_store(error) from error

    def path(self, upload_id: str) -> Path:
        """Where an upload's bytes lie."""
        return self.folder / upload_id

    def open(self, upload_id: str) -> int:
        """Open and lock an upload's file, made if need be; `upload_busy` while another process has it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path(upload_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cannot_store(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise busy() from error
        return descriptor

    def has(self, descriptor: int, offset_bytes: int) -> bool:
        """Whether a file has so many bytes."""
        return os.fstat(descriptor).st_size >= offset_bytes

    def cut(self, descriptor: int, offset_bytes: int) -> None:
        """Cut a file back to what counts, and stand at its end. What is missing before is elsewhere, and zeros here."""
        try:
            os.ftruncate(descriptor, offset_bytes)
            os.lseek(descriptor, offset_bytes, os.SEEK_SET)
        except OSError as error:
            raise cannot_store(error) from error

    def head(self, descriptor: int, offset_bytes: int) -> bytes | None:
        """The first bytes of a file, to be looked at with those that follow; None where they were looked at."""
        return None if offset_bytes >= HEAD_BYTES else os.pread(descriptor, offset_bytes, 0)

    def digest(self, upload_id: str, parts: Iterable[PartDigest], offset_bytes: int) -> TreeDigest:
        """The digest of a file's first `offset_bytes`, of which these parts are known."""
        tree = TreeDigest(parts)
        with self.path(upload_id).open("rb", buffering=0) as file:
            file.seek(tree.position)
            while tree.position < offset_bytes:
                data = file.read(min(_READ_BYTES, offset_bytes - tree.position))
                if not data:
                    raise lost()
                tree.update(data)
        return tree

    async def pieces(self, upload_id: str, size_bytes: int) -> AsyncIterator[bytes]:
        """The first `size_bytes` of an upload's file; `upload_lost` where it has less."""
        left = size_bytes
        try:
            with self.path(upload_id).open("rb", buffering=0) as file:
                while left and (data := await asyncio.to_thread(file.read, min(_READ_BYTES, left))):
                    left -= len(data)
                    yield data
        except FileNotFoundError as error:
            raise lost() from error
        if left:
            raise lost()

    def second_name(self, upload_id: str) -> Path:
        """A second name of an upload's file, for a store that moves what it is given; a copy if need be."""
        path = self.path(upload_id)
        name = path.with_name(f"{path.name}{_WHOLE}")
        try:
            name.unlink(missing_ok=True)
            try:
                name.hardlink_to(path)
            except OSError:  # a file system without such
                shutil.copyfile(path, name)
        except OSError as error:
            raise cannot_store(error) from error
        return name

    def remove(self, upload_ids: Iterable[str]) -> None:
        """Remove the files of uploads that have ended."""
        for upload_id in upload_ids:
            self.path(upload_id).unlink(missing_ok=True)

    def left(self) -> list[str]:
        """The uploads that have had a file here for an hour. What a killed process was making back then is removed."""
        found = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            upload_id = path.name
            try:
                young = path.stat().st_mtime > time.time() - _YOUNG_S
            except FileNotFoundError:
                continue
            if is_id("up", upload_id):
                found += [] if created_ms(upload_id) / 1000 > time.time() - _YOUNG_S else [upload_id]
            elif not young and path.suffix in {_WHOLE, SUFFIX}:
                path.unlink(missing_ok=True)
        return found


def _make_name(path: Path) -> None:
    """Durably, once: rows say it from now on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with fresh.open("x") as file:
        file.write(secrets.token_hex(16))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:  # another server was faster
        pass
    except OSError:  # a file system without such
        fresh.rename(path)
    fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    os.fsync(folder)
    os.close(folder)


def lost() -> VidComputeError:
    """The error of an upload whose row knows of more than its file."""
    detail = "What came of this upload is not on this server any more: begin a new one."
    return VidComputeError(Kind.NOT_FOUND, "upload_lost", detail)
