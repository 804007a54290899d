"""Where an attempt's files lie on the machine that runs it: what the runner writes and an executor may read."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class AttemptFolder:
    """The places of one attempt: `in`, `out`, `scratch` and its log, below the runner's own root."""

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
