"""What stills at one a second cost, against `ffmpeg -vf fps=1` into files and a ZIP of them.

`python bench/frames.py [CLIP] [--repeat N]` prints the ratio of CPU seconds, the median of pairs that are run
alternately, and exits 1 when it is above 0.7. Without CLIP it makes one: 60 s of 1080p H.264 with sound, by libx264's
own choice of key frames. CPU is user and system time of each side's process and all that it started (os.wait4).

The two sides write JPEGs of the same class: q:v 3 is the quality of ffmpeg's whose files are nearest in size to our 85.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import imageio_ffmpeg

from vidcompute.media import frames as _warm_frames
from vidcompute.media import probe
from vidcompute.media.facts import to_json
from vidcompute.pipeline.stage import Work
from vidcompute.pipeline.stages.frames import Frames

FFMPEG = str(imageio_ffmpeg.get_ffmpeg_exe())
LIMIT = 0.7
assert _warm_frames.__name__ in sys.modules  # the runner's attempts are forked from a process that has it, too


@dataclass
class _Work:
    """The little of a Work that the stage uses."""

    source: Path
    output: Path
    probed: dict[str, Any]

    def path(self, _name: str) -> Path:
        return self.source

    def facts(self, _name: str) -> list[dict[str, Any]]:
        return [self.probed]

    def progress(self, _fraction: float, **_: object) -> None:
        return


def make_clip(path: Path) -> None:
    """60 s of moving bars with grain, and a tone."""
    picture = "testsrc2=size=1920x1080:rate=30:duration=60,noise=alls=6:allf=t,format=yuv420p"
    sound = "sine=frequency=440:sample_rate=48000:duration=60"
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "6M", "-c:a", "aac", "-shortest"]
    command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *coding, str(path)]
    subprocess.run(command, check=True)


def cpu_of(child: Callable[[], None]) -> float:
    """CPU seconds of a forked process that runs `child`, with all that it waits for."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            child()
            status = 0
        finally:
            os._exit(status)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit("one side failed")
    return used.ru_utime + used.ru_stime


def ours(clip: Path, probed: dict[str, Any], folder: Path) -> None:
    """The stage as an attempt runs it."""
    Frames(rate=1).run(cast("Work", _Work(clip, folder, probed)))


def theirs(clip: Path, folder: Path) -> None:
    """ffmpeg into files, then a stored ZIP of them."""
    command = [FFMPEG, "-v", "error", "-i", str(clip), "-vf", "fps=1", "-q:v", "3", str(folder / "%06d.jpg")]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(folder / "frames.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.glob("*.jpg")):
            archive.write(path, path.name)


def compare(clip: Path, repeat: int) -> float:
    """Runs pairs and prints each; the ratio of the medians."""
    probed = to_json(probe.probe(clip))
    sides: dict[str, list[float]] = {"vidcompute": [], "ffmpeg": []}
    for _ in range(repeat):
        sizes = {}
        for side, run in (("vidcompute", partial(ours, clip, probed)), ("ffmpeg", partial(theirs, clip))):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                sides[side].append(cpu_of(partial(run, folder)))
                sizes[side] = (folder / "frames.zip").stat().st_size
        print({side: round(values[-1], 2) for side, values in sides.items()}, "CPU s;", sizes, "bytes")
    return statistics.median(sides["vidcompute"]) / statistics.median(sides["ffmpeg"])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        clip = options.clip
        if clip is None:
            clip = Path(name) / "clip.mp4"
            make_clip(clip)
        ratio = compare(clip, options.repeat)
    print(f"frames at 1 a second: {ratio:.2f} x the CPU of ffmpeg -vf fps=1 and a ZIP (at most {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
