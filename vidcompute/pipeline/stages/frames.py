"""Stage `frames`: still images of a video in a ZIP that can be read while it grows."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from vidcompute.media.facts import SourceFacts, from_json
from vidcompute.pipeline.spec import FramePick
from vidcompute.pipeline.stage import SHORT_CPU, Work
from vidcompute.ports.executor import Needs

if TYPE_CHECKING:
    from vidcompute.media.decode import PacketIndex, VideoReader

ZIP_NAME = "frames.zip"
LIST_NAME = "frames.json"
_FINEST = 1_000_000  # rates and times are taken as the fractions that people mean by their decimals


@dataclass(frozen=True)
class Frames:
    """Options: those of the output `frames` in pipeline/spec.py; `threshold` is that of scene cuts.

    `threads` decode, and as many make pictures of what they decoded.
    """

    pick: str = FramePick.RATE.value
    every: int = 1
    rate: float = 1.0
    times: tuple[float, ...] = ()
    start: float = 0.0
    end: float | None = None
    width: int | None = None
    height: int | None = None
    format: str = "jpeg"
    quality: int = 85
    threshold: float = 0.9
    threads: int = 2

    name: ClassVar[str] = "frames"
    version: ClassVar[int] = 2

    def needs(self) -> Needs:
        """Decoding beside encoding; one thread is what a short source gets."""
        return Needs(cpu=self.threads if self.threads > 1 else SHORT_CPU, memory_bytes=1024 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Writes frames.zip and frames.json.

        Returns `count`, `width`, `height`, `format`, `size_bytes` and `files`. Raises `no_video`, `frames_none`,
        `frame_unreadable`.
        """
        from vidcompute.media import frames, images
        from vidcompute.media.decode import VideoReader

        source = from_json(dict(work.facts("probe")[0]))
        with VideoReader(work.path("source"), source, threads=self.threads) as reader:
            index = reader.index()
            if not index.shown:
                raise frames.nothing_decoded()
            wanted = self._wanted(work, source, reader, index)
            if not wanted:
                raise frames.nothing_wanted()
            shape = images.shape(images.display_size(reader.video), self.width, self.height)
            still = frames.Still(self.format, self.quality, shape)
            archive = frames.FrameArchive(work.output / ZIP_NAME, still, frames.describe(source, reader.video))
            renderer = images.Renderer(reader.video, shape)
            for pts, data in frames.encoded(reader.decode(index.runs(wanted)), renderer, still, self.threads):
                time_ms = reader.time_ms(pts)
                archive.add(index.number(pts), time_ms, pts, data)
                self._report(work, archive.count, len(wanted), time_ms)
        if archive.count == 0:
            raise frames.nothing_decoded()
        size_bytes = archive.close(work.output / LIST_NAME)
        return {
            "count": archive.count,
            "width": shape.width,
            "height": shape.height,
            "format": self.format,
            "size_bytes": size_bytes,
            "files": [ZIP_NAME, LIST_NAME],
        }

    def _report(self, work: Work, done: int, total: int, time_ms: int) -> None:
        looked = self._looking_share()
        work.progress(looked + (1 - looked) * min(1.0, done / total), frame=done, media_time_ms=time_ms)

    def _looking_share(self) -> float:
        return 0.8 if self.pick == FramePick.SCENES else 0.0

    def _wanted(self, work: Work, source: SourceFacts, reader: "VideoReader", index: "PacketIndex") -> list[int]:
        from vidcompute.media import frames

        start_s = _fraction(self.start)
        within = frames.reach(reader, start_s, None if self.end is None else _fraction(self.end))
        match FramePick(self.pick):
            case FramePick.ALL:
                return frames.every(index, within, 1)
            case FramePick.EVERY:
                return frames.every(index, within, self.every)
            case FramePick.RATE:
                return frames.at_rate(index, reader, within, start_s, _fraction(self.rate))
            case FramePick.KEYFRAMES:
                return frames.keyframes(index, reader.video, within)
            case FramePick.TIMES:
                return frames.at_times(index, reader, within, map(_fraction, self.times))
            case FramePick.SCENES:
                return self._scenes(work, source, index, within)

    def _scenes(self, work: Work, source: SourceFacts, index: "PacketIndex", within: Any) -> list[int]:
        from vidcompute.media import frames
        from vidcompute.media.decode import VideoReader

        total = max(1, len(within.of(index.shown)))

        def report(seen: int) -> None:
            work.progress(self._looking_share() * min(1.0, seen / total))

        with VideoReader(work.path("source"), source, threads=self.threads, light=True) as reader:
            return frames.scene_starts(reader, index, within, self.threshold, report)


def _fraction(number: float) -> Fraction:
    return Fraction(number).limit_denominator(_FINEST)
