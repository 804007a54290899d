"""What the measurements were made on."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from vidcompute.media import ffmpeg


@dataclass(frozen=True)
class Machine:
    """The machine, and how busy it was when the run began: figures of a busy machine mean little."""

    cores: int
    processor: str
    memory_gb: float
    system: str
    python: str
    ffmpeg: str
    load_at_start: float


def look() -> Machine:
    """This machine."""
    return Machine(
        cores=cores(),
        processor=_field("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        memory_gb=round(int(_field("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0) / 1e6, 1),
        system=platform.platform(terse=True),
        python=platform.python_version(),
        ffmpeg=ffmpeg.version(ffmpeg_path()),
        load_at_start=round(os.getloadavg()[0], 2),
    )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def ffmpeg_path() -> Path:
    """The ffmpeg that the platform uses: every side of a comparison runs the same one."""
    return ffmpeg.locate()


def _field(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text(errors="replace"))
    return found.group(1).strip() if found else ""
