"""Stage `remux`: a conformant source's own picture as segments, without encoding."""

from dataclasses import dataclass
from pathlib import Path
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

    def commands(self, ffmpeg: Path, source: Path) -> list[list[str]]:
        """The one command line of `run`; the track goes to a pipe at descriptor 3."""
        return [command(ffmpeg, video_input(self.cut, source, decode=False), copy_args(self.cut, "pipe:3"))]

    def run(self, work: Work) -> dict[str, Any]:
        """Copy packets into segments; nothing of the picture is touched."""
        writer = tracks.video_writer(work.output / self.track, self.cut, copy=True)
        [line] = self.commands(work.ffmpeg, work.path("source"))
        frames = self.cut.frames
        tracks.make(
            line,
            {3: writer},
            on_line=work.log,
            on_progress=lambda r: work.progress(min(1.0, (r.frame or 0) / frames), frame=r.frame, speed=r.speed),
        )
        return {"tracks": {self.track: writer.facts()}, "warnings": []}
