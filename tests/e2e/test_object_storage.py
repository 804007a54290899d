"""The main job with objects in S3: as in a folder; it outlives the store; a library moves while it is watched."""

import base64
import json
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.e2e.driving import Driver, Json, running
from tests.e2e.numbered import picture, tone
from tests.e2e.streams import assert_whole, breaches, by_type, steady, track
from tests.e2e.viewer import Viewer
from tests.e2e.watch_probe import wait_for_time
from tests.fixtures.clips import ClipMaker
from tests.fixtures.command import vidctl
from tests.fixtures.gcs import GoogleServer
from tests.fixtures.swift import SwiftServer
from tests.fixtures.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

RENDITIONS = [{"height": 180}, {"height": 144}]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "aac"]
OUTPUTS = ["hls", "mp4", "thumbnail", "storyboard", "frames"]


@pytest.fixture
def url(swift_bucket: str) -> str:
    return f"s3://{swift_bucket}/library"


@pytest.fixture
def driver(swift_server: SwiftServer, url: str, tmp_path: Path) -> Generator[Driver]:
    with running(tmp_path / "data", VIDCOMPUTE_UNDO_S="0", **swift_server.settings(url)) as made:
        yield made


def short(clip: ClipMaker) -> Path:
    return clip("numbered-objects", [*picture(seconds="8"), *tone("8"), *X264])


def assert_watchable(driver: Driver, playback_id: str) -> None:
    assert breaches(driver, playback_id) == []
    for name in ("h264-180", "h264-144"):
        assert_whole(track(driver, playback_id, name), steady(240, Fraction(30)))


def test_a_job_is_done_on_s3(driver: Driver, clip: ClipMaker, swift_server: SwiftServer, url: str) -> None:
    job = driver.submit(short(clip), renditions=RENDITIONS, outputs=OUTPUTS)
    playback_id = job["asset"]["playback_id"]
    first = driver.bytes(f"/stream/{playback_id}.m3u8")  # held until it is playable
    assert b"#EXT-X-STREAM-INF" in first
    job = driver.done(job["id"])
    assert_watchable(driver, playback_id)
    assert driver.http.get(by_type(job, "frames")["url"]).content[:2] == b"PK"
    assert driver.bytes(f"/image/{playback_id}/thumbnail.jpg?time=3")[:2] == b"\xff\xd8"
    logs = {key.rpartition("/")[2] for key in swift_server.keys(url) if "/logs/" in key}
    assert len(logs) == sum(driver.attempts(job["id"]).values())
    data = driver.server.data_dir
    assert not (data / "storage").exists()
    for name, text in (("storage.json", "not-a-secret"), ("server.log", "not-a-secret")):
        path = data / name
        assert not path.exists() or text not in path.read_text()
    assert "not-a-secret" not in driver.server.log_text()
    again = driver.done(driver.submit(short(clip), renditions=RENDITIONS, outputs=OUTPUTS)["id"])
    assert set(driver.attempts(again["id"]).values()) == {0}
    held_bytes = swift_server.size_bytes(url)
    assert driver.purge(job["asset"]["id"], again["asset"]["id"])["freed_bytes"] == held_bytes
    assert swift_server.keys(url) == []


def raw(clip: ClipMaker) -> Path:
    """More than a part of 16 MiB."""
    picture_ = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=0.5", "-pix_fmt", "yuv420p"]
    return clip("raw-direct", [*picture_, "-c:v", "rawvideo"], suffix=".mkv")


def begun(driver: Driver, file: Path) -> Json:
    """An upload of a file that goes straight to the store."""
    said = {"name": file.name, "size_bytes": file.stat().st_size, "direct": True, "job": {"outputs": ["thumbnail"]}}
    made = driver.http.post("/api/v1/uploads", json=said)
    assert made.status_code == 201, made.text
    found: Json = made.json()
    return found


def bring(driver: Driver, upload: Json, file: Path, number: int) -> None:
    """Put one part where it goes."""
    size = upload["direct"]["part_bytes"]
    answer = driver.http.post(f"/api/v1/uploads/{upload['id']}/parts", json={"numbers": [number]})
    (part,) = answer.json()["items"]
    body = file.read_bytes()[(number - 1) * size : number * size]
    assert httpx2.put(part["url"], content=body, timeout=60, trust_env=False).is_success


def test_a_file_goes_straight_to_the_store(
    clip: ClipMaker, swift_server: SwiftServer, url: str, tmp_path: Path
) -> None:
    file, settings = raw(clip), swift_server.settings(url)
    with running(tmp_path / "data", **settings) as first:
        upload = begun(first, file)
        path = f"/api/v1/uploads/{upload['id']}"
        assert upload["direct"]["parts"] == 2
        bring(first, upload, file, 2)
        here = first.http.get(f"{path}/parts").json()["items"]
        assert [part["number"] for part in here] == [2]
        early = first.http.post(f"{path}/complete")
        assert (early.status_code, early.json()["code"]) == (422, "upload_incomplete")
        assert first.http.put(path, content=b"x").json()["code"] == "upload_direct"
        assert first.http.post(f"{path}/parts", json={"numbers": [3]}).json()["code"] == "upload_part_unknown"
        bring(first, upload, file, 1)
        first.server.kill()
    with running(tmp_path / "data", **settings) as driver:
        assert driver.http.post(f"{path}/complete").status_code == 202
        done = wait_until(lambda: (now := driver.http.get(path).json())["job_id"] and now, what="the upload's job")
        assert (done["status"], done["offset_bytes"]) == ("completed", file.stat().st_size)
        driver.done(done["job_id"])
        same = driver.done(driver.submit(file, outputs=["thumbnail"])["id"])  # the digest is that of the same bytes
        assert set(driver.attempts(same["id"]).values()) == {0}
        assert "done" in vidctl("upload", str(file), "--direct", "--wait", data_dir=driver.server.data_dir)
        assert sum("/direct/" in key for key in swift_server.keys(url)) == 1


def test_a_file_by_tus_is_in_the_store_while_it_comes(
    driver: Driver, clip: ClipMaker, swift_server: SwiftServer, swift_bucket: str, url: str
) -> None:
    data = raw(clip).read_bytes()
    half = len(data) - 1000
    job = base64.b64encode(b'{"outputs": ["thumbnail"]}').decode()
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    said = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": f"job {job}"}
    address = driver.http.post("/api/v1/uploads", headers=said).headers["location"]

    def under_way() -> int:
        return swift_server.ask("GET", swift_bucket, uploads="").text.count("<UploadId>")

    for start, end, unfinished in ((0, half, 1), (half, len(data), 0)):
        sent = driver.http.patch(address, headers={**tus, "Upload-Offset": str(start)}, content=data[start:end])
        assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(end))
        assert under_way() == unfinished
    upload = driver.http.get(address).json()
    assert (upload["status"], upload["direct"]) == ("completed", None)
    driver.done(upload["job_id"])
    assert sum("/direct/" in key for key in swift_server.keys(url)) == 1
    assert sum("/sources/" in key for key in swift_server.keys(url)) == 0


def test_what_went_to_the_store_and_is_no_video_does_not_stay_there(
    driver: Driver, clip: ClipMaker, swift_server: SwiftServer, url: str, tmp_path: Path
) -> None:
    text = tmp_path / "no.mp4"
    text.write_text("This is no video. " * 10)
    refused = begun(driver, text)
    path = f"/api/v1/uploads/{refused['id']}"
    bring(driver, refused, text, 1)
    assert driver.http.post(f"{path}/complete").status_code == 202
    wait_until(lambda: driver.http.get(path).json()["error"], what="the refusal")
    given_up = begun(driver, raw(clip))
    bring(driver, given_up, raw(clip), 1)
    assert driver.http.delete(f"/api/v1/uploads/{given_up['id']}").status_code == 204
    wait_until(lambda: not [key for key in swift_server.keys(url) if "/direct/" in key], what="an empty store")


def test_a_folder_takes_no_parts(tmp_path: Path) -> None:
    with running(tmp_path / "data") as driver:
        said = {"name": "a.mp4", "size_bytes": 100, "direct": True}
        answer = driver.http.post("/api/v1/uploads", json=said)
        assert (answer.status_code, answer.json()["code"]) == (422, "upload_direct_unavailable")


def test_a_job_is_done_on_gcs(google_server: GoogleServer, clip: ClipMaker, tmp_path: Path) -> None:
    bucket = google_server.make_bucket()
    settings = {
        "VIDCOMPUTE_STORAGE_URL": f"gs://{bucket}/library",
        "VIDCOMPUTE_STORAGE_ENDPOINT": google_server.endpoint,
        "VIDCOMPUTE_STORAGE_SERVICE_ACCOUNT": str(google_server.account_file),
        "VIDCOMPUTE_UNDO_S": "0",
    }
    with running(tmp_path / "data", **settings) as driver:
        job = driver.done(driver.submit(clip("mpeg2_mp3_144p15_2s"), renditions=[{"height": 144}])["id"])
        assert breaches(driver, job["asset"]["playback_id"]) == []
        assert google_server.buckets[bucket]
        driver.purge(job["asset"]["id"])
        assert not google_server.buckets[bucket]


def test_segments_come_from_the_store_by_signed_addresses(
    swift_server: SwiftServer, url: str, clip: ClipMaker, tmp_path: Path, page: "Page"
) -> None:
    settings = {**swift_server.settings(url), "VIDCOMPUTE_DELIVERY": "redirect", "VIDCOMPUTE_DELIVERY_URL_S": "120"}
    with running(tmp_path / "data", **settings) as driver:
        job = driver.done(driver.submit(clip("mpeg2_mp3_144p15_2s"), renditions=[{"height": 144}])["id"])
        folder = f"/stream/{job['asset']['playback_id']}/h264-144"
        playlist = driver.get(f"{folder}/index.m3u8")
        assert playlist.status_code == 200
        answer = driver.get(f"{folder}/0.m4s", headers={"Origin": "https://pages.example"})
        assert answer.status_code == 307
        assert answer.headers["cache-control"] == "public, max-age=60"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["location"].startswith(swift_server.endpoint)
        sent = driver.get(
            answer.headers["location"], headers={"Origin": "https://pages.example", "Range": "bytes=0-99"}
        )
        assert (sent.status_code, len(sent.content)) == (206, 100)
        assert sent.headers["content-type"] == "video/iso.segment"
        assert sent.headers["access-control-allow-origin"] in {"*", "https://pages.example"}
        head = httpx2.head(f"{driver.server.url}{folder}/0.m4s", trust_env=False)
        assert head.status_code == 200
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{driver.server.url}/watch/{job['asset']['playback_id']}?autoplay=1")
        wait_for_time(page, 1)
        assert complaints == []  # neither CORS nor the page's own policy stood in the way
        assert any(address.startswith(swift_server.endpoint) for address in asked)


def test_a_library_moves_to_s3_and_back_while_it_is_watched(
    swift_server: SwiftServer, url: str, clip: ClipMaker, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    keys = swift_server.settings(url)
    del keys["VIDCOMPUTE_STORAGE_URL"]

    def moved(*arguments: str) -> Json:
        text = vidctl("migrate-storage", "--json", "--to", *arguments, data_dir=data, environment=keys)
        found: Json = json.loads(text)
        return found

    with running(data) as driver:
        playback_id = driver.done(driver.submit(short(clip), renditions=RENDITIONS)["id"])["asset"]["playback_id"]
        with Viewer(driver, playback_id) as viewer:
            there = moved(url, "--delete-old")
            assert not list((data / "storage" / "orgs").glob("*"))
            viewer.goes_on()
            assert there["copied"] == there["objects"] == there["deleted"] == len(swift_server.keys(url))
            back = moved(str(data / "storage"))
            assert back["objects"] == there["objects"]
            viewer.goes_on()
        assert viewer.wrong == []
        assert_watchable(driver, playback_id)
        again = driver.done(driver.submit(short(clip), renditions=RENDITIONS)["id"])
        assert set(driver.attempts(again["id"]).values()) == {0}
