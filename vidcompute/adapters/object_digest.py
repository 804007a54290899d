"""Checksums of what goes into object stores, in one reading of the file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Sum:
    """A file's size, its SHA-256, and the ETag that S3 gives it.

    That is the MD5 of what was sent in one, else the MD5 of the parts' MD5s, and their number.
    """

    size_bytes: int
    sha256: str
    etag: str


def file_sum(path: Path, part_bytes: int) -> Sum:
    """The checksums of a file that is sent in parts of this size."""
    whole, parts, size_bytes = hashlib.sha256(), [], 0
    with path.open("rb", buffering=0) as file:
        while True:
            part, begun = hashlib.md5(usedforsecurity=False), size_bytes
            while size_bytes - begun < part_bytes:
                block = file.read(min(_BLOCK_BYTES, part_bytes - (size_bytes - begun)))
                if not block:
                    break
                whole.update(block)
                part.update(block)
                size_bytes += len(block)
            if size_bytes == begun:
                break
            parts.append(part.digest())
    return Sum(size_bytes, whole.hexdigest(), _etag(parts))


def _etag(parts: list[bytes]) -> str:
    if len(parts) > 1:
        return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"
    return (parts[0] if parts else hashlib.md5(b"", usedforsecurity=False).digest()).hex()


def plain_etag(etag: str | None) -> str:
    """An ETag without its quotes."""
    return (etag or "").removeprefix("W/").strip('"')
