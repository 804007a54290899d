"""Starts processes; nothing else in the bench does, but for the pair in `frames.py`."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bench.cpu import CgroupMeter, CpuMeter, TreeMeter, own_cgroup
from bench.results import BenchError

_START_S = 60.0
_END_S = 60.0


@dataclass(frozen=True)
class Spent:
    """What something took."""

    cpu_s: float
    wall_s: float

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s)


def run(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Spent:
    """Run a program to its end; CPU is that of the process and all that it waited for. BenchError if it fails."""
    with tempfile.TemporaryFile() as complaints:
        began_s = time.monotonic()
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - began_s
        if process.returncode:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace").strip()[-2000:]
            raise BenchError(f"{Path(argv[0]).name} ended with {process.returncode}: {said}\n{' '.join(argv)}")
    return Spent(used.ru_utime + used.ru_stime, wall_s)


def run_in_turn(commands: Sequence[Sequence[str]]) -> Spent:
    """Run programs one after the other; the sum."""
    return sum((run(command) for command in commands), Spent(0, 0))


@dataclass(frozen=True)
class Split:
    """CPU of a forked piece of our own code, apart from what the programs took that it started."""

    own_s: float
    programs_s: float
    result: Any


def forked(work: Callable[[], Any]) -> Split:
    """Run `work` in a fork of this process, as an attempt is run; its result (plain JSON) and what it took."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as told:
                result = work()
                own, programs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
                used = [u.ru_utime + u.ru_stime for u in (own, programs)]
                json.dump([*used, result], told)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    _, status = os.waitpid(pid, 0)
    if status or not text:
        raise BenchError("a forked stage failed; what it said stands above")
    own_s, programs_s, result = json.loads(text)
    return Split(own_s, programs_s, result)


@dataclass(frozen=True)
class Platform:
    """A running platform: its address, key, main process and data folder, and its CPU meter."""

    url: str
    key: str
    pid: int
    data_dir: Path
    meter: CpuMeter


@contextlib.contextmanager
def platform(folder: Path, **settings: str) -> Iterator[Platform]:
    """The platform as a user starts it, on a free port, with a fresh data folder below `folder`; ended after it.

    `settings` are environment variables without their prefix, in small letters.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="platform-", ignore_cleanup_errors=True) as name:
        data_dir = Path(name) / "data"
        data_dir.mkdir()
        environment = {n: v for n, v in os.environ.items() if not n.startswith("VIDCOMPUTE_")}
        wanted = {"port": "0", "data_dir": str(data_dir), "log_level": "warning", "undo_s": "0", **settings}
        environment |= {f"VIDCOMPUTE_{n.upper()}": v for n, v in wanted.items()}
        log_path = folder / "platform.log"
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "vidcompute.main", "serve"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        group = own_cgroup(f"vidcompute-bench-{process.pid}")
        try:
            if group is not None:
                group.add(process.pid)
            yield _ready(process, data_dir, group or TreeMeter(process.pid), log_path)
        finally:
            _end(process)
            if isinstance(group, CgroupMeter):
                group.remove()


@contextlib.contextmanager
def bare_loop(folder: Path) -> Iterator[str]:
    """The bare write loop (`bench.bare_writes`) on a free port, over a file below `folder`; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = folder / "bare.part"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bare_writes", str(port), str(target)], stdin=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s and process.poll() is None:
            with contextlib.suppress(OSError), urlopen(url, timeout=5):
                break
            time.sleep(0.05)
        yield url
    finally:
        _end(process)
        target.unlink(missing_ok=True)


def _ready(process: "subprocess.Popen[bytes]", data_dir: Path, meter: CpuMeter, log_path: Path) -> Platform:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, ValueError, KeyError):
            url = json.loads((data_dir / "server.json").read_text())["url"].rstrip("/")
            with urlopen(f"{url}/ready", timeout=5) as answer:
                if answer.status == 200:
                    key = (data_dir / "api.key").read_text().strip()
                    return Platform(url, key, process.pid, data_dir, meter)
        time.sleep(0.05)
    raise BenchError(f"the platform did not start (log: {log_path}):\n{log_path.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
