"""How much of this machine is ours: cores and memory, as affinity and control groups allow."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Groups:
    """Where the kernel tells of control groups: which a process is in, and the folders that stand for them."""

    listing: Path = Path("/proc/self/cgroup")
    top: Path = Path("/sys/fs/cgroup")


_HERE = Groups()


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _own_groups(controller: str, groups: Groups) -> Iterator[Path]:
    """The folders of this process's control group and of those above it, version 2 and 1.

    In a container the listing may have the host's names, which are not there; the topmost folder is its own group.
    """
    try:
        lines = groups.listing.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = groups.top / controller if controllers else groups.top
        group = top / name.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _cpu_quotas(groups: Groups) -> Iterator[float]:
    for folder in _own_groups("cpu", groups):
        words: list[str] = []
        try:
            words = (folder / "cpu.max").read_text().split()
        except OSError:
            quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
            words = [str(quota), str(period)] if quota and period and quota > 0 else []
        if len(words) == 2 and words[0] != "max":
            yield int(words[0]) / int(words[1])


def cpu_cores(groups: Groups = _HERE) -> float:
    """Cores that this process may use: the affinity mask, or the CPU quota of a control group where that is less."""
    return min([float(len(os.sched_getaffinity(0))), *_cpu_quotas(groups)])


def memory_bytes(groups: Groups = _HERE) -> int:
    """Bytes of memory: the machine's, or the limit of a control group where that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [
        limit
        for folder in _own_groups("memory", groups)
        for name in ("memory.max", "memory.limit_in_bytes")
        if (limit := _number(folder / name)) is not None
    ]
    return min([machine, *limits])
