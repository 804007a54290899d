"""A digest that is taken while the bytes arrive, in any order of parts and across restarts.

The bytes are cut into parts of 8 MiB. Each part has its SHA-256; the digest of the whole is the SHA-256 of a domain
name, the total length and the parts' SHA-256s in order, so that a part can be hashed without the others, and a list
of parts can't be taken for a file that holds the same bytes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PART_BYTES = 8 * 2**20
_DOMAIN = b"vidcompute/tree-digest/1\x00"


@dataclass(frozen=True)
class PartDigest:
    """One part: its number from 0, its length in bytes, and its SHA-256 as 64 hexadecimal digits."""

    index: int
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, index: int, data: bytes | bytearray | memoryview) -> "PartDigest":
        """The digest of a whole part; ValueError when it is empty or longer than a part may be."""
        part = cls(index, len(data), hashlib.sha256(data).hexdigest())
        part.check()
        return part

    def check(self) -> None:
        """ValueError when this can't be a part of anything."""
        if self.index < 0 or not 0 < self.size_bytes <= PART_BYTES:
            raise ValueError(f"part {self.index} of {self.size_bytes} bytes: a part has 1 to {PART_BYTES} bytes")
        if len(bytes.fromhex(self.sha256)) != 32:
            raise ValueError(f"part {self.index} has no SHA-256")


class TreeDigest:
    """The digest of bytes that come in order (`update`), as whole parts in any order (`put`), or both.

    `state()` and `TreeDigest(parts)` carry it over a restart; `update` then goes on at `position`.
    """

    def __init__(self, parts: Iterable[PartDigest] = ()) -> None:
        self._parts: dict[int, PartDigest] = {}
        for part in parts:
            self.put(part)
        self._index = 0
        while self._is_full(self._index):
            self._index += 1
        self._closed_bytes = self._index * PART_BYTES
        self._open = hashlib.sha256()
        self._open_bytes = 0

    def _is_full(self, index: int) -> bool:
        part = self._parts.get(index)
        return part is not None and part.size_bytes == PART_BYTES

    @property
    def position(self) -> int:
        """Where `update` goes on: the number of bytes before it, all of which are hashed."""
        return self._closed_bytes + self._open_bytes

    @property
    def resume_position(self) -> int:
        """Where a digest made of `state()` would go on: the last border of a part at or before `position`."""
        return self._closed_bytes

    def put(self, part: PartDigest) -> None:
        """Add a whole part. Adding the same part again is fine; ValueError for another one with its number."""
        part.check()
        if self._parts.setdefault(part.index, part) != part:
            raise ValueError(f"part {part.index} is there with other bytes")

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add the bytes that follow `position`."""
        view = memoryview(data).cast("B")
        while len(view):
            taken = min(len(view), PART_BYTES - self._open_bytes)
            self._open.update(view[:taken])
            self._open_bytes += taken
            view = view[taken:]
            if self._open_bytes == PART_BYTES:
                self._close_part()

    def _close_part(self) -> None:
        self.put(PartDigest(self._index, self._open_bytes, self._open.hexdigest()))
        self._index += 1
        self._closed_bytes += self._open_bytes
        self._open = hashlib.sha256()
        self._open_bytes = 0

    def parts(self) -> list[PartDigest]:
        """The parts that are whole, in order."""
        return [self._parts[index] for index in sorted(self._parts)]

    def state(self) -> list[dict[str, Any]]:
        """The parts that are whole, as plain JSON values; bytes after the last of them must be given again."""
        return [{"index": p.index, "size_bytes": p.size_bytes, "sha256": p.sha256} for p in self.parts()]

    @classmethod
    def from_state(cls, state: Iterable[dict[str, Any]]) -> "TreeDigest":
        """The inverse of `state`."""
        return cls(PartDigest(**part) for part in state)

    def finish(self) -> str:
        """The digest as 64 hexadecimal digits; ValueError while a part is missing, or one before the last is short."""
        if self._open_bytes:
            self._close_part()
        return combine(self.parts())


def combine(parts: list[PartDigest]) -> str:
    """The digest of a whole from its parts in order, as 64 hexadecimal digits; ValueError where they don't join."""
    for number, part in enumerate(parts):
        if part.index != number:
            raise ValueError(f"part {number} is missing")
        if part.size_bytes < PART_BYTES and number < len(parts) - 1:
            raise ValueError(f"part {number} is short, and is not the last")
    total = sum(part.size_bytes for part in parts)
    hashes = b"".join(bytes.fromhex(part.sha256) for part in parts)
    return hashlib.sha256(_DOMAIN + total.to_bytes(8, "big") + hashes).hexdigest()
