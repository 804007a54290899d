"""One attempt on the node where it was placed: inputs, stage, checks, outputs."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vidcompute.media.sandbox import adopt_orphans, die_with_parent
from vidcompute.ports.storage import Storage

STAGES = ("vidcompute.pipeline.stages",)


def serve(
    control_fd: int,
    storage: Storage | Callable[[Mapping[str, str]], Storage],
    work_root: Path,
    providers: Mapping[str, Callable[[], Any]],
    ffmpeg: Path,
    *,
    strict: bool = False,
    packages: tuple[str, ...] = STAGES,
) -> int:
    """Be the process that attempts are forked from, until the executor behind `control_fd` has gone.

    `storage` is one for all attempts, or makes each its own from its specification's `access`.
    `work_root` must be on the storage's file system for outputs to be moved, not copied; attempts that were killed
    before are swept from it. `providers` are made in the confined process, on first use. With `strict`, stages do
    not run on a machine that can't enforce the sandbox. `packages` hold the stages. Returns the exit status.
    """
    die_with_parent()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process with threads can't be forked safely
    from vidcompute.runner.forkserver import run_forkserver, warm_up
    from vidcompute.runner.inner import Context
    from vidcompute.runner.registry import Registry

    adopt_orphans()
    work_root.mkdir(parents=True, exist_ok=True)
    warm_up()
    storage_of = storage if callable(storage) else lambda _access: storage
    context = Context(storage_of, work_root, providers, ffmpeg, Registry(packages), strict)
    with socket.socket(fileno=control_fd) as control:
        return run_forkserver(control, context)
