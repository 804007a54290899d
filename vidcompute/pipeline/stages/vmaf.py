"""Stage `vmaf`: how close one rendition comes to the source, by Netflix's VMAF."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media import tracks
from vidcompute.media.encode import VideoCut, vmaf_command
from vidcompute.media.progress import FfmpegProgress
from vidcompute.media.run import run
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_SAMPLED_EVERY = 5  # frames: the model is the dear part, and pictures that follow each other score alike
_REPORT = "vmaf.json"


@dataclass(frozen=True)
class Vmaf:
    """Options: the rendition's name, and the stretch of the source that it was made of (all of it)."""

    track: str
    cut: VideoCut

    name: ClassVar[str] = "vmaf"
    version: ClassVar[int] = 2

    def needs(self) -> Needs:
        """Two decodes and the model."""
        return Needs(cpu=1, memory_bytes=1024 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Compare sampled frames at the source's size. Facts: mean, harmonic mean and lowest score, 0 to 100."""
        made = work.facts("video")
        joined = tracks.join(self.track, work.paths("video"), made, work.scratch)
        hdr = made[0]["tracks"][self.track]["video_range"] != "SDR"

        def tell(report: FfmpegProgress) -> None:
            work.progress(min(1.0, (report.frame or 0) / self.cut.frames), frame=report.frame, fps=report.fps)

        report = work.output / _REPORT
        line = vmaf_command(work.ffmpeg, self.cut, work.path("source"), joined, report, every=_SAMPLED_EVERY, hdr=hdr)
        run(line, timeout_s=24 * 3600, idle_timeout_s=600, on_line=work.log, on_progress=tell, cwd=work.output)
        pooled = json.loads(report.read_text())["pooled_metrics"]["vmaf"]
        scores = {name: round(float(pooled[name]), 2) for name in ("mean", "harmonic_mean", "min")}
        return {"track": self.track, **scores, "files": [_REPORT]}
