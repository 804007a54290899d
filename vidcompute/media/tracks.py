"""Tracks on disk: what ffmpeg writes into pipes becomes an init segment and numbered media segments."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidcompute.media.cmaf import (
    CutStream,
    Cutter,
    InitSegment,
    Sample,
    Segment,
    SegmentCutter,
    SegmentInfo,
    SegmentPlan,
)
from vidcompute.media.encode import COPY_SHIFT_S, VideoCut
from vidcompute.media.progress import FfmpegProgress
from vidcompute.media.run import Completed, start
from vidcompute.media.timeline import RateRule

INIT_NAME = "init.mp4"


def segment_name(number: int) -> str:
    """The file name of a media segment."""
    return f"{number}.m4s"


def video_writer(
    folder: Path,
    cut: VideoCut,
    *,
    codec: str = "h264",
    copy: bool = False,
    on_segment: Callable[[SegmentInfo], None] | None = None,
) -> "TrackWriter":
    """The writer that holds an encode (or a copy) of this stretch to its promise."""
    delay = 0 if codec == "av1" else cut.delay_ticks  # AV1 hides its reordering inside of its frames
    cutter = SegmentCutter(
        cut.timescale,
        _plans(cut),
        first_number=cut.first_segment,
        start_time=cut.start_ticks,
        frame_duration=None if cut.rule == RateRule.VARIABLE else cut.frame_ticks,
        composition_delay=delay,
    )
    return TrackWriter(folder, CopiedVideo(cut, cutter) if copy else cutter, delay_ticks=delay, on_segment=on_segment)


def _plans(cut: VideoCut) -> Iterator[SegmentPlan]:
    for gops in cut.gops[:-1]:
        yield SegmentPlan(frames=sum(gops))
    yield SegmentPlan(frames=sum(cut.gops[-1]), end=cut.end_ticks)


class CopiedVideo:
    """Takes exactly the promised frames out of a copy that begins a key frame early or ends a few frames late."""

    def __init__(self, cut: VideoCut, cutter: SegmentCutter) -> None:
        self._cutter = cutter
        self._left = cut.frames
        start = COPY_SHIFT_S * cut.timescale + cut.start_ticks
        self._begin = start - round(cut.timescale / cut.frame_rate / 2)

    @property
    def timescale(self) -> int:
        """Ticks a second."""
        return self._cutter.timescale

    def push(self, sample: Sample) -> Iterator[Segment]:
        """Take the next frame in decode order."""
        if sample.pts >= self._begin and self._left:
            self._left -= 1
            yield from self._cutter.push(sample)

    def finish(self) -> Iterator[Segment]:
        """Say that no more frames come."""
        return self._cutter.finish()


class TrackWriter:
    """Writes one track into a folder, from bytes of fragmented MP4 that arrive in pieces; see also `video_writer`.

    A file appears under its name only when it is whole, so that others may read while the track grows.
    """

    def __init__(
        self,
        folder: Path,
        cutter: Cutter,
        *,
        delay_ticks: int = 0,
        on_segment: Callable[[SegmentInfo], None] | None = None,
    ) -> None:
        self.name = folder.name
        self._folder = folder
        self._stream = CutStream(cutter)
        self._delay_ticks = delay_ticks
        self._on_segment = on_segment
        self._init: InitSegment | None = None
        self._segments: list[SegmentInfo] = []
        folder.mkdir(parents=True, exist_ok=True)

    def feed(self, data: bytes) -> None:
        """Take more of the encoder's output. Raises encode_mismatch or container_invalid."""
        for item in self._stream.feed(data):
            if isinstance(item, InitSegment):
                self._init = item
                self._write(INIT_NAME, item.to_bytes(self._delay_ticks))
            else:
                self._take(item)

    def finish(self) -> None:
        """The encoder ended well: write the last segment. Raises encode_mismatch when something is missing."""
        for segment in self._stream.finish():
            self._take(segment)

    def facts(self) -> dict[str, Any]:
        """What was written: the codec, the clock, and every segment."""
        if self._init is None:
            return {}
        return {
            "codec": self._init.codec_string,
            "timescale": self._init.timescale,
            "width": self._init.width,
            "height": self._init.height,
            "video_range": self._init.video_range,
            "channels": self._init.channels,
            "segments": [s.to_json() for s in self._segments],
        }

    def _take(self, segment: Segment) -> None:
        self._write(segment_name(segment.info.number), segment.data)
        self._segments.append(segment.info)
        if self._on_segment is not None:
            self._on_segment(segment.info)

    def _write(self, name: str, data: bytes) -> None:
        temporary = self._folder / f".{name}"
        temporary.write_bytes(data)
        temporary.rename(self._folder / name)


def make(
    command: Sequence[str],
    writers: Mapping[int, TrackWriter],
    *,
    on_progress: Callable[[FfmpegProgress], None] | None = None,
    on_line: Callable[[str], None] | None = None,
    idle_timeout_s: float = 300,
) -> Completed:
    """Run ffmpeg and write each of its outputs, by descriptor number, as a track.

    Raises what `media.run.run` raises, and encode_mismatch when a track is not what was promised.
    """
    with start(
        command, outputs=tuple(writers), on_progress=on_progress, on_line=on_line, idle_timeout_s=idle_timeout_s
    ) as running:
        for number, piece in running.chunks():
            if piece:
                writers[number].feed(piece)
        done = running.wait()
    for writer in writers.values():
        writer.finish()
    return done


def join(track: str, folders: Sequence[Path], facts: Sequence[Mapping[str, Any]], scratch: Path) -> Path:
    """One file with a track's init segment and all its segments, which lie in several artifacts in order of time."""
    target = scratch / f"{track}.mp4"
    with target.open("wb") as joined:
        for place, (folder, described) in enumerate(zip(folders, facts, strict=True)):
            numbers = [segment["number"] for segment in described["tracks"][track]["segments"]]
            names = ([INIT_NAME] if place == 0 else []) + [segment_name(number) for number in numbers]
            for name in names:
                with (folder / track / name).open("rb") as part:
                    shutil.copyfileobj(part, joined, 1 << 20)
    return target
