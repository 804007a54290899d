"""An attempt's folder on this machine: `in`, `out`, `scratch` and its log, below the runner's own root."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.run import fork

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_MARK = ".attempt"  # what tells a folder of ours from anything else


@dataclass(frozen=True)
class AttemptFolder:
    """The places of one attempt."""

    root: Path

    @property
    def inputs(self) -> Path:
        """Where inputs are fetched to that do not lie on this machine."""
        return self.root / "in"

    @property
    def output(self) -> Path:
        """What becomes the artifact."""
        return self.root / "out"

    @property
    def scratch(self) -> Path:
        """What is thrown away."""
        return self.root / "scratch"

    @property
    def log(self) -> Path:
        """The attempt's log."""
        return self.root / "log"

    def remove(self) -> None:
        """Throw all of it away; that it is gone already is fine."""
        shutil.rmtree(self.root, ignore_errors=True)


def folder_of(work_root: Path, attempt_id: str) -> AttemptFolder:
    """Where an attempt's folder is; an id that is none (a path, say) raises `invalid_attempt_id`."""
    if not _NAME.fullmatch(attempt_id):
        raise VidComputeError(Kind.INTERNAL, "invalid_attempt_id", f"{attempt_id[:80]!r} is no attempt's id.")
    return AttemptFolder(work_root / attempt_id)


def make_folder(work_root: Path, attempt_id: str) -> AttemptFolder:
    """A fresh folder for an attempt; OSError where it can't be made."""
    folder = folder_of(work_root, attempt_id)
    folder.root.mkdir(mode=0o700, parents=True)
    (folder.root / _MARK).touch()
    for place in (folder.inputs, folder.output, folder.scratch):
        place.mkdir()
    return folder


def sweep(work_root: Path) -> list[int]:
    """Throw away what killed attempts have left; only for when none runs. Returns the pids that are at it."""
    left = [entry.parent for entry in work_root.glob(f"*/{_MARK}")]
    return [remove_aside(left)] if left else []


def remove_aside(folders: list[Path]) -> int:
    """Remove folders in a child process, for they may be large; returns its pid."""

    def remove() -> int:
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return 0

    return fork(remove)
