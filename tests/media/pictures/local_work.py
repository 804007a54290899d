"""Runs picture stages in this process, and reads clips with ffmpeg to compare them."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidcompute.media.facts import SourceFacts, to_json
from vidcompute.media.probe import probe
from vidcompute.pipeline.stage import Stage
from vidcompute.ports.executor import InputRef

Pixels = np.ndarray[Any, np.dtype[np.float32]]


@dataclass
class LocalWork:
    """What a stage sees, with the source and its probe as inputs; keeps what is reported."""

    source: Path
    root: Path
    facts_json: dict[str, Any] = field(default_factory=dict)
    fractions: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.output.mkdir(parents=True)
        self.scratch.mkdir()
        if not self.facts_json:
            self.facts_json = to_json(probe(self.source))

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def ffmpeg(self) -> Path:
        raise AssertionError("picture stages start no ffmpeg")

    def provider(self, name: str) -> Any:
        raise AssertionError(f"picture stages use no provider, not {name}")

    def path(self, name: str) -> Path:
        assert name == "source"
        return self.source

    def paths(self, name: str) -> list[Path]:
        return [self.path(name)]

    def facts(self, name: str) -> list[Mapping[str, Any]]:
        assert name == "probe"
        return [self.facts_json]

    def refs(self, name: str) -> list[InputRef]:
        return [InputRef(name, is_tree=False)]

    def progress(
        self,
        fraction: float,
        *,
        frame: int | None = None,
        fps: float | None = None,
        media_time_ms: int | None = None,
        speed: float | None = None,
    ) -> None:
        self.fractions.append(fraction)

    def emit(self, data: Mapping[str, Any]) -> None:
        self.lines.append(repr(data))

    def log(self, message: str, level: str = "info") -> None:
        self.lines.append(f"{level}: {message}")


class Studio:
    """Runs stages on clips, each in a folder of its own."""

    def __init__(self, ffmpeg: str, folder: Path) -> None:
        self.ffmpeg = ffmpeg
        self._folder = folder
        self._count = 0

    def work(self, source: Path, facts: SourceFacts | None = None) -> LocalWork:
        """A fresh place to run a stage in."""
        self._count += 1
        return LocalWork(source, self._folder / str(self._count), {} if facts is None else to_json(facts))

    def run(self, stage: Stage, source: Path) -> tuple[dict[str, Any], LocalWork]:
        """What the stage returned, and the place where its files lie."""
        work = self.work(source)
        return stage.run(work), work

    def frames(self, source: Path, width: int, height: int) -> Pixels:
        """All frames as ffmpeg shows them: RGB of this size, one row of the result for each."""
        command = [self.ffmpeg, "-v", "error", "-i", str(source), "-fps_mode", "passthrough"]
        command += ["-vf", f"scale={width}:{height}", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
        raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        return np.frombuffer(raw, dtype=np.uint8).reshape(-1, height, width, 3).astype(np.float32)


def nearest(frames: Pixels, picture: Pixels) -> int:
    """The number of the frame that looks most like a picture."""
    return int(((frames - picture) ** 2).mean(axis=(1, 2, 3)).argmin())
