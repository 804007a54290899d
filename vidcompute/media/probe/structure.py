"""A first look at a container's outermost structure, without libav*: is it whole, and does it stay within itself?

Every loop is bounded by what the file really holds. ISO base media boxes: ISO/IEC 14496-12, and the QuickTime File
Format. Matroska: RFC 9559. RIFF: Microsoft's "Multimedia Programming Interface".
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from vidcompute.errors import refused
from vidcompute.media.probe.limits import ProbeLimits

MISSING_SHARE = 0.05
"""A file that lacks more of its declared bytes than this is refused; less is a warning."""

_MAX_BOXES = 1_000_000
_MAX_INDEX_BYTES = 512 * 2**20
_TRAIL = {b"moov": (b"trak", b"rmra", b"mvex", b"cmov"), b"trak": (b"tkhd", b"mdia"), b"mdia": (b"minf",)} | {
    b"minf": (b"dinf", b"stbl"),
    b"dinf": (b"dref",),
    b"stbl": (b"stsz", b"stsd", b"ctts"),
    b"moof": (b"traf",),
    b"traf": (b"trun",),
}


@dataclass
class Structure:
    """What the outermost structure says. `indexed`: all packets are listed in one table at its place (no fragments).

    `offsets` has, by track id, where the entries of its composition offsets (ctts) lie: first byte and number.
    """

    indexed: bool = False
    missing_bytes: int = 0
    traks: int = 0
    samples: int = 0
    offsets: dict[int, tuple[int, int]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Box:
    kind: bytes
    body: int  # where its content begins
    end: int  # where it says that it ends; may lie beyond the file


def examine(file: BinaryIO, size_bytes: int, demuxer: str, limits: ProbeLimits) -> Structure:
    """What the structure of an open file says. Raises `source_truncated`, `source_external_reference`,

    `source_damaged` and `source_too_many_streams`.
    """
    if demuxer == "mov":
        return _Movie(file, size_bytes, limits).examine()
    structure = Structure()
    declared = {"matroska": _matroska_bytes, "avi": _riff_bytes, "wav": _riff_bytes}.get(demuxer)
    if declared is not None:
        structure.missing_bytes = max(declared(file) - size_bytes, 0)
        _judge_missing(structure, size_bytes)
    return structure


def _judge_missing(structure: Structure, size_bytes: int) -> None:
    missing = structure.missing_bytes
    if missing > MISSING_SHARE * (size_bytes + missing):
        raise refused(
            "source_truncated",
            f"The file is cut short: {missing} of {size_bytes + missing} bytes are missing. Upload it again, whole.",
        )
    if missing:
        structure.warnings.append(f"The file is cut short by {missing} bytes; its end is missing.")


def _matroska_bytes(file: BinaryIO) -> int:
    """How long the file says that it is; 0 where it does not say (a live recording)."""
    file.seek(0)
    head = file.read(4096)
    header_bytes, used = ebml_size(head, 4)
    segment = 4 + used + header_bytes
    if used == 0 or head[segment : segment + 4] != b"\x18\x53\x80\x67":
        return 0
    segment_bytes, used = ebml_size(head, segment + 4)
    return segment + 4 + used + segment_bytes if used and segment_bytes >= 0 else 0


def ebml_size(data: bytes, at: int) -> tuple[int, int]:
    """An EBML variable-size integer: its value (-1 for "unknown") and how many bytes it takes (0: there is none)."""
    if at >= len(data) or data[at] == 0:
        return 0, 0
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return (-1 if value == (1 << 7 * length) - 1 else value), length


def _riff_bytes(file: BinaryIO) -> int:
    file.seek(0)
    head = file.read(12)
    declared = struct.unpack("<I", head[4:8])[0] if len(head) == 12 else 0
    # Recorders that never came back to fill in the size leave 0 or the largest number there.
    return 0 if head[:4] != b"RIFF" or declared >= 0x7FFFFF00 else 8 + int(declared)


class _Movie:
    """Walks the boxes of an ISO base media or QuickTime file."""

    def __init__(self, file: BinaryIO, size_bytes: int, limits: ProbeLimits) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._limits = limits
        self._found = Structure()
        self._fragment_samples = 0
        self._boxes_seen = 0
        self._track_id = 0

    def examine(self) -> Structure:
        seen: set[bytes] = set()
        for box in self._boxes(0, self._size_bytes):
            seen.add(box.kind)
            self._top(box)
        if b"moov" not in seen:
            raise refused(
                "source_truncated",
                "The file's index (its moov box) is missing: the recording or the upload was cut short. "
                "Upload it again, or repair it with the device that recorded it.",
            )
        _judge_missing(self._found, self._size_bytes)
        self._found.indexed = b"moof" not in seen
        return self._found

    def _top(self, box: _Box) -> None:
        beyond = box.end - self._size_bytes
        if box.kind == b"mdat":
            self._found.missing_bytes = max(self._found.missing_bytes, beyond)
        elif box.kind == b"moov" and beyond > 0:
            raise refused("source_truncated", "The file ends within its index (moov). Upload it again, whole.")
        elif box.kind in {b"moov", b"moof"} and beyond <= 0:
            if box.end - box.body > _MAX_INDEX_BYTES:
                raise _damaged("its index is larger than any real one")
            self._inside(box)

    def _boxes(self, at: int, end: int) -> Iterator[_Box]:
        while at + 8 <= end:
            self._file.seek(at)
            head = self._file.read(16)
            if len(head) < 8:
                return
            size, kind = struct.unpack(">I4s", head[:8])
            body = at + 8
            if size == 1 and len(head) == 16:
                size, body = struct.unpack(">Q", head[8:])[0], at + 16
            elif size == 0:
                size = end - at
            if size < body - at:
                return
            self._boxes_seen += 1
            if self._boxes_seen > _MAX_BOXES:
                raise _damaged("it has more boxes than any real file")
            yield _Box(kind, body, at + size)
            at += size

    def _inside(self, parent: _Box) -> None:
        wanted = _TRAIL.get(parent.kind, ())
        for box in self._boxes(parent.body, min(parent.end, self._size_bytes)):
            if box.kind not in wanted:
                continue
            if box.kind == b"trak":
                self._found.traks += 1
                if self._found.traks > self._limits.max_streams:
                    raise too_many_streams(self._limits)
            leaf = {
                b"rmra": self._reference_movie,
                b"tkhd": self._track_header,
                b"ctts": self._composition_offsets,
                b"dref": self._data_references,
                b"stsz": self._sample_sizes,
                b"stsd": self._descriptions,
                b"trun": self._run,
            }.get(box.kind)
            if leaf is None:
                self._inside(box)
            else:
                leaf(box)

    def _read(self, box: _Box, most: int) -> bytes:
        self._file.seek(box.body)
        return self._file.read(max(min(most, box.end - box.body), 0))

    def _reference_movie(self, _: _Box) -> None:
        raise _external("it is a reference movie")

    def _data_references(self, box: _Box) -> None:
        """Refuse an entry that is not flagged "in this file" and names a place (ISO/IEC 14496-12, 8.7.2)."""
        inner = _Box(box.kind, box.body + 8, box.end)
        for number, entry in enumerate(self._boxes(inner.body, min(inner.end, self._size_bytes))):
            if number > 1000:
                raise _damaged("its table of data references is endless")
            flags = self._read(entry, 4)
            place = self._read(_Box(entry.kind, entry.body + 4, entry.end), 2048).strip(b"\0")
            if flags[3:4] and not flags[3] & 1 and place:
                raise _external("its pictures or sounds lie in another file")

    def _track_header(self, box: _Box) -> None:
        head = self._read(box, 24)
        at = 20 if head[:1] == b"\1" else 12
        self._track_id = int.from_bytes(head[at : at + 4], "big")

    def _composition_offsets(self, box: _Box) -> None:
        count = int.from_bytes(self._read(box, 8)[4:8], "big")
        self._found.offsets[self._track_id] = (box.body + 8, min(count, (box.end - box.body - 8) // 8))

    def _sample_sizes(self, box: _Box) -> None:
        head = self._read(box, 12)
        if len(head) < 12:
            raise _damaged("its table of sample sizes is cut off")
        fixed_bytes, count = struct.unpack(">II", head[4:])
        entries_bytes = box.end - box.body - 12
        if fixed_bytes == 0 and count * 4 > entries_bytes:
            raise _damaged(f"it claims {count} samples but lists {max(entries_bytes, 0) // 4}")
        if fixed_bytes > 0 and count * fixed_bytes > 2 * (self._size_bytes + 2**16) and fixed_bytes > 64:
            self._found.missing_bytes = max(self._found.missing_bytes, count * fixed_bytes - self._size_bytes)
        if fixed_bytes > 64 or fixed_bytes == 0:
            self._found.samples += count
        if self._found.samples > self._limits.max_packets:
            raise _damaged(f"it claims {self._found.samples} samples")

    def _descriptions(self, box: _Box) -> None:
        # ISO/IEC 14496-12, 8.12: protected tracks have these sample entries; nobody here has the keys.
        if self._read(box, 16)[12:16] in {b"encv", b"enca", b"drmi", b"drms"}:
            raise refused("source_encrypted", "The file is protected by DRM: it can't be read without its keys.")

    def _run(self, box: _Box) -> None:
        """Count a fragment's samples: a run without per-sample fields takes no bytes for any number of them.

        ISO/IEC 14496-12, 8.8.8: four of the flags each add a field of four bytes to every sample.
        """
        head = self._read(box, 8)
        if len(head) < 8:
            return
        flags, count = struct.unpack(">II", head)
        sample_bytes = 4 * (flags & 0xF00).bit_count()
        if count * sample_bytes > box.end - box.body:
            raise _damaged(f"a fragment claims {count} samples but doesn't list them")
        self._fragment_samples += count
        if self._fragment_samples > min(self._limits.max_packets, self._size_bytes):
            raise _damaged(f"it claims {self._fragment_samples} samples")


def too_many_streams(limits: ProbeLimits) -> Exception:
    """The refusal of a flood of streams."""
    return refused("source_too_many_streams", f"The file has more than {limits.max_streams} streams.")


def _damaged(what: str) -> Exception:
    return refused("source_damaged", f"The file is damaged: {what}. Re-export it from where it was made.")


def _external(what: str) -> Exception:
    return refused(
        "source_external_reference",
        f"The file points to other files: {what}. Export a self-contained file and upload that.",
    )
