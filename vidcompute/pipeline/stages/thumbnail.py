"""Stage `thumbnail`: the picture at any time, in any size, for somebody who waits."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from vidcompute.media.facts import from_json
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_THREADS = 4


@dataclass(frozen=True)
class Thumbnail:
    """Options: `time_s` from the start, a box in pixels, how to fit it (see media.images.Fit), and the file's format.

    `fit` is "preserve", "cover" or "fill"; `format` "jpeg", "png" or "webp"; `quality` 1 to 100.
    """

    time_s: float
    width: int | None = None
    height: int | None = None
    fit: str = "preserve"
    format: str = "jpeg"
    quality: int = 80

    name: ClassVar[str] = "thumbnail"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """One picture, at once."""
        return Needs(cpu=1, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Writes thumbnail.jpg, .png or .webp: the frame on screen at that time, the last one behind the end.

        Returns `time_ms` (when that frame appears), `width`, `height`, `size_bytes` and `files`. Raises `no_video`,
        `frame_unreadable`.
        """
        from vidcompute.media import images
        from vidcompute.media.decode import VideoReader

        source = from_json(dict(work.facts("probe")[0]))
        with VideoReader(work.path("source"), source, threads=_THREADS) as reader:
            picture = reader.at(reader.ticks(Fraction(self.time_s).limit_denominator(1_000_000)))
            display = images.display_size(reader.video)
            shape = images.shape(display, self.width, self.height, images.Fit(self.fit))
            image = images.Renderer(reader.video, shape).image(picture.frame)
            time_ms = max(0, reader.time_ms(picture.pts))
        data = images.encode(image, self.format, self.quality)
        file_name = f"thumbnail.{images.suffix(self.format)}"
        (work.output / file_name).write_bytes(data)
        return {
            "time_ms": time_ms,
            "width": shape.width,
            "height": shape.height,
            "size_bytes": len(data),
            "files": [file_name],
        }
