"""A ZIP of stored (not deflated) files that is only ever appended to.

The standard library's writer either goes back to fill in a header or leaves sizes and CRC to a descriptor behind the
data, without which a stored file can't be read from a stream. Here both are known before: each local header is whole
when it is written, so what lies there is final at any time, and a reader may follow while the archive grows.
Source: APPNOTE.TXT 6.3.10 (PKWARE), 4.3 and 4.5.3.
"""

import struct
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_UNIX = 3 << 8
_VERSION, _VERSION_64 = 20, 45
_UTF8 = 1 << 11
_DAY_ONE = (0, (1 << 5) | 1)  # 1 January 1980 in MS-DOS's way, so that the same files give the same bytes
_REGULAR_FILE = 0o100644 << 16
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF


class Sink(Protocol):
    """What bytes are appended to."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""
        ...


@dataclass(frozen=True)
class _Entry:
    name: bytes
    crc: int
    size: int
    offset: int


class StoredZip:
    """Writes an archive to a sink. Sizes and counts beyond the old format's are written as ZIP64, as far as needed."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._entries: list[_Entry] = []
        self.size_bytes = 0

    def add(self, name: str, data: bytes) -> None:
        """Append one file of less than 4 GiB; `name` is relative, with `/` between folders."""
        if len(data) >= _MAX_32:
            raise ValueError(f"{name} has {len(data)} bytes; a file in this archive has less than 4 GiB")
        entry = _Entry(name.encode(), crc32(data), len(data), self.size_bytes)
        fields = (_VERSION, _UTF8, 0, *_DAY_ONE, entry.crc, entry.size, entry.size, len(entry.name), 0)
        self._write(_LOCAL.pack(b"PK\x03\x04", *fields) + entry.name)
        self._write(data)
        self._entries.append(entry)

    def close(self) -> None:
        """Append the central directory; the archive is then whole. The sink stays open."""
        start = self.size_bytes
        for entry in self._entries:
            self._write(_central(entry))
        size, count = self.size_bytes - start, len(self._entries)
        if count >= _MAX_16 or start >= _MAX_32 or size >= _MAX_32:
            end_64 = self.size_bytes
            versions = (_UNIX | _VERSION_64, _VERSION_64)
            self._write(_END_64.pack(b"PK\x06\x06", _END_64.size - 12, *versions, 0, 0, count, count, size, start))
            self._write(_LOCATOR_64.pack(b"PK\x06\x07", 0, end_64, 1))
        counts = (min(count, _MAX_16), min(count, _MAX_16))
        self._write(_END.pack(b"PK\x05\x06", 0, 0, *counts, min(size, _MAX_32), min(start, _MAX_32), 0))

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self.size_bytes += len(data)


def _central(entry: _Entry) -> bytes:
    far = entry.offset >= _MAX_32
    extra = struct.pack("<2HQ", 1, 8, entry.offset) if far else b""
    version = _VERSION_64 if far else _VERSION
    fixed = _CENTRAL.pack(
        b"PK\x01\x02",
        _UNIX | version,
        version,
        _UTF8,
        0,
        *_DAY_ONE,
        entry.crc,
        entry.size,
        entry.size,
        len(entry.name),
        len(extra),
        0,
        0,
        0,
        _REGULAR_FILE,
        min(entry.offset, _MAX_32),
    )
    return fixed + entry.name + extra
