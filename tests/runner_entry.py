"""Starts a forkserver with the stages of tests/runner_stages: `python -m tests.runner_entry STORAGE WORK FD`."""

import sys
from pathlib import Path

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.media.ffmpeg import locate
from vidcompute.runner import serve


def main() -> int:
    storage, work_root, control_fd = sys.argv[1:]
    return serve(
        int(control_fd),
        FolderStorage(Path(storage)),
        Path(work_root),
        {"greeter": lambda: "hello"},
        locate(),
        strict=True,
        packages=("tests.runner_stages",),
    )


if __name__ == "__main__":
    sys.exit(main())
