"""The database, and then the store, end without a word under a running job, and stay away for a minute each."""

import threading
from collections.abc import Generator, Mapping
from fractions import Fraction

import pytest

from tests.e2e.driving import Driver, Json, running
from tests.e2e.numbered import picture, tone
from tests.e2e.streams import assert_whole, breaches, steady, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.postgresql import PostgresServer
from tests.fixtures.swift import SwiftServer

AWAY_S = 60
SECONDS = 300
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "pcm_s16le"]
WANTED: Json = {"renditions": [{"height": 360, "codec": "hevc"}, {"height": 240}]}


@pytest.fixture
def driver(
    postgres_server: PostgresServer, swift_server: SwiftServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Driver]:
    places = {
        "VIDCOMPUTE_DATABASE_URL": postgres_server.make_database(),
        **swift_server.settings(f"s3://{swift_server.make_bucket()}/library"),
    }
    with running(tmp_path_factory.mktemp("away") / "data", VIDCOMPUTE_CPU_COUNT="1", **places) as made:
        yield made


def _encode(job: Json) -> Json:
    found: Json = next((s for s in job["stages"] if s["name"] == "encode"), {"status": "none", "tasks_done": 0})
    return found


def _finished(job: Json) -> Mapping[str, int]:
    return {s["name"]: s["attempts"] for s in job["stages"] if s["tasks_done"] == s["tasks"]}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_job_outlives_a_minute_without_its_database_and_one_without_its_store(
    driver: Driver, clip: ClipMaker, postgres_server: PostgresServer, swift_server: SwiftServer
) -> None:
    inputs = [*picture("640x360", seconds=str(SECONDS)), *tone(str(SECONDS))]
    job_id = driver.submit(clip("numbered-away", [*inputs, *X264], suffix=".mov"), **WANTED)["id"]
    job = driver.until(job_id, "the encode", lambda j: _encode(j)["status"] == "running")
    postgres_server.kill()
    threading.Event().wait(AWAY_S)
    postgres_server.start()
    came_back = driver.until(job_id, "a chunk after it", lambda j: 0 < _encode(j)["tasks_done"] < _encode(j)["tasks"])
    attempts = {s["name"]: s["attempts"] for s in came_back["stages"]}
    assert {name: attempts[name] for name in _finished(job)} == _finished(job)
    swift_server.kill()
    threading.Event().wait(AWAY_S)
    swift_server.start()
    done = driver.done(job_id)
    assert {s["name"]: s["attempts"] for s in done["stages"]} == {s["name"]: s["tasks"] for s in done["stages"]}
    playback_id = done["asset"]["playback_id"]
    assert breaches(driver, playback_id) == []
    for name in ("hevc-360", "h264-240"):
        assert_whole(track(driver, playback_id, name), steady(SECONDS * 30, Fraction(30)))
