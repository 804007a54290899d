"""Writing CMAF segments: one file per segment, one moof and mdat per group of pictures in it."""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from vidcompute.media.cmaf.boxes import make, make_full
from vidcompute.media.cmaf.init import TRACK_ID
from vidcompute.media.cmaf.reader import Sample

SYNC_FLAGS = 0x02000000  # depends on no other sample (14496-12, 8.6.4 and 8.8.3.1)
OTHER_FLAGS = 0x01010000  # depends on others, and is no sync sample

_STYP = make(b"styp", b"msdh", bytes(4), b"msdh", b"cmfs", b"iso6")


@dataclass(frozen=True)
class KeyframeRange:
    """Where a keyframe lies in its segment's file: from its moof's first byte to the keyframe's last.

    `time` and `duration` are ticks: when it is shown, and how long until the next keyframe that has a range.
    """

    byte_offset: int
    byte_length: int
    time: int
    duration: int


@dataclass(frozen=True)
class SegmentInfo:
    """One written segment. `number` counts in the whole asset; `start` and `duration` are ticks; `sha256` is hex."""

    number: int
    start: int
    duration: int
    size_bytes: int
    frames: int
    sha256: str
    keyframes: tuple[KeyframeRange, ...] = ()

    @property
    def end(self) -> int:
        """The tick at which the next segment begins."""
        return self.start + self.duration

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a keyframe is `[byte_offset, byte_length, time, duration]`."""
        return {
            **asdict(self),
            "keyframes": [[k.byte_offset, k.byte_length, k.time, k.duration] for k in self.keyframes],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "SegmentInfo":
        """The inverse of `to_json`."""
        return cls(**{**data, "keyframes": tuple(KeyframeRange(*k) for k in data["keyframes"])})


class Segment(NamedTuple):
    """A segment's file and its description."""

    data: bytes
    info: SegmentInfo


def write_segment(
    samples: Sequence[Sample],
    *,
    sequence: int,
    decode_time: int,
    chunk_starts: Iterable[int] = (0,),
    track_id: int = TRACK_ID,
) -> bytes:
    """The bytes of a segment: `styp`, then one moof and mdat for each chunk.

    `samples` are in decode order; their own `dts` is not looked at: the first is decoded at `decode_time`, and each
    lasts its `duration` (ticks). `chunk_starts` are indices of samples, ascending from 0. `sequence` is the number
    of the first moof; the others count up. Composition offsets may be negative (`trun` version 1).
    """
    return write_with_info(
        samples,
        number=0,
        sequence=sequence,
        decode_time=decode_time,
        chunk_starts=chunk_starts,
        track_id=track_id,
    ).data


def _chunks(
    samples: Sequence[Sample], sequence: int, decode_time: int, chunk_starts: Iterable[int], track_id: int
) -> list[tuple[bytes, Sequence[Sample]]]:
    made = []
    for index, (start, end) in enumerate(pairwise((*chunk_starts, len(samples)))):
        chunk = samples[start:end]
        made.append((_moof(chunk, sequence + index, decode_time, track_id), chunk))
        decode_time += sum(s.duration for s in chunk)
    return made


def write_with_info(
    samples: Sequence[Sample],
    *,
    number: int,
    sequence: int,
    decode_time: int,
    chunk_starts: Iterable[int] = (0,),
    track_id: int = TRACK_ID,
    keyframe_ranges: bool = True,
    composition_delay: int = 0,
) -> Segment:
    """`write_segment`, and the segment's description with the byte range of each chunk's first sample.

    `composition_delay` is what the header's edit list takes off all composition times (ticks).
    """
    chunks = _chunks(samples, sequence, decode_time, chunk_starts, track_id)
    parts, offset, time = [_STYP], len(_STYP), decode_time
    ranges = []
    for moof, chunk in chunks:
        mdat = make(b"mdat", *(s.data for s in chunk))
        duration = sum(s.duration for s in chunk)
        header = len(mdat) - sum(len(s.data) for s in chunk)
        first = len(moof) + header + len(chunk[0].data)
        ranges.append(KeyframeRange(offset, first, time + chunk[0].composition_offset - composition_delay, duration))
        parts += (moof, mdat)
        offset += len(moof) + len(mdat)
        time += duration
    data = b"".join(parts)
    return Segment(
        data,
        SegmentInfo(
            number=number,
            start=decode_time,
            duration=time - decode_time,
            size_bytes=len(data),
            frames=len(samples),
            sha256=hashlib.sha256(data).hexdigest(),
            keyframes=tuple(ranges) if keyframe_ranges else (),
        ),
    )


def _moof(chunk: Sequence[Sample], sequence: int, decode_time: int, track_id: int) -> bytes:
    """The header of one chunk. Its data offset is known only when its own length is, so it is made twice."""
    mfhd = make_full(b"mfhd", 0, 0, struct.pack(">I", sequence))
    tfdt = make_full(b"tfdt", 1, 0, struct.pack(">Q", decode_time))
    mdat_header = 8 if sum(len(s.data) for s in chunk) + 8 < 1 << 32 else 16
    tfhd, run = _headers(chunk, track_id)
    length = len(make(b"moof", mfhd, make(b"traf", tfhd, tfdt, run(0))))
    return make(b"moof", mfhd, make(b"traf", tfhd, tfdt, run(length + mdat_header)))


class _Run(NamedTuple):
    """A `trun` that lacks only its data offset."""

    flags: int
    samples: int
    first_flags: bytes
    rows: bytes

    def __call__(self, data_offset: int) -> bytes:
        head = struct.pack(">Ii", self.samples, data_offset)
        return make_full(b"trun", 1, self.flags, head, self.first_flags, self.rows)


def _headers(chunk: Sequence[Sample], track_id: int) -> tuple[bytes, _Run]:
    """`tfhd` with the values that all samples share, and `trun` with the others (14496-12, 8.8.7 and 8.8.8)."""
    durations = [s.duration for s in chunk]
    flags = [SYNC_FLAGS if s.sync else OTHER_FLAGS for s in chunk]
    offsets = [s.composition_offset for s in chunk]
    steady = len(set(durations)) == 1
    present = 0x1 | 0x200 | (0 if steady else 0x100) | (0x800 if any(offsets) else 0)
    first_flags = b""
    if len(set(flags[1:])) > 1:
        present |= 0x400
    elif flags[0] != flags[-1]:
        present |= 0x4
        first_flags = struct.pack(">I", flags[0])
    columns: list[list[int]] = [[len(s.data) for s in chunk]]
    form = "I"
    if not steady:
        columns.insert(0, durations)
        form = "II"
    if present & 0x400:
        columns.append(flags)
        form += "I"
    if present & 0x800:
        columns.append(offsets)
        form += "i"
    row = struct.Struct(">" + form)
    rows = b"".join(row.pack(*values) for values in zip(*columns, strict=True))
    tfhd_flags = 0x20000 | 0x8 | 0x20
    tfhd = make_full(b"tfhd", 0, tfhd_flags, struct.pack(">3I", track_id, durations[0], flags[-1]))
    return tfhd, _Run(present, len(chunk), first_flags, rows)
