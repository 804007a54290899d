"""Stage `poster`: the picture that stands for an asset."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from vidcompute.media.facts import SourceFacts, from_json
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

FILE_NAME = "poster.jpg"
WIDTH_MAX = 1920
QUALITY = 85


@dataclass(frozen=True)
class Poster:
    """Option: `time_s`, seconds from the start, or None for 2 s (the middle of what is shorter), black avoided."""

    time_s: float | None = None

    name: ClassVar[str] = "poster"
    version: ClassVar[int] = 1
    timeout_s: ClassVar[float] = 1800.0  # hours of video take seconds

    def needs(self) -> Needs:
        """One picture."""
        return Needs(cpu=1, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Writes poster.jpg: the video's picture, or the waveform of what has sound alone.

        Returns `time_ms`, `width`, `height`, `size_bytes`, `files`, and `kind`: "frame" or "waveform".
        """
        source = from_json(dict(work.facts("probe")[0]))
        made = self._waveform(work, source) if source.video is None else self._frame(work, source)
        return {**made, "files": [FILE_NAME], "size_bytes": (work.output / FILE_NAME).stat().st_size}

    def _frame(self, work: Work, source: SourceFacts) -> dict[str, Any]:
        from vidcompute.media import images, poster
        from vidcompute.media.decode import VideoReader

        with VideoReader(work.path("source"), source) as reader:
            if self.time_s is None:
                picture = poster.PosterChooser(reader).choose(poster.usual_time(reader.video.duration))
            else:
                picture = reader.at(reader.ticks(Fraction(self.time_s).limit_denominator(1_000_000)))
            shape = images.shape(images.display_size(reader.video), WIDTH_MAX, None)
            image = images.Renderer(reader.video, shape).image(picture.frame)
            time_ms = max(0, reader.time_ms(picture.pts))
        (work.output / FILE_NAME).write_bytes(images.encode(image, "jpeg", QUALITY, small=True))
        return {"kind": "frame", "time_ms": time_ms, "width": shape.width, "height": shape.height}

    def _waveform(self, work: Work, source: SourceFacts) -> dict[str, Any]:
        from vidcompute.media import images, waveform

        image = waveform.draw(waveform.levels(work.path("source"), source))
        (work.output / FILE_NAME).write_bytes(images.encode(image, "jpeg", QUALITY, small=True))
        return {"kind": "waveform", "time_ms": 0, "width": image.width, "height": image.height}
