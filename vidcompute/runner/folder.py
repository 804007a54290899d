"""Makes and removes the folders of attempts on this machine."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from vidcompute.errors import VidComputeError
from vidcompute.media.run import fork
from vidcompute.ports.attempt_folder import AttemptFolder, folder_of

_MARK = ".attempt"  # what tells a folder of ours from anything else; it says where the attempt's log belongs

KeepLog = Callable[[str, Path], object]
"""Stores a log under its key."""


def make_folder(work_root: Path, attempt_id: str, logs_key: str = "") -> AttemptFolder:
    """A fresh folder for an attempt; OSError where it can't be made."""
    folder = folder_of(work_root, attempt_id)
    folder.root.mkdir(mode=0o700, parents=True)
    (folder.root / _MARK).write_text(logs_key)
    for place in (folder.inputs, folder.output, folder.scratch):
        place.mkdir()
    return folder


def sweep(work_root: Path, keep_log: KeepLog) -> list[int]:
    """Throw away what attempts of a killed server have left, but for their logs; only for when none runs.

    Returns the pids that are at it.
    """
    left = [entry.parent for entry in work_root.glob(f"*/{_MARK}")]
    return [remove_aside(left, keep_log)] if left else []


def remove_aside(folders: list[Path], keep_log: KeepLog | None = None) -> int:
    """Remove folders in a child process, for they may be large; returns its pid."""

    def remove() -> int:
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        for folder in folders:
            if keep_log is not None:
                with contextlib.suppress(OSError, VidComputeError):
                    _keep(folder, keep_log)
            shutil.rmtree(folder, ignore_errors=True)
        return 0

    return fork(remove)


def _keep(folder: Path, keep_log: KeepLog) -> None:
    key, log = (folder / _MARK).read_text(), AttemptFolder(folder).log
    if key and log.stat().st_size:
        keep_log(key, log)
