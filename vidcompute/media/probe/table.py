"""Timelines out of an MP4's own index, so that a long file is not read to its end.

The demuxer's index has decoding times with edit lists applied; composition offsets (ctts, ISO/IEC 14496-12, 8.6.1.3)
make presentation times of them. That the two fit is checked on the packets that are read at the beginning, and on some
sync samples; where they don't, all packets must be read.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.index import IndexEntries
from av.stream import Stream

from vidcompute.media.probe.limits import Budget
from vidcompute.media.probe.scan import AudioReader, VideoReader, only
from vidcompute.media.probe.structure import Structure
from vidcompute.media.probe.timeline import HOLE, Flags, Ticks

_SYNC_SAMPLES_CHECKED = 6
_AUDIO_ENTRIES_CHECKED = 64
# Sound whose packets all last equally long.
EVEN_AUDIO = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "mp2"))


@dataclass(frozen=True)
class VideoTable:
    """The index of one video stream: its presented packets in decode order; the last-shown frame's own duration."""

    dts: Ticks
    pts: Ticks
    keys: Flags
    size_bytes: int
    last_duration: int


def video_table(reader: VideoReader, path: Path, structure: Structure, size_bytes: int) -> VideoTable | None:
    """The index as presented packets; None where it doesn't fit the packets that were read."""
    stream = reader.stream
    entries = stream.index_entries[:]
    # What lies beyond the end of a file that is cut short isn't there.
    if structure.missing_bytes:
        entries = [entry for entry in entries if entry.pos + entry.size <= size_bytes]
    count = len(entries)
    offsets = _composition_offsets(path, structure.offsets.get(stream.id), count)
    if count < 2 or offsets is None:
        return None
    dts = np.array([entry.timestamp for entry in entries], dtype=np.int64)
    flags = np.array([entry.flags for entry in entries], dtype=np.int64)
    shift = _shift(reader, dts, offsets)
    if shift is None or bool((np.diff(dts) < 0).any()):
        return None
    pts = dts + offsets + shift
    shown = flags & 2 == 0  # AVINDEX_DISCARD_FRAME
    durations = np.diff(dts, append=dts[0] + max(stream.duration or 0, 0))
    last = int(np.argmax(np.where(shown, pts, np.iinfo(np.int64).min)))
    return VideoTable(
        dts=dts[shown],
        pts=pts[shown],
        keys=(flags[shown] & 1) == 1,  # AVINDEX_KEYFRAME
        size_bytes=sum([entry.size for entry in entries]),
        last_duration=max(int(durations[last]), 0),
    )


def _composition_offsets(path: Path, place: tuple[int, int] | None, count: int) -> Ticks | None:
    """One offset per sample; None where the table has fewer than `count`, or claims more than a file can hold."""
    if place is None:
        return np.zeros(count, dtype=np.int64)
    runs = np.fromfile(path, dtype=">i4", count=place[1] * 2, offset=place[0]).reshape(-1, 2).astype(np.int64)
    lengths = np.clip(runs[:, 0], 0, count)
    used = int(np.searchsorted(np.cumsum(lengths), count)) + 1
    spread = np.repeat(runs[:used, 1], lengths[:used])[:count]
    return spread if len(spread) == count else None


def _shift(reader: VideoReader, dts: Ticks, offsets: Ticks) -> int | None:
    """What the demuxer adds to each presentation time; None where it isn't the same for all packets that were read."""
    read_dts, read_pts = np.array(reader.rows.dts, dtype=np.int64), np.array(reader.rows.pts, dtype=np.int64)
    at = np.searchsorted(dts, read_dts)
    if not len(at) or int(at.max()) >= len(dts) or bool((dts[at] != read_dts).any()):
        return None
    shifts = np.unique(read_pts - read_dts - offsets[at])
    return int(shifts[0]) if len(shifts) == 1 else None


def holds(container: InputContainer, reader: VideoReader, table: VideoTable, budget: Budget) -> bool:
    """Whether some sync samples, spread over the file, are where the table says; the reader notes their kind."""
    only(container, [reader])
    sync = np.flatnonzero(table.keys)
    last = len(sync) - 1
    spread = {1, 2, *np.linspace(0, max(last, 0), _SYNC_SAMPLES_CHECKED, dtype=int).tolist()}
    for number in sorted(spread & set(range(1, last + 1))):
        dts, pts = int(table.dts[sync[number]]), int(table.pts[sync[number]])
        try:
            container.seek(pts, stream=reader.stream, backward=True)
            packet = next(iter(container.demux(reader.stream)), None)
        except (av.error.FFmpegError, ValueError):
            return False
        if packet is None or packet.dts != dts or packet.pts != pts or not packet.is_keyframe:
            return False
        budget.spend(packet.pos)
        reader.inspect_key(memoryview(packet))
    return True


@dataclass(frozen=True)
class AudioTable:
    """The index of one audio stream: where its last packet ends, in ticks, and whether there is no hole before."""

    end_pts: int
    gapless: bool = True


def audio_table(reader: AudioReader, size_bytes: int) -> AudioTable | None:
    """The index as sound without holes; None where it can't be told without reading all packets."""
    stream: AudioStream = reader.stream
    codec = stream.codec_context.codec.canonical_name
    entries, count, time_base = stream.index_entries, len(stream.index_entries), stream.time_base
    if count < 2 or time_base is None or reader.first is None or _beyond(stream, size_bytes):
        return None
    first, last = entries[0].timestamp, entries[count - 1].timestamp
    pcm = codec.startswith("pcm_")
    if not pcm and codec not in EVEN_AUDIO:
        return None
    step = entries[1].timestamp - first
    if pcm:
        return AudioTable(_audio_end(stream, last, time_base))
    return AudioTable(_audio_end(stream, last + step, time_base), _even(entries, step, float(HOLE / time_base)))


def _even(entries: IndexEntries, step: int, hole: float) -> bool:
    """Whether packets that last `step` each follow each other; some tell, unless they stray."""
    first = entries[0].timestamp
    some = np.linspace(0, len(entries) - 1, _AUDIO_ENTRIES_CHECKED, dtype=int).tolist()
    if all(abs(entries[number].timestamp - first - number * step) <= hole for number in some):
        return True
    times = np.array([entry.timestamp for entry in entries[:]], dtype=np.int64)
    return bool((np.diff(times) - step <= hole).all())


def _beyond(stream: Stream, size_bytes: int) -> bool:
    entry = stream.index_entries[len(stream.index_entries) - 1]
    return entry.pos + entry.size > size_bytes


def _audio_end(stream: AudioStream, end: int, time_base: Fraction) -> int:
    """The last packet's end, or the track's declared one where that takes off the encoder's padding."""
    declared = (stream.start_time or 0) + (stream.duration or 0)
    return declared if 0 <= end - declared < Fraction(1, 4) / time_base or declared > end else end
