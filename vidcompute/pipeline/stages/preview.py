"""Stage `preview`: a short silent animation of a video's highlights."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.errors import refused
from vidcompute.media.facts import from_json
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

FILE_NAME = "preview.webp"


@dataclass(frozen=True)
class Preview:
    """No options."""

    name: ClassVar[str] = "preview"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """A few seconds of video."""
        return Needs(cpu=1, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Writes preview.webp: about 5 s, 12 frames a second, 320 pixels on the longer side.

        Returns `width`, `height`, `frames`, `duration_ms`, `starts_ms` (where its parts come from), `size_bytes` and
        `files`.
        """
        from vidcompute.media import highlights
        from vidcompute.media.decode import VideoReader

        source = from_json(dict(work.facts("probe")[0]))
        with VideoReader(work.path("source"), source) as reader:
            parts = highlights.runs(reader)
            work.progress(0.3)
            frames = list(highlights.pictures(reader, parts))
        if not frames:
            raise refused("frame_unreadable", "No picture of the video can be decoded for a preview.")
        work.progress(0.6)
        data = highlights.animate(frames)
        (work.output / FILE_NAME).write_bytes(data)
        return {
            "width": frames[0].width,
            "height": frames[0].height,
            "frames": len(frames),
            "duration_ms": round(len(frames) * 1000 / highlights.FRAMES_PER_SECOND),
            "starts_ms": [round(start * 1000) for start, _ in parts],
            "size_bytes": len(data),
            "files": [FILE_NAME],
        }
