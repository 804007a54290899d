"""Stage `mp4`: a progressive MP4 of the ladder's own frames, with its index in front."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media import tracks
from vidcompute.media.encode import join_command
from vidcompute.media.run import run
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

FILE_NAME = "video.mp4"


@dataclass(frozen=True)
class ProgressiveMp4:
    """Options: the names of the tracks to put together."""

    video: str
    audio: str | None

    name: ClassVar[str] = "mp4"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """Mostly reading and writing."""
        return Needs(cpu=0.5, memory_bytes=256 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Join segments, then copy their packets into one file."""
        parts = [tracks.join(self.video, work.paths("video"), work.facts("video"), work.scratch)]
        if self.audio:
            parts.append(tracks.join(self.audio, work.paths("audio"), work.facts("audio"), work.scratch))
        target = work.output / FILE_NAME
        frames = sum(s["frames"] for facts in work.facts("video") for s in facts["tracks"][self.video]["segments"])
        run(
            join_command(work.ffmpeg, parts, target),
            timeout_s=3600,
            idle_timeout_s=300,
            on_line=work.log,
            on_progress=lambda report: work.progress(min(1.0, (report.frame or 0) / frames), frame=report.frame),
        )
        return {"files": [FILE_NAME], "size_bytes": target.stat().st_size, "frames": frames}
