"""CPU time and memory of the platform's processes, read from the kernel."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class CpuMeter(Protocol):
    """Tells how much CPU a tree of processes has used; readings before and after are subtracted."""

    @property
    def kind(self) -> str:
        """How it reads, for the report."""
        ...

    def cpu_s(self) -> float:
        """Seconds of CPU so far, of those that have ended as well."""
        ...


class CgroupMeter:
    """A control group of our own: exact, whatever becomes of the processes in it."""

    kind = "cgroup"

    def __init__(self, folder: Path, usage_file: str) -> None:
        self._folder = folder
        self._usage_file = usage_file

    def add(self, pid: int) -> None:
        """Move a process into the group; what it starts from now on is born there."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        text = (self._folder / self._usage_file).read_text()
        found = re.search(r"usage_usec (\d+)", text)
        return int(found.group(1)) / 1e6 if found else int(text) / 1e9

    def remove(self) -> None:
        """Take the group away; its processes must have ended."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def own_cgroup(name: str) -> CgroupMeter | None:
    """A fresh control group below this process's own, of version 1 or 2; None where none can be made."""
    for mount, usage_file, path in _hierarchies():
        folder = mount / path / name
        try:
            folder.mkdir()
            int(re.findall(r"\d+", (folder / usage_file).read_text())[0])
        except (OSError, IndexError):
            with contextlib.suppress(OSError):
                folder.rmdir()
            continue
        return CgroupMeter(folder, usage_file)
    return None


def _hierarchies() -> Iterator[tuple[Path, str, str]]:
    own = {}
    for row in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = row.split(":", 2)
        own[controllers] = path.strip("/")
    for row in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, options, *_ = row.split()
        if kind == "cgroup" and "cpuacct" in options.split(","):
            path = next((p for names, p in own.items() if "cpuacct" in names.split(",")), "")
            yield Path(mount), "cpuacct.usage", path
        elif kind == "cgroup2":
            yield Path(mount), "cpu.stat", own.get("", "")


class TreeMeter:
    """The times of a process and all that it started: of the living, and of the dead by who waited for them."""

    kind = "process tree"

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu_s(self) -> float:
        """Seconds of CPU so far, to a hundredth for each process."""
        return sum(_with_reaped_s(pid) for pid in (self._pid, *descendants(self._pid)))


def descendants(pid: int) -> list[int]:
    """All processes that stem from this one and live."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _with_reaped_s(pid: int) -> float:
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / _TICKS_PER_S


def own_cpu_s(pid: int) -> float:
    """Seconds of CPU of one process alone."""
    return sum(int(ticks) for ticks in _stat(pid)[11:13]) / _TICKS_PER_S


def rss_bytes(pid: int) -> int:
    """What one process has in memory; 0 when it has gone."""
    try:
        found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0
