"""Makes and removes the folders of attempts on this machine."""

import os
import shutil
from pathlib import Path

from vidcompute.media.run import fork
from vidcompute.ports.attempt_folder import AttemptFolder, folder_of

_MARK = ".attempt"  # what tells a folder of ours from anything else


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
