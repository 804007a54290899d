"""Everything dies with its parent: nothing is left of a server that was killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.processes import alive
from tests.fixtures.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.runner_server", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def pids_of(server: subprocess.Popen[str]) -> list[int]:
    """The forkserver, the attempt's leader, its stage, its ffmpeg."""
    assert server.stdout is not None
    pids = [int(word) for word in server.stdout.readline().split()[1:]]
    return [parent_of(pids[0]), *pids]


def test_nothing_is_left_of_a_killed_server(server: subprocess.Popen[str]) -> None:
    pids = pids_of(server)
    assert alive(pids) == pids
    server.kill()
    server.wait()
    wait_until(lambda: not alive(pids), timeout_s=10, what="the end of all processes")


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_nothing_is_left_below_a_killed_process(server: subprocess.Popen[str], victim: int) -> None:
    pids = pids_of(server)
    os.kill(pids[victim], signal.SIGKILL)
    wait_until(lambda: not alive(pids[victim:]), timeout_s=10, what="the end of all below")


def test_the_next_server_sweeps_what_the_last_one_left(server: subprocess.Popen[str], tmp_path: Path) -> None:
    pids = pids_of(server)
    (left,) = (tmp_path / "work").glob("att_*")
    (tmp_path / "work" / "precious").mkdir()
    server.kill()
    server.wait()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.runner_server", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as second:
        pids_of(second)
        wait_until(lambda: not left.exists(), timeout_s=10, what="the sweep")
        second.kill()
    assert (tmp_path / "work" / "precious").is_dir()
    log = tmp_path / "storage" / "orgs" / "org_1" / "logs" / f"{left.name}.log"
    assert f"info pids {' '.join(map(str, pids[1:]))}" in log.read_text()  # up to its death
