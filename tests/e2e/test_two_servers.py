"""Two servers on one PostgreSQL and one Redis: who doesn't lead shows what happens as it happens; Redis may go.

Only who leads makes segments ahead; and a library moves under both of them while it is watched.
"""

import json
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, Json, events_of, running
from tests.e2e.streams import breaches
from tests.e2e.viewer import Viewer
from tests.fixtures.clips import ClipMaker
from tests.fixtures.command import vidctl
from tests.fixtures.redis import RedisServer
from tests.fixtures.swift import SwiftServer
from tests.fixtures.waiting import wait_until

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250"]
# One encoder that is slow, and one that says at its beginning what it is going to do.
SLOW: Json = {
    "outputs": ["hls"],
    "renditions": [{"height": 360, "codec": "hevc", "quality": 8}, {"height": 240, "codec": "av1"}],
}


@pytest.fixture
def pair(migrated_postgres_url: str, redis_server: RedisServer, tmp_path: Path) -> Generator[tuple[Driver, Driver]]:
    """The first leads, the second stands by."""
    shared = {
        "VIDCOMPUTE_DATABASE_URL": migrated_postgres_url,
        "VIDCOMPUTE_STORAGE_DIR": str(tmp_path / "storage"),
        "VIDCOMPUTE_REDIS_URL": redis_server.url,
        "VIDCOMPUTE_CPU_COUNT": "1",
    }
    with running(tmp_path / "first", **shared) as first, running(tmp_path / "second", **shared) as second:
        yield first, second


@pytest.fixture(scope="module")
def source(clip: ClipMaker) -> Path:
    """It keeps a core busy for a while: longer than everything that is looked at takes."""
    return clip("slow-40", ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=40", *X264])


class Listener:
    """Reads a stream of server-sent events in a thread."""

    def __init__(self, driver: Driver, path: str) -> None:
        self.heard: list[Json] = []
        self._driver = driver
        self._path = path
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        headers = {"Accept": "text/event-stream"}
        with (
            self._driver.server.client() as client,
            client.stream("GET", self._path, headers=headers, timeout=300) as answer,
        ):
            for event in events_of(answer.iter_lines()):
                self.heard.append(event)

    def until(self, what: str, found: Callable[[Json], bool], timeout_s: float = 60.0) -> Json:
        """The first event that `found` is true of."""
        return wait_until(
            lambda: next((event for event in list(self.heard) if found(event)), None), timeout_s=timeout_s, what=what
        )

    def ended(self) -> None:
        """Wait until the stream is over."""
        self._thread.join(120)
        assert not self._thread.is_alive()


def _encoded(event: Json) -> float:
    if event.get("event") != "progress":
        return 0.0
    stage = event["data"]["stages"].get("encode", {})
    return float(stage.get("fraction", 0)) if stage.get("status") == "running" else 0.0


def _stored_logs(driver: Driver, job_id: str, stage: str) -> list[Path]:
    keys = next(s["logs_keys"] for s in driver.job(job_id)["stages"] if s["name"] == stage)
    storage = driver.server.data_dir.parent / "storage"
    return [storage / key for key in keys if (storage / key).exists()]


def test_who_does_not_lead_shows_what_happens_and_redis_may_die(
    pair: tuple[Driver, Driver], source: Path, redis_server: RedisServer
) -> None:
    _, second = pair
    assert second.get("/ready").json() == {
        "status": "ready",
        "checks": {"database": "ok", "dispatcher": "ok", "storage": "ok", "redis": "ok"},
    }
    job_id = second.submit(source, **SLOW)["id"]
    events = Listener(second, f"/api/v1/jobs/{job_id}/events")
    lines = Listener(second, f"/api/v1/jobs/{job_id}/logs")
    events.until("progress of the encode", lambda event: _encoded(event) > 0)
    line = lines.until("a line of the encode", lambda e: e.get("event") == "log" and e["data"]["stage"] == "encode")
    assert _stored_logs(second, job_id, "encode") == []  # it came while the attempt was at work
    assert line["data"]["line"] == 1

    redis_server.kill()
    wait_until(lambda: second.get("/ready").json()["status"] == "degraded", what="readiness to tell")
    assert second.get("/ready").status_code == 200
    so_far = max(map(_encoded, events.heard))
    events.until("progress without Redis", lambda event: _encoded(event) > so_far)
    redis_server.start()
    wait_until(lambda: second.get("/ready").json()["status"] == "ready", what="Redis to be found again")
    redis_server.kill()

    assert second.done(job_id)["status"] == "done"
    for listener in (events, lines):
        listener.ended()
    told = [e["data"] for e in lines.heard if e.get("event") == "log"]
    whole = second.http.get(f"/api/v1/jobs/{job_id}/logs", params={"limit": 1000}).json()["items"]
    assert sorted(map(_named, told)) == sorted(map(_named, whole))  # every line, and each once
    assert lines.heard[-1]["event"] == "end"


def _named(line: Json) -> str:
    return json.dumps([line["stage"], line["attempt_id"], line["line"], line["message"]])


def _made_in_haste(driver: Driver) -> list[Path]:
    return list((driver.server.data_dir / "fast").rglob("*.m4s"))


def test_who_does_not_lead_makes_no_segments_ahead(pair: tuple[Driver, Driver], source: Path) -> None:
    first, second = pair
    # long enough for a ladder to be raced: short ones are not
    job_id = second.submit(source, outputs=["hls"], renditions=[{"height": 360}, {"height": 240}])["id"]
    wait_until(lambda: _made_in_haste(first), timeout_s=60, what="segments ahead of the ladder, by the leader")
    assert second.done(job_id)["status"] == "done"
    assert _made_in_haste(second) == []


def test_a_library_moves_under_two_servers_while_it_is_watched_on_both(
    migrated_postgres_url: str, swift_server: SwiftServer, swift_bucket: str, clip: ClipMaker, tmp_path: Path
) -> None:
    url, folder = f"s3://{swift_bucket}/library", tmp_path / "storage"
    shared = {**swift_server.settings(url), "VIDCOMPUTE_DATABASE_URL": migrated_postgres_url}
    del shared["VIDCOMPUTE_STORAGE_URL"]  # the keys of a place to come are there already
    shared |= {"VIDCOMPUTE_STORAGE_DIR": str(folder), "VIDCOMPUTE_CPU_COUNT": "1"}
    short = clip("mpeg2_mp3_144p15_2s")

    def move(*arguments: str) -> Json:
        text = vidctl(
            "migrate-storage", "--json", "--to", *arguments, data_dir=first.server.data_dir, environment=shared
        )
        found: Json = json.loads(text)
        return found

    with running(tmp_path / "first", **shared) as first, running(tmp_path / "second", **shared) as second:
        job = first.done(first.submit(short, renditions=[{"height": 144}])["id"])
        playback_id = job["asset"]["playback_id"]
        viewers = [Viewer(driver, playback_id, ["h264-144"]) for driver in (first, second)]
        with viewers[0], viewers[1]:
            there = move(url, "--delete-old")
            assert there["copied"] == there["deleted"] == len(swift_server.keys(url))
            assert not list((folder / "orgs").glob("*"))
            for viewer in viewers:
                viewer.goes_on()
            fresh = second.done(second.submit(short, renditions=[{"height": 144, "quality": 30}])["id"])
            assert not list((folder / "orgs").glob("*"))  # what is new lies in the new place alone
            move(str(folder), "--delete-old")
            for viewer in viewers:
                viewer.goes_on()
        assert [viewer.wrong for viewer in viewers] == [[], []]
        assert swift_server.keys(url) == []
        for driver in (first, second):
            assert breaches(driver, playback_id) == breaches(driver, fresh["asset"]["playback_id"]) == []
