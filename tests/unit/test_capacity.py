"""Cores and memory as control groups of both versions allow them, on trees such as machines and containers have."""

import os
from pathlib import Path

import pytest

from vidcompute.adapters.capacity import Groups, cpu_cores, memory_bytes

CORES = float(len(os.sched_getaffinity(0)))
MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def groups(folder: Path, listing: str, files: dict[str, str]) -> Groups:
    (folder / "cgroup").write_text(listing)
    for name, text in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return Groups(folder / "cgroup", folder / "fs")


@pytest.mark.parametrize(
    ("listing", "files", "cores"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),  # the group above is tighter
        ("0::/\n", {"cpu.max": "25000 100000"}, 0.25),  # a container's own view
        ("0::/\n", {}, CORES),  # the root has no limits
        ("4:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "30000", "cpu/a/cpu.cfs_period_us": "100000"}, 0.3),
        ("4:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, CORES),
        # Docker on version 1: the host's name is listed, and the container's group is at the top.
        ("4:cpu:/docker/f00\n", {"cpu/cpu.cfs_quota_us": "75000", "cpu/cpu.cfs_period_us": "100000"}, 0.75),
        ("0::/a\n", {"a/cpu.max": "9900000 100000"}, CORES),  # more than there is
        ("0::/a\n", {"a/cpu.max": "garbage"}, CORES),
    ],
)
def test_cores_are_those_of_the_tightest_quota(
    tmp_path: Path, listing: str, files: dict[str, str], cores: float
) -> None:
    assert cpu_cores(groups(tmp_path, listing, files)) == pytest.approx(cores)


@pytest.mark.parametrize(
    ("listing", "files", "size"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "1000000"}, 1_000_000),
        ("7:memory:/a\n", {"memory/a/memory.limit_in_bytes": "2000000"}, 2_000_000),
        ("7:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, MACHINE),
        ("7:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "2000000"}, MACHINE),
    ],
)
def test_memory_is_that_of_the_tightest_limit(tmp_path: Path, listing: str, files: dict[str, str], size: int) -> None:
    assert memory_bytes(groups(tmp_path, listing, files)) == size


def test_where_nothing_is_told_it_is_the_machine(tmp_path: Path) -> None:
    nowhere = Groups(tmp_path / "none", tmp_path)
    assert (cpu_cores(nowhere), memory_bytes(nowhere)) == (CORES, MACHINE)
    assert 0 < cpu_cores() <= CORES
    assert 0 < memory_bytes() <= MACHINE
