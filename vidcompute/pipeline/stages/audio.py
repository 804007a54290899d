"""Stage `audio`: one sound track, copied or encoded once over its whole length, as segments."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.errors import VidComputeError
from vidcompute.media import tracks
from vidcompute.media.audio import BITRATE_BPS, AudioCut, audio_args, audio_input, cutter
from vidcompute.media.encode import command
from vidcompute.media.progress import FfmpegProgress
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
        return [_line(self.cut, ffmpeg, source)]

    def run(self, work: Work) -> dict[str, Any]:
        """Make the track; a copy whose packets are not what the container said is encoded instead."""
        try:
            return {"tracks": {self.cut.track: self._make(work, self.cut)}, "warnings": []}
        except VidComputeError as error:
            if error.code != "encode_mismatch" or not self.cut.copy:
                raise
            work.log(f"{error.detail} The sound is encoded instead of copied.", "warning")
        encoded = replace(self.cut, copy=False, offset=0, bitrate_bps=BITRATE_BPS)
        return {"tracks": {self.cut.track: self._make(work, encoded)}, "warnings": []}

    def _make(self, work: Work, cut: AudioCut) -> dict[str, Any]:
        writer = tracks.TrackWriter(work.output / cut.track, cutter(cut))
        line = _line(cut, work.ffmpeg, work.path("source"))
        duration_ms = 1000 * cut.boundaries[-1] // cut.sample_rate

        def tell(report: FfmpegProgress) -> None:
            done_ms = (report.out_time_us or 0) // 1000
            work.progress(min(1.0, done_ms / max(1, duration_ms)), media_time_ms=done_ms, speed=report.speed)

        tracks.make(line, {3: writer}, on_line=work.log, on_progress=tell)
        return writer.facts()


def _line(cut: AudioCut, ffmpeg: Path, source: Path) -> list[str]:
    return command(ffmpeg, audio_input(cut, source), audio_args(cut, "pipe:3"))
