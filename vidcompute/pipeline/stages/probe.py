"""The stage that finds out what a source is."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media import facts
from vidcompute.media.probe import ProbeLimits, probe
from vidcompute.pipeline.plan import SOURCE
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_DEFAULT = ProbeLimits()


@dataclass(frozen=True)
class Probe:
    """Reads the source's container and first frames. Options are the limits (see ProbeLimits); its facts are

    `media.facts.to_json`. It leaves no files.
    """

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 2
    timeout_s: ClassVar[float] = 1800.0  # hours of video take seconds

    max_duration_s: int = _DEFAULT.max_duration_s
    max_pixels: int = _DEFAULT.max_pixels
    max_side: int = _DEFAULT.max_side
    max_streams: int = _DEFAULT.max_streams
    max_frames: int = _DEFAULT.max_frames
    max_frame_rate: int = _DEFAULT.max_frame_rate
    max_hole_s: int = _DEFAULT.max_hole_s
    max_packets: int = _DEFAULT.max_packets
    max_cpu_s: float = _DEFAULT.max_cpu_s
    max_wall_s: float = _DEFAULT.max_wall_s

    def needs(self) -> Needs:
        """One core: packets are read, and a handful of frames decoded."""
        return Needs(cpu=1.0, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """The source's facts. Raises what `media.probe.probe` raises."""
        limits = ProbeLimits(
            max_duration_s=self.max_duration_s,
            max_pixels=self.max_pixels,
            max_side=self.max_side,
            max_streams=self.max_streams,
            max_frames=self.max_frames,
            max_frame_rate=self.max_frame_rate,
            max_hole_s=self.max_hole_s,
            max_packets=self.max_packets,
            max_cpu_s=self.max_cpu_s,
            max_wall_s=self.max_wall_s,
        )
        found = probe(work.path(SOURCE), limits, work.progress)
        for warning in found.warnings:
            work.log(warning, "warning")
        return facts.to_json(found)
