"""Starts processes; nothing else in the house does. Exec for programs, fork for our own children.

`run` and `start` are for the processes of the runner, which have one Python thread: between fork and exec they run
Python, so that the child dies with its parent. `start_service` is for the threaded server: plain `subprocess`.
A child must be started from a thread that outlives it, for the kernel ties its life to that thread.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.progress import FfmpegProgress
from vidcompute.media.running import Completed, Running
from vidcompute.media.sandbox import die_with_parent

__all__ = [
    "Completed",
    "FfmpegProgress",
    "Running",
    "Service",
    "capture",
    "fork",
    "kill_group",
    "run",
    "start",
    "start_service",
]

_PIPE_BYTES = 1024 * 1024  # a full default pipe of 64 KiB stalls an encoder; this is the most that users may ask for
_PARKED_FD = 64  # the child's own descriptors are parked from here on while they are put in place
_PROGRESS_PERIOD_S = "0.25"

# Nothing of the server's environment reaches a program that reads media.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "AV_LOG_FORCE_NOCOLOR": "1"}
_OF_GPUS = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES")  # which GPUs are the attempt's own


def _reset_signals() -> None:
    """Python ignores some signals and handles others; a program starts with the system's own ways."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _place(targets: Mapping[int, int]) -> None:
    """Make descriptor `number` what `source` is, for each item, and close what lies between."""
    parked = {number: fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _PARKED_FD) for number, source in targets.items()}
    for number, source in parked.items():
        os.dup2(source, number)
    ordered = sorted(parked)
    for low, high in zip(ordered, [*ordered[1:], _PARKED_FD], strict=True):
        os.closerange(low + 1, high)


def _become(
    argv: Sequence[str],
    targets: Mapping[int, int],
    complaint: int,
    *,
    environment: Mapping[str, str],
    cwd: Path | None,
    nice: int,
    parent: int,
) -> NoReturn:
    """In the child: turn into the program, or tell `complaint` why not."""
    try:
        die_with_parent(parent)
        _reset_signals()
        complaint = fcntl.fcntl(complaint, fcntl.F_DUPFD_CLOEXEC, _PARKED_FD)
        _place(targets)
        if nice:
            os.nice(nice)
        if cwd is not None:
            os.chdir(cwd)
        os.execve(argv[0], list(argv), dict(environment))
    except OSError as error:
        os.write(complaint, (error.errno or 0).to_bytes(4, "little"))
    finally:
        os._exit(127)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(_ENVIRONMENT)
    if "TMPDIR" in os.environ:  # the attempt's own scratch folder
        environment |= {"TMPDIR": os.environ["TMPDIR"], "HOME": os.environ["TMPDIR"]}
    environment |= {name: os.environ[name] for name in _OF_GPUS if name in os.environ}
    return environment | dict(extra or {})


def _pipe(number: int) -> tuple[int, int]:
    reader, writer = os.pipe()
    if number == 2:
        return reader, writer
    with contextlib.suppress(OSError):  # over the user's allowance the default size must do
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


def start(
    argv: Sequence[str],
    *,
    outputs: Sequence[int] = (),
    stdout_fd: int | None = None,
    timeout_s: float | None = None,
    idle_timeout_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    on_progress: Callable[[FfmpegProgress], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    nice: int = 0,
) -> Running:
    """Start the program at the absolute path `argv[0]`; it dies with this process (with the calling thread).

    `outputs` are descriptor numbers in the program (1, 3, 4, …, below 60) from which the caller reads; name them in
    `argv` as `pipe:3`. `stdout_fd` sends stdout into an open file instead. With `on_progress` the program is ffmpeg,
    and is told to report (four times a second). `on_line` gets each line of stderr. `env` is added to a minimal
    environment that has nothing of this process's own. Raises `program_not_startable` (kind unavailable).
    """
    numbers = [*outputs, 2]
    command = list(argv)
    if on_progress is not None:
        numbers.append(max(2, *numbers) + 1)
        command[1:1] = ["-stats_period", _PROGRESS_PERIOD_S, "-progress", f"pipe:{numbers[-1]}"]
    with contextlib.ExitStack() as opened:
        pipes = {number: _pipe(number) for number in numbers}
        for _, writer in pipes.values():
            opened.callback(os.close, writer)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        opened.callback(os.close, null)
        targets = {0: null, 1: null if stdout_fd is None else stdout_fd}
        targets |= {number: writer for number, (_, writer) in pipes.items()}
        complaints, complaint = os.pipe()
        opened.callback(os.close, complaints)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(command, targets, complaint, environment=_environment(env), cwd=cwd, nice=nice, parent=parent)
        os.close(complaint)
        problem = os.read(complaints, 4)
    if problem:
        os.waitpid(pid, 0)
        for reader, _ in pipes.values():
            os.close(reader)
        reason = os.strerror(int.from_bytes(problem, "little"))
        raise VidComputeError(Kind.UNAVAILABLE, "program_not_startable", f"{Path(argv[0]).name}: {reason}.")
    return Running(
        pid,
        {number: reader for number, (reader, _) in pipes.items()},
        outputs,
        program=_plain_name(argv[0]),
        timeout_s=timeout_s,
        idle_timeout_s=idle_timeout_s,
        on_line=on_line,
        on_progress=on_progress,
    )


def _plain_name(program: str) -> str:
    name = Path(program).name
    return "ffmpeg" if name.startswith("ffmpeg") else name


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    idle_timeout_s: float | None = None,
    on_stdout: Callable[[bytes], None] | None = None,
    stdout_fd: int | None = None,
    on_line: Callable[[str], None] | None = None,
    on_progress: Callable[[FfmpegProgress], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    nice: int = 0,
    check: bool = True,
) -> Completed:
    """Run a program to its end, as `start` does. `on_stdout` gets its stdout in pieces; an error raised there ends it.

    Raises `stage_timeout` after `timeout_s`, `stage_stalled` after `idle_timeout_s` without a byte or an advance in
    the progress reports, and with `check` the error for a bad end (see `failures.failure`).
    """
    outputs = () if on_stdout is None else (1,)
    with start(
        argv,
        outputs=outputs,
        stdout_fd=stdout_fd,
        timeout_s=timeout_s,
        idle_timeout_s=idle_timeout_s,
        on_line=on_line,
        on_progress=on_progress,
        env=env,
        cwd=cwd,
        nice=nice,
    ) as running:
        for _, piece in running.chunks():
            if piece and on_stdout is not None:
                on_stdout(piece)
        return running.wait(check=check)


def fork(child: Callable[[], int], *, new_session: bool = False, keep_fds: Collection[int] = ()) -> int:
    """Fork; the child runs `child()` and exits with what it returns (70 after an error). Returns the child's pid.

    Only for a process with one thread. The child dies with it, has the system's default signal handling and no
    descriptors but 0, 1, 2 and `keep_fds`; with `new_session` it leads a session and process group of its own.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        die_with_parent(parent)
        if new_session:
            os.setsid()
        signal.set_wakeup_fd(-1)
        _reset_signals()
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # in Python, writing to a closed pipe is an exception
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # and so is writing beyond the limit
        _close_all_but(keep_fds)
        code = child()
    except BaseException:  # nothing may unwind into the parent's frames
        traceback.print_exc()
    finally:
        os._exit(code)


def _close_all_but(keep: Collection[int]) -> None:
    low = 3
    for number in sorted(n for n in keep if n >= low):
        os.closerange(low, number)
        low = number + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def kill_group(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal to the process group that `pid` leads; False when nothing of it is left."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def capture(argv: Sequence[str], *, timeout_s: float = 20.0, env: Mapping[str, str] | None = None) -> str:
    """What a short, trusted call prints on stdout, such as `ffmpeg -version`; safe in a threaded process.

    Its environment is `env`, or next to nothing.

    Raises `program_not_startable` (kind unavailable) where it can't be run, fails, or takes too long.
    """
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=_environment(None) if env is None else dict(env),
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise VidComputeError(Kind.UNAVAILABLE, "program_not_startable", f"{Path(argv[0]).name}: {error}") from error
    return done.stdout.decode("utf-8", "replace")


def _children() -> list[int]:
    found: list[int] = []
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += map(int, listing.read_text().split())
    return found


def end_descendants() -> None:
    """Kill every child of this process, and their children in turn (see `sandbox.adopt_orphans`), and wait for all."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            continue
        children = _children()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if not children:
            return
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)


class Service:
    """A long-lived child of the threaded server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill it and wait for its end, which is at once."""
        self._process.kill()
        self._process.wait()

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False when it still runs after `timeout_s`."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def start_service(argv: Sequence[str], *, pass_fds: Sequence[int] = (), env: Mapping[str, str]) -> Service:
    """Start a child from a threaded process, with exactly the environment `env`, in a session of its own.

    It must call `die_with_parent()` itself as it begins; start it from a thread that lives as long as it shall.
    Its stdout goes to our stderr: stdout belongs to people.
    """
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        pass_fds=tuple(pass_fds),
        env=dict(env),
        start_new_session=True,
    )
    return Service(process)
