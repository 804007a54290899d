"""What an upload is to those who look at it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from vidcompute.media.digest import PART_BYTES

_MOST_PARTS = 9_000  # of the 10,000 that stores take


class UploadStatus(StrEnum):
    """Where an upload stands."""

    UPLOADING = "uploading"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class UploadKind(StrEnum):
    """Whether an upload is a file, a piece of one, or was joined from pieces."""

    WHOLE = "whole"
    PARTIAL = "partial"
    FINAL = "final"


@dataclass(frozen=True)
class Direct:
    """How an upload goes to the store in parts: to which key, and so many bytes in each (the last one has the rest).

    `name` is the store's for the upload. With `arrived` every part is there, and joined: `offset_bytes` of the upload
    is then how far the object was read for its digest, unless it waits to be joined with others. With `relayed` the
    bytes come through here, and we bring the parts; with `hollow` some of those bytes are in the store alone, for they
    came through another machine.
    """

    key: str
    name: str
    part_bytes: int
    arrived: bool = False
    relayed: bool = False
    hollow: bool = False

    def sizes(self, size_bytes: int) -> dict[int, int]:
        """How many bytes each part has, by its number."""
        count = -(-size_bytes // self.part_bytes)
        return {n: min(self.part_bytes, size_bytes - (n - 1) * self.part_bytes) for n in range(1, count + 1)}

    def last_digest(self, number: int) -> int:
        """The last part of the digest that this part has, which knows the store's name for its content."""
        return number * (self.part_bytes // PART_BYTES) - 1

    def part_of(self, last_digest: int) -> int:
        """The inverse of `last_digest`."""
        return (last_digest + 1) * PART_BYTES // self.part_bytes

    def without_gap(self, numbers: Collection[int]) -> int:
        """How many bytes, from the first one on, these parts have."""
        count = 0
        while count + 1 in numbers:
            count += 1
        return count * self.part_bytes


def part_bytes_for(size_bytes: int, least_bytes: int) -> int:
    """How large the parts of an upload are: whole parts of the digest, and not too many of them."""
    needed = -(-size_bytes // _MOST_PARTS)
    return max(least_bytes, -(-needed // PART_BYTES) * PART_BYTES)


@dataclass(frozen=True)
class Brought:
    """What we have brought to the store: the store's names for the content of parts, by their numbers."""

    direct: Direct
    etags: Mapping[int, str]


@dataclass(frozen=True)
class Upload:
    """Bytes on their way in: `offset_bytes` of `size_bytes` (None: not said yet) are here for good.

    `metadata` and `concat` are given back as they were sent. `job` are the options of the job that begins with the
    last byte; None where none is wanted. `holder` is the folder that has its bytes. With `patience_ms` the end is put
    off by each byte that comes.
    """

    id: str
    organization_id: str
    status: str
    kind: str
    name: str
    size_bytes: int | None
    max_bytes: int
    offset_bytes: int
    metadata: str
    concat: str | None
    job: Mapping[str, Any] | None
    direct: Mapping[str, Any] | None
    holder: str | None
    token_digest: str | None
    origin: str | None
    source_id: str | None
    job_id: str | None
    asset_id: str | None
    error_code: str | None
    error_detail: str | None
    created_ms: int
    expires_ms: int
    patience_ms: int | None
    ended_ms: int | None

    @property
    def in_parts(self) -> Direct | None:
        """How it goes to the store in parts, whoever brings them; None where it does not (yet)."""
        return None if self.direct is None else Direct(**self.direct)

    @property
    def straight(self) -> Direct | None:
        """How its sender brings it straight to the store; None where it comes through here."""
        found = self.in_parts
        return None if found is None or found.relayed else found

    @property
    def relayed(self) -> Direct | None:
        """How we bring it to the store as it comes; None where we don't, or have not begun to."""
        found = self.in_parts
        return found if found is not None and found.relayed else None

    @property
    def is_whole(self) -> bool:
        """Whether every byte of it is here."""
        return self.offset_bytes == self.size_bytes


@dataclass(frozen=True)
class NewUpload:
    """What is to come: `expires_s` from now, or from the last byte where `patient`."""

    name: str = ""
    size_bytes: int | None = None
    max_bytes: int = 2**62
    kind: UploadKind = UploadKind.WHOLE
    metadata: str = ""
    concat: str | None = None
    job: Mapping[str, Any] | None = field(default_factory=dict)
    direct: Direct | None = None
    expires_s: float = 24 * 3600.0
    patient: bool = True
    token: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class UploadPolicy:
    """What uploads may do here.

    `folder` holds their bytes while they come. An unfinished one ends `expiry_s` after its last byte. A sender who is
    silent for `idle_s` is let go, and for `stalled_s` when another one wants to go on. What came is made durable every
    `durable_every_s` while more comes.
    """

    folder: Path = Path("uploads")
    expiry_s: float = 24 * 3600.0
    idle_s: float = 60.0
    stalled_s: float = 5.0
    durable_every_s: float = 1.0
    max_unfinished: int = 1000
