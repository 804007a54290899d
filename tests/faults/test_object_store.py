"""Jobs whose object store is killed, or lies behind a way that breaks: they end done, and right."""

import threading
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, Json, running
from tests.e2e.numbered import picture, tone
from tests.e2e.streams import assert_whole, breaches, listed, steady, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.faulty import FaultyWay
from tests.fixtures.swift import SwiftServer
from tests.fixtures.waiting import wait_until

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "aac"]
MODES = [("reset", "corrupt_answers"), pytest.param(("busy", "corrupt_requests", "slow"), marks=pytest.mark.long)]


@pytest.fixture
def driver(swift_server: SwiftServer, swift_bucket: str, tmp_path: Path) -> Generator[Driver]:
    with running(tmp_path / "data", **swift_server.settings(f"s3://{swift_bucket}/library")) as made:
        yield made


def encoding(driver: Driver, clip: ClipMaker) -> str:
    source = clip("numbered-outlives-s3", [*picture("640x360", seconds="24"), *tone("24"), *X264])
    job = driver.submit(source, renditions=[{"height": 360}, {"height": 240}])
    driver.until(
        job["id"], "the encode", lambda j: ("encode", "running") in [(s["name"], s["status"]) for s in j["stages"]]
    )
    return str(job["id"])


def outlive(driver: Driver, clip: ClipMaker, swift_server: SwiftServer, while_away: Callable[[], object]) -> None:
    job_id = encoding(driver, clip)
    before = driver.job(job_id)
    swift_server.kill()
    try:
        assert driver.get("/health").status_code == 200
        assert driver.get("/ready").status_code == 503
        while_away()
    finally:
        swift_server.start()
    done = driver.done(job_id)
    assert breaches(driver, done["asset"]["playback_id"]) == []
    assert sorted(listed(driver, done["asset"]["playback_id"])) == ["audio-0", "h264-240", "h264-360"]
    finished = {s["name"] for s in before["stages"] if s["tasks_done"] == s["tasks"]}
    attempts, tasks = driver.attempts(job_id), {s["name"]: s["tasks"] for s in done["stages"]}
    assert finished
    assert {name: attempts[name] for name in tasks} == tasks  # nothing was run twice


def test_a_job_outlives_the_object_store(driver: Driver, clip: ClipMaker, swift_server: SwiftServer) -> None:
    def wants_it() -> None:
        wait_until(
            lambda: driver.get("/ready").json()["checks"]["storage"] != "ok", timeout_s=20, what="/ready to tell"
        )

    outlive(driver, clip, swift_server, wants_it)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_job_outlives_an_object_store_that_is_away_for_a_minute(
    driver: Driver, clip: ClipMaker, swift_server: SwiftServer
) -> None:
    outlive(driver, clip, swift_server, lambda: threading.Event().wait(60))


def submitted(driver: Driver, clip: ClipMaker) -> Json:
    inputs = [*picture(seconds="2"), *tone("2")]
    source = clip("numbered-bad-way", [*inputs, *X264])
    return driver.submit(source, outputs=["hls", "mp4", "thumbnail"], renditions=[{"height": 180}])


@pytest.mark.parametrize("modes", MODES)
def test_a_job_over_a_bad_way_to_its_store_is_done_and_right(
    swift_server: SwiftServer,
    swift_bucket: str,
    way_to_swift: FaultyWay,
    clip: ClipMaker,
    tmp_path: Path,
    modes: tuple[str, ...],
) -> None:
    settings = {**swift_server.settings(f"s3://{swift_bucket}"), "VIDCOMPUTE_UNDO_S": "0"}
    settings["VIDCOMPUTE_STORAGE_ENDPOINT"] = way_to_swift.endpoint
    with running(tmp_path / "data", **settings) as driver:
        happened = []
        for mode in modes:
            way_to_swift.break_down(mode, faults=4)
            job = driver.done(submitted(driver, clip)["id"])
            happened.append(way_to_swift.happened)
            way_to_swift.mend()
            playback_id = job["asset"]["playback_id"]
            assert_whole(track(driver, playback_id, "h264-180"), steady(60, Fraction(30)))
            driver.purge(job["asset"]["id"])
        assert [mode for mode, count in zip(modes, happened, strict=True) if not count] in ([], ["slow"])
