"""Stage `encode`: one stretch of the source, decoded once, as segments of every rung."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.errors import VidComputeError
from vidcompute.media import tracks
from vidcompute.media.encode import VideoCut, command, encode_args, video_input
from vidcompute.media.ladder import Rung
from vidcompute.media.progress import FfmpegProgress
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_BYTES_PER_PIXEL = 120  # a generous estimate of frames in flight in decoder, scalers and look-ahead
_DAMAGED = "Some frames of the source could not be decoded; their neighbours are shown instead."
_FIRST_PIPE = 3


@dataclass(frozen=True)
class Encode:
    """Options: which frames, for which rungs, with how many encoder threads each (0: as many as there are cores)."""

    cut: VideoCut
    rungs: tuple[Rung, ...]
    threads: int

    name: ClassVar[str] = "encode"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """One core for a chunk among several, all threads otherwise; memory by the largest picture."""
        pixels = max(r.width_px * r.height_px for r in self.rungs)
        return Needs(cpu=max(1, self.threads), memory_bytes=256 * 2**20 + pixels * _BYTES_PER_PIXEL)

    def run(self, work: Work) -> dict[str, Any]:
        """Encode; if the source has frames that can't be decoded, again with their neighbours in their place."""
        try:
            return {"tracks": self._encode(work, fill=False), "warnings": []}
        except VidComputeError as error:
            if error.code != "encode_mismatch":
                raise
            work.log(f"{error.detail} Encoding again with repeated frames where the source has none.", "warning")
        return {"tracks": self._encode(work, fill=True), "warnings": [_DAMAGED]}

    def commands(self, ffmpeg: Path, source: Path) -> list[list[str]]:
        """The command lines that `run` begins with; each rung goes to a pipe of its own, from descriptor 3 on."""
        return [self._line(ffmpeg, source, fill=False)]

    def _line(self, ffmpeg: Path, source: Path, *, fill: bool) -> list[str]:
        outputs = [(rung, f"pipe:{_FIRST_PIPE + n}") for n, rung in enumerate(self.rungs)]
        encoding = encode_args(self.cut, outputs, fill=fill, threads=self.threads)
        return command(ffmpeg, video_input(self.cut, source), encoding)

    def _encode(self, work: Work, *, fill: bool) -> dict[str, Any]:
        writers = {
            _FIRST_PIPE + n: tracks.video_writer(work.output / rung.name, self.cut, codec=rung.codec)
            for n, rung in enumerate(self.rungs)
        }
        line = self._line(work.ffmpeg, work.path("source"), fill=fill)
        tracks.make(line, writers, on_line=work.log, on_progress=lambda report: self._tell(work, report))
        return {writer.name: writer.facts() for writer in writers.values()}

    def _tell(self, work: Work, report: FfmpegProgress) -> None:
        frame = report.frame or 0
        work.progress(
            min(1.0, frame / self.cut.frames),
            frame=frame,
            fps=report.fps,
            media_time_ms=round(1000 * frame / self.cut.frame_rate),
            speed=report.speed,
        )
