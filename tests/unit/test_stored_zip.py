"""The archive of frames: what it writes is read by others, is final once written, and has no limit of 4 GB."""

import io
import struct
import zipfile
from bisect import bisect_right
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.media.stored_zip import StoredZip

_NAMES = st.text(st.characters(categories=["L", "N"], include_characters=" ._-"), min_size=1, max_size=40)


class Tape:
    """Takes bytes and nothing else: there is no way back."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes, /) -> None:
        self.parts.append(data)


@given(st.dictionaries(_NAMES, st.binary(max_size=300), max_size=12))
def test_the_standard_library_reads_every_archive(files: dict[str, bytes]) -> None:
    tape = Tape()
    archive = StoredZip(tape)
    for name, data in files.items():
        archive.add(name, data)
    archive.close()
    written = b"".join(tape.parts)
    assert archive.size_bytes == len(written)
    with zipfile.ZipFile(io.BytesIO(written)) as opened:
        assert opened.testzip() is None
        assert {info.filename: opened.read(info) for info in opened.infolist()} == files
        assert all(info.compress_type == zipfile.ZIP_STORED for info in opened.infolist())


def test_a_follower_can_read_each_file_as_soon_as_it_is_written() -> None:
    tape = Tape()
    archive = StoredZip(tape)
    for number in range(3):
        before = len(b"".join(tape.parts))
        data = bytes([number]) * (100 + number)
        archive.add(f"{number}.bin", data)
        entry = b"".join(tape.parts)[before:]
        signature, _, flags, method, _, _, crc, packed, size, name_bytes, extra = struct.unpack_from("<4s5H3I2H", entry)
        assert (signature, method, flags & 8) == (b"PK\x03\x04", 0, 0)  # no data descriptor
        assert (crc, packed, size, extra) == (crc32(data), len(data), len(data), 0)
        assert entry[30 + name_bytes :] == data


def test_the_same_files_give_the_same_bytes() -> None:
    def written() -> bytes:
        tape = Tape()
        archive = StoredZip(tape)
        archive.add("a", b"1")
        archive.close()
        return b"".join(tape.parts)

    assert written() == written()


def test_more_than_65535_files() -> None:
    sink = io.BytesIO()
    archive = StoredZip(sink)
    for number in range(70_000):
        archive.add(f"{number:05d}", b"x" * (number % 3))
    archive.close()
    with zipfile.ZipFile(sink) as opened:
        assert len(opened.namelist()) == 70_000
        assert opened.read("69998") == b"xx"


class Sparse(io.RawIOBase):
    """A file that keeps one copy of a large block, however often it was written."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._starts: list[int] = []
        self._parts: list[bytes] = []
        self.size = 0
        self._at = 0

    def write(self, data: Any, /) -> int:
        part = data if isinstance(data, bytes) else bytes(data)
        self._starts.append(self.size)
        self._parts.append(self._block if part is self._block else part)
        self.size += len(part)
        return len(part)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = (0, self._at, self.size)[whence] + offset
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        wanted = self.size - self._at if size < 0 else min(size, self.size - self._at)
        found = b""
        while len(found) < wanted:
            place = bisect_right(self._starts, self._at) - 1
            offset = self._at - self._starts[place]
            piece = self._parts[place][offset : offset + wanted - len(found)]
            found += piece
            self._at += len(piece)
        return found


def test_an_archive_beyond_4_gb() -> None:
    block = bytes(48 * 2**20)
    sink = Sparse(block)
    archive = StoredZip(sink)
    for number in range(90):
        archive.add(f"frame-{number:06d}.png", block)
    archive.add("last.txt", b"behind 4 GB")
    archive.close()
    assert sink.size == archive.size_bytes > 2**32
    with zipfile.ZipFile(sink) as opened:
        assert len(opened.infolist()) == 91
        assert opened.getinfo("last.txt").header_offset > 2**32
        assert opened.read("last.txt") == b"behind 4 GB"
        assert crc32(block) == opened.getinfo("frame-000089.png").CRC


def test_a_single_file_of_4_gb_is_refused() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 2**32

    with pytest.raises(ValueError, match="less than 4 GiB"):
        StoredZip(Tape()).add("huge", Huge())
