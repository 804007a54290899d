"""Starts a forkserver with the stages of tests/runner_stages: `python -m tests.runner_entry STORAGE WORK FD`.

STORAGE is a folder, or the data folder of a server (`data:PATH`) that has written down where objects lie.
"""

import sys
from pathlib import Path

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.media.ffmpeg import locate
from vidcompute.ports.storage import Storage
from vidcompute.runner import serve
from vidcompute.wiring.storage import Cache, attempt_storage


def _storage(told: str) -> Storage:
    if not told.startswith("data:"):
        return FolderStorage(Path(told))
    data = Path(told.removeprefix("data:"))
    return attempt_storage(data, Cache(data / "cache", 2**30), patience_s=20)


def main() -> int:
    storage, work_root, control_fd = sys.argv[1:]
    return serve(
        int(control_fd),
        _storage(storage),
        Path(work_root),
        {"greeter": lambda: "hello"},
        locate(),
        strict=True,
        packages=("tests.runner_stages",),
    )


if __name__ == "__main__":
    sys.exit(main())
