"""The rows of a Matroska file's streams by its block headers, where those fit what the demuxer gives.

The demuxer reads the beginning, some stretches, and the end; all that it tells of them must be what the headers say.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import av.error
import numpy as np
from av.container import InputContainer

from vidcompute.media.probe.blocks import BlockIndex, Blocks
from vidcompute.media.probe.limits import Budget
from vidcompute.media.probe.nal import ends_superframe, hides, opus_length
from vidcompute.media.probe.scan import MOST_KEYS_INSPECTED, Reader, Rows, VideoReader, only, stretch
from vidcompute.media.probe.table import EVEN_AUDIO
from vidcompute.media.probe.timeline import Flags

_VIDEO_CODECS = frozenset(("vp8", "vp9", "av1", "h264", "hevc"))
_AUDIO_CODECS = EVEN_AUDIO - {"flac"}  # its frames may be of any length
_STRETCHES = 3
_STRETCH_PACKETS = 150
_TAIL_SHARE = 0.25  # of the file: where the end can only be read from before that, nothing is gained
_TAIL_BLOCKS = 100  # of a file without pictures
_KEY_BYTES = 4096


class _Track:
    """One reader's stream: what the block headers say of it, as the demuxer would."""

    def __init__(self, reader: Reader, blocks: Blocks) -> None:
        self.reader = reader
        self.blocks = blocks
        self.pts = blocks.times - (int(blocks.times[0]) - reader.rows.pts[0])  # the codec's delay
        self.tail = Rows()

    def fits(self, rows: Rows, first: int) -> bool:
        """Whether the demuxer's rows are those from the block `first` on."""
        end = first + len(rows.pts)
        return (
            end <= len(self.pts)
            and np.array_equal(self.pts[first:end], np.array(rows.pts, dtype=np.int64))
            and np.array_equal(self.blocks.keys[first:end], rows.key_flags())
            and int(self.blocks.sizes[first:end].sum()) == rows.size_bytes
        )

    def place_of(self, rows: Rows) -> int:
        """The block that rows begin with; beyond the last where there is no such one, or no row."""
        found = np.flatnonzero(self.pts == rows.pts[0]).tolist() if rows.pts else []
        return found[0] if len(found) == 1 else len(self.pts)

    def all_rows(self) -> Rows | None:
        """The rows of the whole stream; None where something that the headers don't tell would count.

        Durations are the demuxer's at the beginning and the end; between, those of sound are all the same.
        """
        head, tail = self.reader.rows, self.tail
        between = len(self.pts) - len(head.pts) - len(tail.pts)
        usual_duration = _even_duration(head, self.blocks, self.reader.codec)
        if between < 0 or usual_duration is None or int(np.argmax(self.pts)) < len(self.pts) - len(tail.pts):
            return None
        return Rows(
            pts=array("q", self.pts.tobytes()),
            dts=array("q", self.pts.tobytes()),
            durations=head.durations + array("q", (usual_duration,)) * between + tail.durations,
            keys=array("b", self.blocks.keys.astype(np.int8).tobytes()),
            size_bytes=int(self.blocks.sizes.sum()),
        )


def _even_duration(head: Rows, blocks: Blocks, codec: str) -> int | None:
    """How long each packet of sound lasts; None where that varies. Of pictures only the last one's counts: 0."""
    if codec in _VIDEO_CODECS:
        return 0
    heads = np.unique(blocks.heads) if codec == "opus" else ()
    lengths = {opus_length(*divmod(int(head), 256)) for head in heads}
    durations = set(head.durations)
    return durations.pop() if len(lengths) <= 1 and len(durations) == 1 else None


def splice(container: InputContainer, readers: Sequence[Reader], index: BlockIndex, budget: Budget) -> bool:
    """Give the readers, which have read the beginning, the rows of the whole file; False where that can't be told."""
    tracks = []
    for reader in readers:
        blocks = _shown(reader, index)
        if blocks is None or not reader.rows.pts or not reader.settled:
            return False
        tracks.append(_Track(reader, blocks))
    if not tracks or not all(track.fits(track.reader.rows, 0) for track in tracks):
        return False
    budget.count(len(index))
    if not _hold(container, tracks, len(index.data), budget):
        return False
    rows = [track.all_rows() for track in tracks]
    for track, whole in zip(tracks, rows, strict=True):
        if whole is None:
            return False
        track.reader.rows = whole
    for track in tracks:
        if isinstance(track.reader, VideoReader):
            _inspect_keys(track.reader, track.blocks, index)
    return True


def _shown(reader: Reader, index: BlockIndex) -> Blocks | None:
    """The blocks of a reader's stream that it would count; None where they can't be told."""
    blocks = index.track(reader.stream.index)
    if blocks is None or reader.codec not in (_VIDEO_CODECS if isinstance(reader, VideoReader) else _AUDIO_CODECS):
        return None
    hiding = [head for head in np.unique(blocks.heads) if hides(reader.codec, *divmod(int(head), 256))]
    away: Flags = np.isin(blocks.heads, hiding)
    for number in np.flatnonzero(away).tolist():
        last = index.data[int(blocks.places[number] + blocks.sizes[number]) - 1]
        away[number] = not ends_superframe(reader.codec, last)
    return blocks.only(~away)


def _hold(container: InputContainer, tracks: Sequence[_Track], size_bytes: int, budget: Budget) -> bool:
    """Whether some stretches, spread over the file, and its end are what the headers say; keeps the end's rows."""
    guide = next((track for track in tracks if isinstance(track.reader, VideoReader)), tracks[0])
    keys = np.flatnonzero(guide.blocks.keys)
    keys = keys if isinstance(guide.reader, VideoReader) else keys[: -min(_TAIL_BLOCKS, len(keys) // 8)]
    if not len(keys) or guide.blocks.places[keys[-1]] < (1 - _TAIL_SHARE) * size_bytes:
        return False
    readers = [track.reader for track in tracks]
    only(container, readers)
    spread = np.linspace(0, len(keys) - 1, _STRETCHES + 2, dtype=int)[1:]
    for number, at in enumerate(spread.tolist(), 1):
        at_end = number == len(spread)
        try:
            container.seek(int(guide.pts[keys[at]]), stream=guide.reader.stream, backward=True)
            found = stretch(container, readers, budget.limits.max_packets if at_end else _STRETCH_PACKETS, budget)
        except (av.error.FFmpegError, ValueError):
            return False
        if not all(_holds(track, found[track.reader.stream.index], at_end=at_end) for track in tracks):
            return False
    return True


def _holds(track: _Track, rows: Rows, *, at_end: bool) -> bool:
    if at_end:
        track.tail = rows
        return bool(rows.pts) and track.fits(rows, len(track.pts) - len(rows.pts))
    return not rows.pts or track.fits(rows, track.place_of(rows))


def _inspect_keys(reader: VideoReader, blocks: Blocks, index: BlockIndex) -> None:
    """Look at the key packets that a reader of all packets would have looked at."""
    places: Any = blocks.places[blocks.keys][reader.keys_inspected : MOST_KEYS_INSPECTED]
    sizes: Any = blocks.sizes[blocks.keys][reader.keys_inspected : MOST_KEYS_INSPECTED]
    for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
        reader.inspect_key(memoryview(index.data[place : place + min(size, _KEY_BYTES)]))
