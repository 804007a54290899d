"""Stage `audio`: one sound track, copied or encoded once over its whole length, as segments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.media.audio import AudioCut
from vidcompute.pipeline import making
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class EncodeAudio:
    """Options: the track and its cuts."""

    cut: AudioCut

    name: ClassVar[str] = "audio"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """One core."""
        return Needs(cpu=1 if not self.cut.copy else 0.5, memory_bytes=256 * 2**20)

    def commands(self, ffmpeg: Path, source: Path) -> list[list[str]]:
        """The command lines that `run` begins with; the track goes to a pipe at descriptor 3."""
        return [making.sound_line(self.cut, ffmpeg, source)]

    def run(self, work: Work) -> dict[str, Any]:
        """Make the track; a copy whose packets are not what the container said is encoded instead."""
        return {"tracks": {self.cut.track: making.make_sound(work, self.cut)}, "warnings": []}
