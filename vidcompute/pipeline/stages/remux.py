"""Stage `remux`: a conformant source's own picture as segments, without encoding."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media import tracks
from vidcompute.media.encode import VideoCut, command, copy_args, video_input
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Remux:
    """Options: the track's name and the stretch, which is the whole source."""

    track: str
    cut: VideoCut

    name: ClassVar[str] = "remux"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """Mostly reading and writing."""
        return Needs(cpu=0.5, memory_bytes=256 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Copy packets into segments; nothing of the picture is touched."""
        writer = tracks.video_writer(work.output / self.track, self.cut, copy=True)
        line = command(
            work.ffmpeg, video_input(self.cut, work.path("source"), decode=False), copy_args(self.cut, "pipe:3")
        )
        frames = self.cut.frames
        tracks.make(
            line,
            {3: writer},
            on_line=work.log,
            on_progress=lambda r: work.progress(min(1.0, (r.frame or 0) / frames), frame=r.frame, speed=r.speed),
        )
        return {"tracks": {self.track: writer.facts()}, "warnings": []}
