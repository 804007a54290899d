"""The corpus of odd and bad files: how each is made, and what must come of it.

    from tests.media.corpus import CASES, make
    path = make(CASES["rotated-90"], folder, ffmpeg)

Files are tiny and kept in `folder` between runs, under a name that changes with the recipes and with ffmpeg.
`python -m tests.media.corpus FOLDER` writes all of them.
"""

import hashlib
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

READY = "ready"


@dataclass(frozen=True)
class Kit:
    """What a recipe works with: ffmpeg, and a scratch folder of its own."""

    ffmpeg: str
    folder: Path

    def run(self, *arguments: str | Path) -> None:
        """One ffmpeg run; its failure fails the recipe."""
        command = [self.ffmpeg, "-hide_banner", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"ffmpeg failed: {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")

    def clip(self, *arguments: str | Path, name: str = "clip.mp4") -> Path:
        """One ffmpeg run into a scratch file."""
        path = self.folder / name
        self.run(*arguments, path)
        return path

    def bytes(self, *arguments: str | Path, name: str = "clip.mp4") -> bytearray:
        """One ffmpeg run, as bytes to edit."""
        return bytearray(self.clip(*arguments, name=name).read_bytes())


Recipe = Callable[[Kit, Path], None]


@dataclass(frozen=True)
class Case:
    """One file of the corpus.

    `outcome` is READY or the set of codes of which one must come; `facts` are what the probe must find out:
    codec, display, rotation, fps, frames, seconds, audio (number of tracks), and any field of VideoFacts as `video_x`,
    of a track as `audio_N_x`. `file_name` is what a user would call it. `exact` is false where a full decode gives
    other frames than the file promises (damage), so that the slow oracle doesn't apply.
    """

    name: str
    recipe: Recipe
    outcome: str | frozenset[str] = READY
    facts: Mapping[str, Any] = field(default_factory=dict)
    file_name: str = "clip.mp4"
    exact: bool = True

    @property
    def codes(self) -> frozenset[str]:
        """The codes of which one must come; empty for a file that becomes ready."""
        return frozenset() if isinstance(self.outcome, str) else self.outcome


CASES: dict[str, Case] = {}


def case(
    name: str,
    recipe: Recipe,
    outcome: str | tuple[str, ...] = READY,
    *,
    file_name: str = "clip.mp4",
    exact: bool = True,
    **facts: Any,
) -> None:
    """Enter a case; `video_x` and `audio_N_x` in `facts` stand for fields of a stream."""
    if name in CASES:
        raise ValueError(f"two cases are called {name}")
    wanted = outcome if outcome == READY else frozenset((outcome,) if isinstance(outcome, str) else outcome)
    CASES[name] = Case(name, recipe, wanted, facts, file_name, exact)


def ff(*arguments: str | Path) -> Recipe:
    """A recipe of one ffmpeg run; the muxer is chosen by `-f` among the arguments, MP4 otherwise."""
    # The file's own name decides nothing, so the muxer has to be said; the last -f is the output's.
    words = list(map(str, arguments))
    muxer = [] if "-f" in words[_last_input(words) :] else ["-f", "mp4"]

    def recipe(kit: Kit, path: Path) -> None:
        kit.run(*words, *muxer, path)

    return recipe


def _last_input(words: list[str]) -> int:
    return max((at for at, word in enumerate(words) if word == "-i"), default=0)


def video(size: str = "64x48", rate: str = "25", seconds: float | str = 1) -> list[str]:
    """An input: moving test pattern."""
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}"]


def sound(seconds: float | str = 1, rate: int = 48000, layout: str = "stereo", hz: int = 440) -> list[str]:
    """An input: a tone in every channel."""
    from_one = f"sine=f={hz}:r={rate}:d={seconds},aformat=channel_layouts=mono"
    return ["-f", "lavfi", "-i", from_one if layout == "mono" else f"{from_one},{_spread(layout)}"]


def _spread(layout: str) -> str:
    channels = {"stereo": 2, "5.1": 6, "7.1": 8}[layout]
    return f"pan={layout}|" + "|".join(f"c{n}=c0" for n in range(channels))


X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "64k")


def fps(rate: str) -> Fraction:
    """A frame rate as ffmpeg writes it."""
    return Fraction(rate)


def _build(ffmpeg: str) -> str:
    sources = sorted(Path(__file__).parent.glob("corpus*.py"))
    text = b"".join(source.read_bytes() for source in sources) + ffmpeg.encode()
    return hashlib.sha256(text).hexdigest()[:12]


def make(case_: Case, folder: Path, ffmpeg: str) -> Path:
    """The case's file, made if it isn't there. Safe to call from several processes at once."""
    home = folder / _build(ffmpeg) / case_.name
    done = home / "file"
    if done.exists():
        return done
    scratch = folder / f"{case_.name}.{uuid.uuid4().hex}"
    scratch.mkdir(parents=True)
    try:
        made = scratch / "made"
        case_.recipe(Kit(ffmpeg, scratch), made)
        home.mkdir(parents=True, exist_ok=True)
        made.replace(done)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return done


def _main() -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    for entry in CASES.values():
        sys.stdout.write(f"{entry.name}: {make(entry, Path(sys.argv[1]), get_ffmpeg_exe())}\n")


if __name__ == "__main__":
    from tests.media.corpus import CASES, make  # the module that the recipes register in, not this one as __main__
    from tests.media.corpus_all import load

    load()
    _main()
