"""Reading fragmented MP4: as it arrives from an encoder, or whole for checks. ISO/IEC 14496-12, 8.8."""

import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vidcompute.media.cmaf.boxes import Box, boxes, child, container_invalid, read_header, unpack
from vidcompute.media.cmaf.init import Defaults, InitSegment

MAX_HEADER_BYTES = 64 * 2**20  # a moof of twelve hours in one fragment stays below this
MAX_SAMPLE_BYTES = 256 * 2**20
MAX_SAMPLES_PER_FRAGMENT = 1 << 20

NON_SYNC = 0x00010000  # sample_is_non_sync_sample, in sample flags (14496-12, 8.8.3.1)

Data = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded frame. Times are ticks of the track's timescale; `dts` is absolute, from `tfdt`."""

    duration: int
    size: int
    sync: bool
    composition_offset: int
    data: bytes | memoryview
    dts: int

    @property
    def pts(self) -> int:
        """When it is shown, before any edit list."""
        return self.dts + self.composition_offset


@dataclass(frozen=True, slots=True)
class ScannedSample:
    """One sample as a fragment describes it; `offset` is where its bytes begin. Times are ticks."""

    dts: int
    pts: int
    duration: int
    sync: bool
    size: int
    offset: int
    track_id: int = 1


@dataclass(frozen=True)
class Scan:
    """A fragmented file or segment: its header if it has one, its samples in file order, and what `styp` names.

    `fragments` has, for each moof, its byte offset and the index of its first sample.
    """

    init: InitSegment | None
    samples: tuple[ScannedSample, ...]
    fragments: tuple[tuple[int, int], ...]
    brands: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Defaults:
    track_id: int
    base: int | None
    duration: int
    size: int
    flags: int


_TFHD_FIELDS = ((0x1, "Q"), (0x2, "I"), (0x8, "I"), (0x10, "I"), (0x20, "I"))
_TRUN_FIELDS = (0x100, 0x200, 0x400, 0x800)  # duration, size, flags, composition offset


def _read_tfhd(data: Data, tfhd: Box, trex: Defaults) -> tuple[_Defaults, bool]:
    """The defaults of a track fragment, and whether its base is the moof (14496-12, 8.8.7)."""
    head, track_id = unpack(">2I", data, tfhd.body, tfhd.end)
    flags = head & 0xFFFFFF
    present = [bit for bit, _ in _TFHD_FIELDS if flags & bit]
    form = ">" + "".join(code for bit, code in _TFHD_FIELDS if flags & bit)
    values = dict(zip(present, unpack(form, data, tfhd.body + 8, tfhd.end), strict=True))
    defaults = _Defaults(
        track_id,
        values.get(0x1),
        values.get(0x8, trex.duration),
        values.get(0x10, trex.size),
        values.get(0x20, trex.flags),
    )
    return defaults, bool(flags & 0x20000)


def _read_tfdt(data: Data, tfdt: Box) -> int:
    (head,) = unpack(">I", data, tfdt.body, tfdt.end)
    (time,) = unpack(">Q" if head >> 24 == 1 else ">I", data, tfdt.body + 4, tfdt.end)
    return time


def _read_trun(data: Data, trun: Box, defaults: _Defaults) -> tuple[int | None, list[tuple[int, int, int, int]]]:
    """The data offset if the run has one, and (duration, size, flags, composition offset) of each sample (8.8.8)."""
    head, count = unpack(">2I", data, trun.body, trun.end)
    version, flags, place = head >> 24, head & 0xFFFFFF, trun.body + 8
    if count > MAX_SAMPLES_PER_FRAGMENT:
        raise container_invalid(f"A run says that it has {count} samples.")
    data_offset = first_flags = None
    if flags & 0x1:
        (data_offset,) = unpack(">i", data, place, trun.end)
        place += 4
    if flags & 0x4:
        (first_flags,) = unpack(">I", data, place, trun.end)
        place += 4
    codes = ("I", "I", "I", "i" if version else "I")
    form = ">" + "".join(code for bit, code in zip(_TRUN_FIELDS, codes, strict=True) if flags & bit)
    table_size = count * struct.calcsize(form)
    if place + table_size > trun.end:
        raise container_invalid("A run is shorter than its samples.")
    usual = (defaults.duration, defaults.size, defaults.flags, 0)
    table = bytes(data[place : place + table_size])
    rows = _rows(table, form, flags, usual) if table else [usual] * count
    if first_flags is not None and rows:
        duration, size, _, offset = rows[0]
        rows[0] = (duration, size, first_flags, offset)
    return data_offset, rows


def _rows(table: bytes, form: str, flags: int, usual: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    """The rows of a run's table of samples; columns that it does not have are as `usual`."""
    present = [bool(flags & bit) for bit in _TRUN_FIELDS]
    columns = [sum(present[:index]) if there else None for index, there in enumerate(present)]
    rows = []
    for values in struct.iter_unpack(form, table):
        duration, size, own_flags, offset = (
            fallback if column is None else values[column] for column, fallback in zip(columns, usual, strict=True)
        )
        rows.append((duration, size, own_flags, offset))
    return rows


class _FragmentTable:
    """Turns moof boxes into samples, keeping what carries over from one fragment to the next."""

    def __init__(self, init: InitSegment | None) -> None:
        self._init = init
        self._next_dts: dict[int, int] = {}

    def samples(self, data: Data, moof: Box, position: int) -> list[ScannedSample]:
        """The samples of a moof that begins at byte `position` of the stream; offsets are in the stream."""
        found: list[ScannedSample] = []
        implied = position
        for traf in boxes(data, moof.body, moof.end):
            if traf.kind != b"traf":
                continue
            found += self._traf(data, traf, position, implied)
            implied = found[-1].offset + found[-1].size if found else position
            if len(found) > MAX_SAMPLES_PER_FRAGMENT:
                raise container_invalid("A fragment has too many samples.")
        return found

    def _traf(self, data: Data, traf: Box, position: int, implied: int) -> list[ScannedSample]:
        tfhd = child(data, traf, b"tfhd")
        if tfhd is None:
            raise container_invalid("A track fragment lacks its header.")
        trex = self._init.defaults if self._init else Defaults()
        defaults, from_moof = _read_tfhd(data, tfhd, trex)
        base = defaults.base if defaults.base is not None else position if from_moof else implied
        tfdt = child(data, traf, b"tfdt")
        track = defaults.track_id
        dts = self._next_dts.get(track, 0) if tfdt is None else _read_tfdt(data, tfdt)
        offset = base
        found = []
        for trun in boxes(data, traf.body, traf.end):
            if trun.kind != b"trun":
                continue
            data_offset, rows = _read_trun(data, trun, defaults)
            offset = offset if data_offset is None else base + data_offset
            for duration, size, flags, shift in rows:
                found.append(ScannedSample(dts, dts + shift, duration, not flags & NON_SYNC, size, offset, track))
                dts += duration
                offset += size
        self._next_dts[track] = dts
        return found


class FragmentReader:
    """A push parser for one track of fragmented MP4 that arrives in pieces of any size.

    Boxes other than ftyp, moov, moof and mdat are skipped. At most one fragment's header and one sample are held
    back. Raises container_invalid for what is no such file, or has more than one track.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0  # of the buffer's first byte in the stream
        self._skip = 0
        self._table: _FragmentTable | None = None
        self._wanted: deque[ScannedSample] = deque()
        self._mdat_end: int | None = None
        self._in_mdat = False
        self.init: InitSegment | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[InitSegment | Sample]:
        """Take in more bytes; yields the header and then each sample as soon as its bytes are there.

        The iterator is to be exhausted before the next call.
        """
        self._buffer += data
        while True:
            if self._skip:
                self._discard(min(self._skip, len(self._buffer)), skipping=True)
                if self._skip:
                    return
            if self._in_mdat:
                yield from self._take_samples()
                if self._in_mdat:
                    return
                continue
            found = self._next_box()
            if found is None:
                return
            if isinstance(found, InitSegment):
                yield found

    def close(self) -> None:
        """Say that no more bytes come. Raises container_invalid when the file stops in the middle of something."""
        open_ended = self._in_mdat and self._mdat_end is None and not self._wanted
        if (self._buffer or self._skip or self._in_mdat or self._wanted) and not open_ended:
            raise container_invalid("The file stops in the middle of a box.")
        if self.init is None:
            raise container_invalid("There is no moov box.")

    def _discard(self, count: int, *, skipping: bool = False) -> None:
        del self._buffer[:count]
        self._position += count
        if skipping:
            self._skip -= count

    def _next_box(self) -> InitSegment | bool | None:
        """Handle the box at the buffer's start: the header, True for another box, None when more bytes are needed."""
        header = read_header(self._buffer, 0, len(self._buffer))
        if header is None:
            return None
        kind, length, size = header
        if kind == b"mdat":
            self._open_mdat(length, size)
            return True
        if size == 0 or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            raise container_invalid(f"There is no box of type {kind!r} at byte {self._position}.")
        if kind not in {b"moov", b"moof"}:
            self._skip = size
            return True
        if size > MAX_HEADER_BYTES:
            raise container_invalid(f"A box of type {kind!r} says that it has {size} bytes.")
        if len(self._buffer) < size:
            return None
        whole = bytes(self._buffer[:size])
        position = self._position
        self._discard(size)
        return self._header(Box(kind, 0, length, size), whole, position)

    def _header(self, box: Box, whole: bytes, position: int) -> InitSegment | bool:
        if box.kind == b"moov":
            self.init = InitSegment.parse(whole)
            self._table = _FragmentTable(self.init)
            return self.init
        if self._table is None or self.init is None:
            raise container_invalid("A fragment comes before the header.")
        if self._wanted:
            raise container_invalid("A fragment's data is missing.")
        samples = self._table.samples(whole, box, position)
        if any(s.track_id != self.init.track_id for s in samples):
            raise container_invalid("A fragment belongs to a track that the header does not name.")
        if any(b.offset < a.offset + a.size for a, b in pairwise(samples)):
            raise container_invalid("The samples of a fragment do not follow each other.")
        self._wanted = deque(samples)
        return True

    def _open_mdat(self, header: int, size: int) -> None:
        if self._table is None:
            raise container_invalid("Data comes before the header: this is no fragmented file.")
        self._mdat_end = None if size == 0 else self._position + size
        self._in_mdat = True
        self._discard(header)

    def _take_samples(self) -> Iterator[Sample]:
        end = self._mdat_end
        while self._wanted and (end is None or self._wanted[0].offset < end or self._wanted[0].size == 0):
            sample = self._wanted[0]
            self._check_place(sample, end)
            gap = min(sample.offset - self._position, len(self._buffer))
            self._discard(gap)
            if sample.offset > self._position or len(self._buffer) < sample.size:
                return
            data = bytes(self._buffer[: sample.size])
            self._discard(sample.size)
            self._wanted.popleft()
            yield Sample(sample.duration, sample.size, sample.sync, sample.pts - sample.dts, data, sample.dts)
        if end is None:
            self._discard(len(self._buffer))
            return
        self._in_mdat = False
        self._skip = end - self._position

    def _check_place(self, sample: ScannedSample, end: int | None) -> None:
        beyond = end is not None and sample.offset + sample.size > end
        if sample.offset < self._position or beyond or sample.size > MAX_SAMPLE_BYTES:
            raise container_invalid(f"A sample of {sample.size} bytes lies outside the data.")


def scan_segment(data: Data, init: InitSegment | None = None, *, partial: bool = False) -> Scan:
    """What a whole segment or fragmented file describes, without copying its media.

    `init` gives the defaults of a segment that comes without its header. Samples must lie inside an mdat; raises
    container_invalid otherwise. With `partial`, the last mdat may be cut off (an I-frame's byte range).
    """
    samples: list[ScannedSample] = []
    fragments: list[tuple[int, int]] = []
    spans: list[tuple[int, int]] = []
    brands: tuple[str, ...] = ()
    table = _FragmentTable(init)
    for box in boxes(data, cut_off=b"mdat" if partial else None):
        if box.kind == b"moov":
            init = InitSegment.parse(data)
            table = _FragmentTable(init)
        elif box.kind == b"styp":
            body = bytes(data[box.body : box.end])
            names = [body[i : i + 4] for i in range(0, len(body) - 3, 4) if i != 4]
            brands = tuple(dict.fromkeys(name.decode("latin-1") for name in names))
        elif box.kind == b"moof":
            fragments.append((box.start, len(samples)))
            samples += table.samples(data, box, box.start)
        elif box.kind == b"mdat":
            spans.append((box.body, box.end))
    if not partial:
        _check_inside(samples, spans)
    return Scan(init, tuple(samples), tuple(fragments), brands)


def _check_inside(samples: list[ScannedSample], spans: list[tuple[int, int]]) -> None:
    starts = [start for start, _ in spans]
    for sample in samples:
        place = bisect_right(starts, sample.offset) - 1
        if sample.size and (place < 0 or sample.offset + sample.size > spans[place][1]):
            raise container_invalid(f"A sample of {sample.size} bytes lies outside the data.")


def read_file(path: Path, init: InitSegment | None = None) -> Scan:
    """`scan_segment` of a file."""
    return scan_segment(path.read_bytes(), init)
