"""Where bytes live: a folder, S3 or GCS behind the same few calls."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from vidcompute.errors import invalid

_PART = re.compile(r"[A-Za-z0-9._-]{1,200}")
_LONGEST_KEY = 1000
TEMPORARY = ".tmp"  # what a store keeps to itself


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: its size in bytes and a validator that changes with its content."""

    key: str
    size_bytes: int
    etag: str


class Storage(Protocol):
    """A store of immutable objects under `/`-separated keys (letters, digits, `._-`; never `..`).

    An object appears whole or not at all. A missing key is `object_not_found` (kind not_found); a store that
    is down is kind unavailable.
    """

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """Store a local file durably under `key`; the file may be moved, and is not to be used afterwards."""
        ...

    async def put_tree(self, prefix: str, source: Path) -> list[ObjectInfo]:
        """Store every file below `source` under `prefix/`, durably; files may be moved."""
        ...

    async def stat(self, key: str) -> ObjectInfo:
        """Size and validator of an object."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes `[start, end)` in pieces."""
        ...

    async def fetch(self, key: str, destination: Path) -> Path:
        """A local path with the object's bytes: its own path where it lies on this machine, else `destination`."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Where the object lies on this machine, for zero-copy reads; None for a remote store."""
        ...

    async def list(self, prefix: str) -> list[ObjectInfo]:
        """Every object below `prefix/`."""
        ...

    async def delete_prefix(self, prefix: str) -> int:
        """Remove every object below `prefix/` (and the object `prefix` itself); how many there were."""
        ...

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """A URL by which whoever has it reads or writes the object until then; None where the store has no such.

        What is read comes with this Content-Disposition, as far as there is a key here to sign that with.
        """
        ...


@dataclass(frozen=True)
class StoredPart:
    """A part of an upload that lies in the store: its number from 1, and the store's name for its content."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class FilePiece:
    """`size_bytes` of a local file, from `start` on."""

    path: Path
    start: int
    size_bytes: int


class DirectUploads(Protocol):
    """Uploads in parts: senders bring them to the store themselves, by a URL for each, or we do. Down is unavailable.

    Of those that we bring, a kind of not_found says that the store knows of no such upload (any more).
    """

    async def begin(self, key: str) -> str:
        """Begin an upload of this key; the store's name for it."""
        ...

    def part_url(self, key: str, name: str, number: int, expires_s: int) -> str:
        """Where whoever has it puts the bytes of a part until then."""
        ...

    async def bring(self, key: str, name: str, number: int, piece: FilePiece) -> StoredPart:
        """Bring a part ourselves, compared with what came; one that is brought again is replaced."""
        ...

    async def stored(self, key: str, name: str) -> list[StoredPart]:
        """The parts that are there, in order; none where there is no such upload any more."""
        ...

    async def complete(self, key: str, name: str, parts: Sequence[StoredPart]) -> None:
        """Make the object of these parts; fine where that was done before."""
        ...

    async def keep(self, key: str, file: Path) -> None:
        """Have a file with the bytes of an object that was made of parts, for readers on this machine; it may be moved.

        Raises `object_not_found` where there is no such object, and `storage_corrupted` where it has another size.
        """
        ...

    async def abort(self, key: str, name: str) -> None:
        """Throw its parts away; fine where there are none."""
        ...


class ScannableStorage(Storage, Protocol):
    """A store that can be gone through whole, by who keeps it in order."""

    def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """Every object below `prefix/` in pages, in constant memory: for stores of any size. No order is promised."""
        ...


def content_of(key: str) -> str | None:
    """The content key (as `InputRef.content_key` has it) of the source or artifact that an object belongs to."""
    match key.split("/"):
        case [_, _, "sources", digest, _]:
            return f"source:{digest}"
        case [_, _, "artifacts", content_key, _, _, *_]:
            return content_key
    return None


def key_parts(key: str) -> list[str]:
    """The parts of a sound key; `invalid_key` (invalid) for any other."""
    parts = key.split("/")
    sound = len(key) <= _LONGEST_KEY and all(_PART.fullmatch(p) and p not in {".", ".."} for p in parts)
    if not sound or parts[0] == TEMPORARY:
        raise invalid("invalid_key", f"{key[:80]!r} is no storage key.")
    return parts
