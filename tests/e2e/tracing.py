"""A server whose every process strace watches, and what its record says of who opened and reached what."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fixtures.platform import Server
from tests.fixtures.waiting import wait_until

_REACHING = ("connect", "bind", "sendto", "sendmsg")
_OPENING = ("openat", "openat2", "open", "creat")
_STARTING = ("clone", "clone3", "fork", "vfork", "execve")
_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)", re.DOTALL)


class TracedServer(Server):
    """Started under strace; `trace_path` is the record, whole once the server has ended."""

    @property
    def trace_path(self) -> Path:
        """Where strace writes."""
        return self.data_dir.parent / "trace.txt"

    def start(self, *, timeout_s: float = 120.0) -> "TracedServer":
        """Start the process and wait until it is ready to work."""
        calls = ",".join((*_REACHING, *_OPENING, *_STARTING))
        strace = ["strace", "-f", "-qq", "-e", f"trace={calls}", "-e", "signal=none", "-s", "300", "--seccomp-bpf"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*strace, "-o", str(self.trace_path), sys.executable, "-m", "vidcompute.main", "serve"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.data_dir.parent,
                start_new_session=True,
            )
        wait_until(self._ready, timeout_s=timeout_s, what=f"the traced server's readiness (log: {self.log_path})")
        return self

    def stop(self, *, timeout_s: float = 60.0) -> int:
        """Ask the server itself to end; strace ends with it, and with its exit code."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        return self.process.wait(timeout_s)


@dataclass(frozen=True)
class Call:
    """One system call that went well or not, of a process (threads count as theirs)."""

    process: int
    name: str
    arguments: str
    result: int


@dataclass
class Record:
    """What strace wrote: calls by process, and which process began which."""

    calls: list[Call] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    programs: dict[int, str] = field(default_factory=dict)

    def below(self, process: int) -> set[int]:
        """All that descends from a process."""
        found: set[int] = set()
        fresh = {process}
        while fresh:
            fresh = {child for child, parent in self.parents.items() if parent in fresh} - found
            found |= fresh
        return found

    def opened(self, processes: set[int]) -> Iterator[tuple[str, bool]]:
        """Each path that these asked for, and whether they got it."""
        for call in self.calls:
            if call.process in processes and call.name in _OPENING:
                path = re.search(r'"((?:[^"\\]|\\.)*)"', call.arguments)
                if path is not None:
                    yield path.group(1), call.result >= 0

    def reached(self) -> list[str]:
        """Every address of an internet family that any process connected to, bound or sent to."""
        calls = (call for call in self.calls if call.name in _REACHING)
        return [f"{call.name} {call.arguments}" for call in calls if "AF_INET" in call.arguments]


def read(path: Path) -> Record:
    """The record in a file that strace wrote; calls that were interrupted by others are put together."""
    record = Record()
    owners: dict[int, int] = {}
    begun: dict[int, str] = {}
    for line in path.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, text = int(found[1]), found[2]
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>")
            continue
        if text.startswith("<... "):
            text = begun.pop(thread, "") + text.partition("resumed>")[2]
        call = _CALL.match(text)
        if call is not None:
            _take(record, owners, thread, Call(owners.get(thread, thread), call[1], call[2], int(call[3])))
    # A child may have been heard of before the call that began it was over.
    record.calls = [Call(owners.get(c.process, c.process), c.name, c.arguments, c.result) for c in record.calls]
    return record


def _take(record: Record, owners: dict[int, int], thread: int, call: Call) -> None:
    if call.name in {"clone", "clone3", "fork", "vfork"} and call.result > 0:
        if "CLONE_THREAD" in call.arguments:
            owners[call.result] = owners.get(thread, thread)
        else:
            record.parents[call.result] = owners.get(thread, thread)
        return
    if call.name == "execve" and call.result == 0:
        record.programs[call.process] = call.arguments
    record.calls.append(call)
