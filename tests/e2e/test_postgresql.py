"""The main job on PostgreSQL: the same as on SQLite; it outlives the database, and the server that leads."""

import os
import signal
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, running
from tests.e2e.numbered import picture, tone
from tests.e2e.streams import assert_whole, breaches, listed, steady, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.postgresql import PostgresServer
from tests.fixtures.waiting import wait_until

RENDITIONS = [{"height": 180}, {"height": 144}]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "aac"]


@pytest.fixture
def driver(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    url = postgres_server.make_database()
    with running(tmp_path_factory.mktemp("on-postgresql") / "data", VIDCOMPUTE_DATABASE_URL=url) as made:
        yield made


def test_a_job_is_done_on_postgresql(driver: Driver, clip: ClipMaker) -> None:
    source = clip("numbered-postgresql", [*picture(seconds="8"), *tone("8"), *X264])
    job = driver.done(driver.submit(source, renditions=RENDITIONS)["id"])
    playback_id = job["asset"]["playback_id"]
    assert breaches(driver, playback_id) == []
    for name in ("h264-180", "h264-144"):
        assert_whole(track(driver, playback_id, name), steady(240, Fraction(30)))
    again = driver.done(driver.submit(source, renditions=RENDITIONS)["id"])
    assert set(driver.attempts(again["id"]).values()) == {0}
    assert not (driver.server.data_dir / "vidcompute.db").exists()


def test_a_job_outlives_the_database(driver: Driver, clip: ClipMaker, postgres_server: PostgresServer) -> None:
    source = clip("numbered-outlives", [*picture("640x360", seconds="40"), *tone("40"), *X264])
    job = driver.submit(source, renditions=[{"height": 360}, {"height": 240}])
    driver.until(
        job["id"], "the encode", lambda j: ("encode", "running") in [(s["name"], s["status"]) for s in j["stages"]]
    )
    before = driver.attempts(job["id"])
    postgres_server.kill()
    refused = driver.http.get(f"/api/v1/jobs/{job['id']}")
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert driver.get("/health").status_code == 200
    postgres_server.start()
    wait_until(
        lambda: driver.http.get(f"/api/v1/jobs/{job['id']}").status_code == 200, timeout_s=60, what="the database"
    )
    done = driver.done(job["id"])
    assert breaches(driver, done["asset"]["playback_id"]) == []
    assert sorted(listed(driver, done["asset"]["playback_id"])) == ["audio-0", "h264-240", "h264-360"]
    after = driver.attempts(job["id"])
    assert {name: after[name] for name in before if name in {"probe", "audio"}} == {
        name: before[name] for name in before if name in {"probe", "audio"}
    }
    tasks = {stage["name"]: stage["tasks"] for stage in done["stages"]}
    assert after["encode"] == tasks["encode"]  # what ran meanwhile was not run again


@pytest.fixture
def pair(migrated_postgres_url: str, tmp_path: Path) -> Generator[tuple[Driver, Driver]]:
    """Two servers on one database and one storage: the first leads, the second stands by."""
    shared = {
        "VIDCOMPUTE_DATABASE_URL": migrated_postgres_url,
        "VIDCOMPUTE_STORAGE_DIR": str(tmp_path / "storage"),
    }
    with running(tmp_path / "first", **shared) as first, running(tmp_path / "second", **shared) as second:
        yield first, second


def _encoding(driver: Driver, clip: ClipMaker) -> str:
    """A job whose encode runs; its id."""
    source = clip("numbered-outlives", [*picture("640x360", seconds="40"), *tone("40"), *X264])
    job = driver.submit(source, renditions=[{"height": 360}, {"height": 240}])
    driver.until(
        job["id"], "the encode", lambda j: ("encode", "running") in [(s["name"], s["status"]) for s in j["stages"]]
    )
    return str(job["id"])


def _assert_done_once(driver: Driver, job_id: str) -> None:
    done = driver.done(job_id)
    assert breaches(driver, done["asset"]["playback_id"]) == []
    assert_whole(track(driver, done["asset"]["playback_id"], "h264-360"), steady(1200, Fraction(30)))
    attempts, tasks = driver.attempts(job_id), {stage["name"]: stage["tasks"] for stage in done["stages"]}
    assert attempts["probe"] == tasks["probe"] == 1
    assert attempts["encode"] <= 2 * tasks["encode"]


def test_a_standby_goes_on_where_the_leader_was_killed(pair: tuple[Driver, Driver], clip: ClipMaker) -> None:
    first, second = pair
    job_id = _encoding(first, clip)
    first.server.kill()
    _assert_done_once(second, job_id)
    assert '"leads"' in second.server.log_text()


def test_a_leader_that_slept_past_its_lease_can_not_write(pair: tuple[Driver, Driver], clip: ClipMaker) -> None:
    first, second = pair
    job_id = _encoding(first, clip)
    assert first.server.process is not None
    os.kill(first.server.process.pid, signal.SIGSTOP)
    try:
        _assert_done_once(second, job_id)
        before = second.attempts(job_id)
    finally:
        os.kill(first.server.process.pid, signal.SIGCONT)
    wait_until(
        lambda: "lost_the_lead" in first.server.log_text(), timeout_s=30, what="the former leader to learn of it"
    )
    assert second.attempts(job_id) == before
    assert first.done(job_id)["status"] == "done"  # it serves the API on
    source = clip("numbered-later", [*picture(seconds="4"), *tone("4"), *X264])
    assert second.done(first.submit(source, renditions=RENDITIONS)["id"])["status"] == "done"
