"""Stage `audio_file`: the sound alone as an M4A."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media import tracks
from vidcompute.media.encode import join_command
from vidcompute.media.run import run
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

FILE_NAME = "audio.m4a"


@dataclass(frozen=True)
class AudioFile:
    """Options: the track's name."""

    track: str

    name: ClassVar[str] = "audio_file"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """Mostly reading and writing."""
        return Needs(cpu=0.5, memory_bytes=128 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Join the track's segments, then copy their packets into one file."""
        joined = tracks.join(self.track, work.paths("audio"), work.facts("audio"), work.scratch)
        target = work.output / FILE_NAME
        run(join_command(work.ffmpeg, [joined], target), timeout_s=3600, idle_timeout_s=300, on_line=work.log)
        return {"files": [FILE_NAME], "size_bytes": target.stat().st_size}
