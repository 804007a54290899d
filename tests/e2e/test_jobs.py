"""Jobs as their owners see them: nothing done twice, cancel, retry, priorities, events, logs, metrics, shutdown."""

import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.driving import Driver, Json, endless, events_of, running
from tests.e2e.numbered import called, frames, picture, tone
from tests.e2e.streams import breaches, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.platform import Server
from tests.fixtures.processes import alive, descendants
from tests.fixtures.waiting import wait_until

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250"]
SMALL: Json = {"outputs": ["hls"], "renditions": [{"height": 180}]}
SLOW: Json = {"outputs": ["hls"], "renditions": [{"height": 360, "codec": "hevc", "quality": 8}]}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    with running(tmp_path_factory.mktemp("jobs") / "data", VIDCOMPUTE_CPU_COUNT="1") as made:
        yield made


@pytest.fixture(scope="module")
def short(clip: ClipMaker) -> Path:
    return clip("numbered-jobs", [*picture(seconds="3"), *tone("3"), *X264, "-c:a", "aac"])


def _stage(job: Json, name: str) -> Json:
    found: Json = next((s for s in job["stages"] if s["name"] == name), {"status": "none"})
    return found


def _encoding(job: Json) -> bool:
    return bool(_stage(job, "encode")["status"] == "running")


def _running(driver: Driver, needle: str) -> list[str]:
    """The command lines of processes of the platform that have `needle` in them."""
    return [line for line in descendants(*driver.server.roots()).values() if needle in line]


def test_the_same_source_and_spec_twice_runs_nothing_twice(driver: Driver, short: Path) -> None:
    first = driver.done(driver.submit(short, **SMALL)["id"])
    assert all(stage["attempts"] >= 1 for stage in first["stages"])
    again = driver.done(driver.submit(short, name="other name.mp4", **SMALL)["id"])
    assert again["id"] != first["id"]
    assert again["asset_id"] != first["asset_id"]
    assert {stage["name"]: stage["attempts"] for stage in again["stages"]} == dict.fromkeys(
        driver.attempts(first["id"]), 0
    )
    assert all(stage["reused"] == stage["tasks"] for stage in again["stages"])
    assert driver.attempts(first["id"]) == {stage["name"]: stage["attempts"] for stage in first["stages"]}
    assert breaches(driver, again["asset"]["playback_id"]) == []
    more = driver.done(driver.submit(short, outputs=["hls", "mp4"], renditions=SMALL["renditions"])["id"])
    assert {name for name, attempts in driver.attempts(more["id"]).items() if attempts} == {"mp4"}


def test_frames_come_while_they_are_taken(driver: Driver, clip: ClipMaker) -> None:
    source = clip("frames-on-the-way", ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=20", *X264])
    job = driver.submit(source, outputs=[{"type": "frames", "pick": "all", "format": "png"}])
    received, running_at_first = bytearray(), False
    with driver.http.stream("GET", f"/api/v1/jobs/{job['id']}/frames.zip", timeout=60) as answer:
        assert answer.status_code == 200
        assert "content-length" not in answer.headers
        for piece in answer.iter_bytes():
            running_at_first = running_at_first or driver.job(job["id"])["status"] == "running"
            received += piece
    assert running_at_first
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 600 + 1
    assert bytes(received) == driver.http.get(f"/api/v1/jobs/{job['id']}/frames.zip").content


def test_deleting_one_asset_leaves_what_another_shares(driver: Driver, short: Path) -> None:
    first, second = (driver.done(driver.submit(short, **SMALL)["id"]) for _ in range(2))
    path = f"/api/v1/assets/{first['asset_id']}"
    assert driver.http.delete(path, params={"permanent": "true"}).status_code == 204
    assert driver.http.post(f"{path}/restore").status_code == 404
    assert driver.get(f"/stream/{first['asset']['playback_id']}.m3u8").status_code == 404
    assert breaches(driver, second["asset"]["playback_id"]) == []


def test_a_cancelled_job_leaves_no_process_and_can_be_tried_again(driver: Driver, clip: ClipMaker, short: Path) -> None:
    job = driver.submit(endless(clip), **SLOW)
    driver.until(job["id"], "the encode", _encoding)
    wait_until(lambda: _running(driver, "libx265"), what="the encoder's process")
    assert driver.http.delete(f"/api/v1/jobs/{job['id']}").json()["status"] == "cancelled"
    wait_until(lambda: not _running(driver, "libx265"), timeout_s=10, what="the end of the encoder's process")
    cancelled = driver.ended(job["id"])
    assert cancelled["status"] == "cancelled"
    assert cancelled["asset"]["status"] == "errored"
    assert driver.http.delete(f"/api/v1/jobs/{job['id']}").status_code == 200  # again changes nothing
    retried = driver.http.post(f"/api/v1/jobs/{job['id']}/retry")
    assert retried.json()["status"] in {"queued", "running"}
    job = driver.until(job["id"], "the encode", _encoding)
    assert _stage(job, "probe")["attempts"] == 1
    assert _stage(job, "encode")["attempts"] == 2
    driver.http.delete(f"/api/v1/jobs/{job['id']}").raise_for_status()
    finished = driver.done(driver.submit(short, **SMALL)["id"])
    assert driver.http.post(f"/api/v1/jobs/{finished['id']}/retry").json()["code"] == "job_done"
    assert driver.http.delete(f"/api/v1/jobs/{finished['id']}").json()["code"] == "job_ended"


def test_priorities_are_honoured(driver: Driver, clip: ClipMaker) -> None:
    blocking = driver.submit(endless(clip), **SLOW, priority="high")
    driver.until(blocking["id"], "the encode", _encoding)
    jobs, film = {}, clip("numbered-priorities", [*picture(seconds="2"), *X264])
    for priority in ("low", "normal", "high"):
        source = clip(f"numbered-{priority}", called(film, f"priority {priority}"))
        jobs[priority] = driver.submit(source, **SMALL, priority=priority)["id"]
        driver.until(jobs[priority], "its encode's turn", lambda j: _stage(j, "encode")["status"] == "ready")
    driver.http.delete(f"/api/v1/jobs/{blocking['id']}").raise_for_status()
    told = {p: _stage(driver.done(job_id), "encode")["started_at"] for p, job_id in jobs.items()}
    started = {p: datetime.fromisoformat(at) for p, at in told.items()}
    assert started["high"] < started["normal"] < started["low"]


def test_an_idempotency_key_makes_one_job_of_two_requests(driver: Driver, short: Path) -> None:
    first = driver.submit(short, key="order-17", **SMALL)
    again = driver.submit(short, key="order-17", **SMALL)
    assert again["id"] == first["id"]
    body = {"input": {"source": first["asset"]["source_id"]}, "outputs": ["thumbnail"]}
    answers = [
        driver.http.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "order-18"}).json() for _ in range(2)
    ]
    assert answers[0]["id"] == answers[1]["id"]
    other = driver.http.post("/api/v1/jobs", json={**body, "title": "x"}, headers={"Idempotency-Key": "order-18"})
    assert other.status_code in {409, 422}
    assert driver.done(answers[0]["id"])["outputs"][0]["type"] == "thumbnail"


def test_events_resume_where_they_stopped(driver: Driver, short: Path) -> None:
    job = driver.done(driver.submit(short, title="events", **SMALL)["id"])
    url = f"/api/v1/jobs/{job['id']}/events"

    def told(**headers: str) -> list[Json]:
        with driver.http.stream("GET", url, headers=headers, timeout=60) as stream:
            return [event for event in events_of(stream.iter_lines()) if "id" in event]

    whole = told()
    kinds = [event["event"] for event in whole]
    assert set(kinds[:2]) == {"asset.created", "job.created"}
    assert kinds.index("job.created") < kinds.index("job.planned") < kinds.index("job.done")
    assert kinds.index("job.planned") < kinds.index("track.ready") < kinds.index("asset.ready")
    middle = len(whole) // 2
    assert told(**{"Last-Event-ID": whole[middle]["id"]}) == whole[middle + 1 :]
    assert driver.http.get(url, headers={"Last-Event-ID": whole[-1]["id"]}).status_code == 204


def test_a_viewer_of_events_sees_progress_and_the_end(driver: Driver, clip: ClipMaker) -> None:
    source = clip("numbered-progress", [*picture(seconds="16"), *X264])
    job = driver.submit(source, outputs=["hls"], renditions=[{"height": 180, "codec": "hevc", "quality": 20}])
    with driver.http.stream("GET", f"/api/v1/jobs/{job['id']}/events", timeout=120) as stream:
        events = list(events_of(stream.iter_lines()))
    fractions = [event["data"]["fraction"] for event in events if event["event"] == "progress"]
    assert fractions
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert "job.done" in [event["event"] for event in events]


def test_logs_tell_of_every_stage_and_page(driver: Driver, short: Path) -> None:
    job = driver.done(driver.submit(short, outputs=["hls"], renditions=[{"height": 160}])["id"])
    url = f"/api/v1/jobs/{job['id']}/logs"
    whole = driver.http.get(url, params={"limit": 1000}).json()["items"]
    pages, cursor = [], None
    while True:
        page = driver.http.get(url, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        if not page["items"]:
            break
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == whole
    assert all(stage["logs_key"] for stage in job["stages"] if stage["attempts"])
    keys = [key for stage in job["stages"] for key in stage["logs_keys"]]
    assert all(map(driver.server.holds, keys))


def test_metrics_are_complete_and_clean(driver: Driver, short: Path) -> None:
    driver.done(driver.submit(short, **SMALL)["id"])
    text = driver.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in (
        *("vidcompute_jobs", "vidcompute_jobs_failed", "vidcompute_job_duration_seconds"),
        *("vidcompute_stage_duration_seconds", "vidcompute_stage_failures", "vidcompute_scheduler_queue_depth"),
        *("vidcompute_scheduler_jobs_scheduled", "vidcompute_encoded_media_seconds", "vidcompute_http_requests"),
        *("vidcompute_http_request_duration_seconds", "vidcompute_http_requests_in_flight"),
    ):
        assert name in families, name
    done = [s.value for s in families["vidcompute_jobs"].samples if s.labels.get("status") == "done"]
    assert done[0] >= 1
    assert next(s.value for s in families["vidcompute_encoded_media_seconds"].samples if s.name.endswith("_total")) > 0
    for family in families.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation
        assert not family.name.endswith(("_total", "_milliseconds", "_ms"))


def test_metrics_pass_promtool(driver: Driver) -> None:
    program = shutil.which("promtool")
    assert program, "make test unpacks promtool"
    text = driver.get("/metrics").text
    done = subprocess.run(
        [program, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"renditions": [{"height": 144}, {"height": 20_000}]}, "/spec/renditions/1/height"),
        ({"renditions": [{"height": 360, "codec": "vp6"}]}, "/spec/renditions/0/codec"),
        ({"outputs": []}, "/spec/outputs"),
        ({"outputs": ["hls", "tape"]}, "/spec/outputs/1"),
        ({"outputs": [{"type": "frames", "pick": "times"}]}, "/spec/outputs/0"),
        ({"priority": "urgent"}, "/spec/priority"),
        ({"colour": "red"}, "/spec/colour"),
    ],
)
def test_a_wrong_spec_is_refused_by_field_before_the_file_is_read(
    driver: Driver, short: Path, spec: Json, pointer: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        driver.submit(short, **spec)
    assert '"code":"invalid_request"' in str(caught.value)
    assert f'"pointer":"{pointer}' in str(caught.value)


def test_json_specs_are_checked_too(driver: Driver) -> None:
    answer = driver.http.post("/api/v1/jobs", json={"input": "ftp://example.com/x", "vmaf": "perhaps"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    pointers = {problem["pointer"] for problem in answer.json()["problems"]}
    assert any(pointer.startswith("/input") for pointer in pointers)
    assert "/vmaf" in pointers
    missing = {"input": {"source": "src_" + "0" * 26}}
    assert driver.http.post("/api/v1/jobs", json=missing).status_code == 404


HOSTILE = [
    "../../etc/passwd",
    "a\nb'\"$(id).mp4",
    "-y.mp4",
    "https://127.0.0.1/x.m3u8",
    "x" * 300 + ".mp4",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \N{CLAPPER BOARD}.mp4",
    "<script>alert(1)</script>.mp4",
    "CON",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_titles_and_nothing_else(driver: Driver, short: Path, name: str) -> None:
    job = driver.done(driver.submit(short, name=name, **SMALL)["id"])
    title = job["asset"]["title"]
    assert isinstance(title, str)
    assert "/" not in title
    assert "\n" not in title
    page = driver.get(f"/oembed?url={job['urls']['watch']}").json()
    assert "<script>" not in page["html"]
    stored = [path.name for path in (driver.server.data_dir / "storage").rglob("*")]
    assert not [found for found in stored if found == name or "passwd" in found or "alert" in found]


def test_oembed_describes_the_player(driver: Driver, short: Path) -> None:
    job = driver.done(driver.submit(short, title="A <b>bold</b> title", **SMALL)["id"])
    body = driver.get(f"/oembed?url={job['urls']['watch']}&maxwidth=200").json()
    assert (body["version"], body["type"], body["title"]) == ("1.0", "video", "A <b>bold</b> title")
    assert body["width"] <= 200
    assert job["urls"]["embed"] in body["html"]
    assert "<b>" not in body["html"]
    assert driver.get("/oembed?url=https://example.com/watch/x").status_code == 404


def test_a_graceful_stop_ends_with_0_and_the_job_goes_on_afterwards(clip: ClipMaker, tmp_path: Path) -> None:
    source = clip("numbered-stop", [*picture(seconds="24"), *tone("24"), *X264, "-c:a", "flac"], suffix=".mkv")
    wanted = [{"height": 180, "codec": "hevc", "quality": 8}, {"height": 144}]
    with running(tmp_path / "data", VIDCOMPUTE_CPU_COUNT="2", VIDCOMPUTE_SHUTDOWN_GRACE_S="0") as driver:
        job = driver.submit(source, outputs=["hls"], renditions=wanted)
        driver.until(job["id"], "the encode", _encoding)
        assert driver.server.process is not None
        below = descendants(driver.server.process.pid)
        assert driver.server.stop(timeout_s=60) == 0
        wait_until(lambda: not alive(below), what="the end of every process")
    with running(tmp_path / "data", VIDCOMPUTE_CPU_COUNT="2") as driver:
        done = driver.done(job["id"])
        assert all(stage["attempts"] <= 2 * stage["tasks"] for stage in done["stages"])
        assert _stage(done, "probe")["attempts"] == 1
        made = track(driver, done["asset"]["playback_id"], "h264-144")
        assert [f.number for f in frames(made.joined)] == list(range(720))


def test_a_server_can_be_stopped_while_it_does_nothing(start_server: Callable[..., Server]) -> None:
    server = start_server()
    assert server.stop() == 0
