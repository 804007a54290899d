"""How much a probe may look at, and how it stops when that is spent."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from vidcompute.errors import refused


@dataclass(frozen=True)
class ProbeLimits:
    """What a source may be, and what a probe may spend on it. Durations in seconds, sizes in pixels."""

    max_duration_s: int = 12 * 3600
    max_pixels: int = 36_000_000  # a little over 7680 x 4320
    max_side: int = 16_384
    max_streams: int = 64
    max_frames: int = 12 * 3600 * 60  # also of the constant-rate video that a source with time holes would become
    max_frame_rate: int = 240  # rates above it count as this when holes are filled
    max_hole_s: int = 1800  # pictures may stand still for longer only where sound plays on
    max_packets: int = 12_000_000
    max_cpu_s: float = 60.0
    max_wall_s: float = 120.0


Report = Callable[[float], None]
"""Is told how far a probe is, 0 to 1."""


class Budget:
    """Counts packets and time against the limits; `spend` is called once per packet and raises when it is over."""

    def __init__(self, limits: ProbeLimits, size_bytes: int, report: Report | None) -> None:
        self.limits = limits
        self.packets = 0
        self._size_bytes = max(size_bytes, 1)
        self._report = report
        self._cpu_end = time.process_time() + limits.max_cpu_s
        self._wall_end = time.monotonic() + limits.max_wall_s

    def spend(self, position: int | None) -> None:
        """One packet more, at this byte of the file. Raises `probe_timeout` or `source_too_many_packets`."""
        self.count(1)
        if self.packets % 512 == 0:
            self.check()
            if self._report is not None and position is not None and position >= 0:
                self._report(min(position / self._size_bytes, 1.0))

    def count(self, packets: int) -> None:
        """So many packets more. Raises `source_too_many_packets`."""
        self.packets += packets
        if self.packets > self.limits.max_packets:
            raise refused(
                "source_too_many_packets",
                f"The file has more than {self.limits.max_packets} packets: its tables are damaged, or it is too long.",
            )

    def check(self) -> None:
        """Raise `probe_timeout` when the time is over."""
        if time.process_time() > self._cpu_end or time.monotonic() > self._wall_end:
            raise timed_out()


def timed_out() -> Exception:
    """The refusal of a file that takes too long to read."""
    return refused(
        "probe_timeout", "Reading the file took too long: it is damaged, or made to keep a reader busy. Re-export it."
    )
