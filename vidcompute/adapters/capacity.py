"""How much of this machine is ours: cores and memory, as affinity and control groups allow."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _own_groups(controller: str) -> list[Path]:
    """The folders of this process's control group and of those above it, version 2 and 1."""
    found: list[Path] = []
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = _CGROUP / controller if controllers else _CGROUP
        group = top / name.lstrip("/")
        found += [folder for folder in (group, *group.parents) if folder.is_relative_to(top)]
    return found


def _cpu_quotas() -> list[float]:
    quotas = []
    for folder in _own_groups("cpu"):
        words: list[str] = []
        try:
            words = (folder / "cpu.max").read_text().split()
        except OSError:
            quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
            words = [str(quota), str(period)] if quota and period and quota > 0 else []
        if len(words) == 2 and words[0] != "max":
            quotas.append(int(words[0]) / int(words[1]))
    return quotas


def cpu_cores() -> float:
    """Cores that this process may use: the affinity mask, or the CPU quota of a control group where that is less."""
    return min([float(len(os.sched_getaffinity(0))), *_cpu_quotas()])


def memory_bytes() -> int:
    """Bytes of memory: the machine's, or the limit of a control group where that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [
        limit
        for folder in _own_groups("memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (limit := _number(folder / name)) is not None
    ]
    return min([machine, *limits])
