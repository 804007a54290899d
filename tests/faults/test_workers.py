"""Workers that are killed: an attempt costs a task one try, and one that is killed each time ends as a dead letter."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, running
from tests.fixtures.clips import ClipMaker
from tests.fixtures.command import vidctl
from tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.waits


def workers(server_pid: int) -> list[int]:
    """The processes of attempts that run now: what the server's warm child has started."""
    children = [child for warm in children_of(server_pid) for child in children_of(warm)]
    return [pid for pid in children if os.getpgid(pid) == pid]


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def signal_workers(driver: Driver, number: signal.Signals) -> list[int]:
    assert driver.server.process is not None
    found = workers(driver.server.process.pid)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    return found


def test_a_worker_that_is_killed_each_time_takes_its_task_to_the_dead_letters(clip: ClipMaker, tmp_path: Path) -> None:
    source = clip("worker", ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=4", "-c:v", "libx264", "-g", "250"])
    limits = {"VIDCOMPUTE_MAX_LOSSES": "3", "VIDCOMPUTE_RETRY_BASE_S": "0.05"}
    with running(tmp_path / "data", **limits) as driver:
        job_id = driver.submit(source, outputs=["hls"])["id"]

        def is_over() -> bool:
            signal_workers(driver, signal.SIGKILL)
            return bool(driver.job(job_id)["status"] == "failed")

        wait_until(is_over, timeout_s=60, what="the end of the job")
        error = driver.job(job_id)["error"]
        assert error["code"] == "attempt_lost"
        assert "3 attempts were lost" in error["detail"]
        keys = [key for stage in driver.job(job_id)["stages"] for key in stage["logs_keys"]]
        logs = [driver.server.data_dir / "storage" / key for key in keys]
        assert sum("attempt_lost" in log.read_text() for log in logs) >= 3  # up to its death, and why
        dead = driver.http.get("/api/v1/jobs", params={"dead": True}).json()["items"]
        assert [job["id"] for job in dead] == [job_id]
        shown = vidctl("dead", data_dir=driver.server.data_dir)
        assert job_id in shown
        assert "attempts were lost" in shown
        requeued = driver.http.post("/api/v1/jobs/requeue").json()
        assert requeued["job_ids"] == [job_id]
        job = driver.done(job_id)
        assert job["error"] is None
        assert driver.http.get("/api/v1/jobs", params={"dead": True}).json()["items"] == []


def test_a_worker_that_is_stopped_is_taken_for_lost_and_its_task_runs_again(clip: ClipMaker, tmp_path: Path) -> None:
    source = clip("worker-long", ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=20", "-c:v", "libx264", "-g", "250"])
    with running(tmp_path / "data", VIDCOMPUTE_HEARTBEAT_LEASE_S="15", VIDCOMPUTE_RETRY_BASE_S="0.05") as driver:
        job_id = driver.submit(source, outputs=["hls"])["id"]

        def encodes() -> bool:  # long enough that nobody who is stopped has told its end already
            return any(
                stage["name"] == "encode" and stage["status"] == "running" for stage in driver.job(job_id)["stages"]
            )

        wait_until(encodes, timeout_s=20, what="the encode")
        stopped = wait_until(lambda: signal_workers(driver, signal.SIGSTOP), timeout_s=20, what="a worker")
        driver.done(job_id)
        page = driver.http.get(f"/api/v1/jobs/{job_id}/attempts", params={"outcome": "lost"}).json()
        assert {attempt["error"]["code"] for attempt in page["items"]} == {"attempt_silent"}
        assert not [pid for pid in stopped if Path(f"/proc/{pid}").exists()]
        assert "gave no sign of life" in vidctl("attempts", job_id, data_dir=driver.server.data_dir)
