"""The confined half of an attempt, and the whole of a call: one stage, run behind the sandbox."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcompute.errors import Kind, VidComputeError, refused
from vidcompute.media import sandbox
from vidcompute.pipeline.stage import Work
from vidcompute.ports.attempt_wire import error_to_json
from vidcompute.ports.storage import Storage
from vidcompute.runner.channel import Sender
from vidcompute.runner.registry import Registry
from vidcompute.runner.work import LocalInput, LocalWork

# What a stage needs is what it is placed by; the limit lies well above, for it ends the work. The rest of it is what
# the process has from its parent before it begins.
_MEMORY_FACTOR, _MEMORY_SLACK_BYTES = 2, 2**30


@dataclass(frozen=True)
class Context:
    """What every attempt on this node shares. `work_root` belongs to the runner alone.

    `storage` gives the storage as an attempt may use it, from its specification's `access`.
    """

    storage: Callable[[Mapping[str, str]], Storage]
    work_root: Path
    providers: Mapping[str, Callable[[], Any]]
    ffmpeg: Path
    registry: Registry
    strict: bool


@dataclass(frozen=True)
class StageRun:
    """One run of a stage over local files. `memory_bytes` None means what the stage itself needs.

    `devices` says whether it may use GPUs, `gpus` which; none means any.
    """

    stage: str
    version: int
    options: Mapping[str, Any]
    inputs: Mapping[str, tuple[LocalInput, ...]]
    output: Path
    scratch: Path
    timeout_s: float
    memory_bytes: int | None
    emits: bool
    devices: bool = False
    gpus: tuple[int, ...] = ()


def error_of(problem: BaseException) -> VidComputeError:
    """What an exception that left a stage means."""
    if isinstance(problem, VidComputeError):
        return problem
    if isinstance(problem, MemoryError):
        return refused("memory_limit", "It needed more memory than is allowed.")
    number = problem.errno if isinstance(problem, OSError) else None
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return VidComputeError(Kind.UNAVAILABLE, "storage_full", "The disk is full.")
    if number == errno.EFBIG:
        return refused("output_too_large", "An output grew beyond the size that is allowed.")
    return VidComputeError(Kind.INTERNAL, "stage_error", f"{type(problem).__name__}: {problem}"[:500])


def _confine(run: StageRun, context: Context) -> None:
    found = context.registry.find(run.stage, run.version)
    memory_bytes = run.memory_bytes
    if memory_bytes is None:
        memory_bytes = context.registry.make(found, run.options).needs().memory_bytes
    cores = os.cpu_count() or 1
    sandbox.enter(
        sandbox.Sandbox(
            read=tuple(item.path for items in run.inputs.values() for item in items),
            write=(run.output, run.scratch),
            network=found.network,
            devices=found.devices or run.devices,
            execute=(context.ffmpeg,),
            limits=sandbox.Limits(
                cpu_s=int(run.timeout_s * cores) + 10,
                memory_bytes=_MEMORY_FACTOR * memory_bytes + _MEMORY_SLACK_BYTES,
                file_bytes=found.max_file_bytes,
            ),
        ),
        strict=context.strict,
    )


def _settle_in(run: StageRun) -> None:
    os.umask(0o077)
    os.chdir(run.scratch)
    os.environ["TMPDIR"] = str(run.scratch)
    if run.gpus:  # in the order by which NVML counts them, and so nodes
        os.environ |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, run.gpus))}
    tempfile.tempdir = None  # look again


def _perform(run: StageRun, context: Context, work: Work) -> dict[str, Any]:
    # The stage is made from its options behind the sandbox: they may derive from what a file says.
    stage = context.registry.make(context.registry.find(run.stage, run.version), run.options)
    return stage.run(work)


def run_stage(run: StageRun, context: Context, sender: Sender) -> int:
    """Confine this process, run the stage, send its events and last `result` or `error`. Returns the exit status."""
    work = LocalWork(
        output=run.output,
        scratch=run.scratch,
        ffmpeg=context.ffmpeg,
        inputs=run.inputs,
        providers=context.providers,
        send=sender.send,
        emits=run.emits,
    )
    try:
        _settle_in(run)
        _confine(run, context)
        facts = _perform(run, context, work)
        sender.send({"event": "result", "facts": facts})
    except BrokenPipeError:
        return 1  # whoever wanted this has gone
    except BaseException as problem:
        return _tell(problem, work, sender)
    return 0


def _tell(problem: BaseException, work: LocalWork, sender: Sender) -> int:
    error = error_of(problem)
    try:
        if error.kind is Kind.INTERNAL:
            for line in "".join(traceback.format_exception(problem)).splitlines():
                work.log(line, "error")
        sender.send({"event": "error", **error_to_json(error)})
    except (OSError, MemoryError) as silent:
        sys.stderr.write(f"{error} could not be told: {silent}\n")
    return 1
