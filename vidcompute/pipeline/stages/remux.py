"""Stage `remux`: a conformant source's own picture as segments, without encoding."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.media.encode import VideoCut
from vidcompute.pipeline import making
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
        return [making.copy_line(self.cut, ffmpeg, source)]

    def run(self, work: Work) -> dict[str, Any]:
        """Copy packets into segments; nothing of the picture is touched."""
        return {"tracks": {self.track: making.copy_picture(work, self.track, self.cut)}, "warnings": []}
