"""How streams and images are delivered: validators, ranges, compression, caching, other sites, and pictures by URL."""

import gzip
import io
import json
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.driving import Driver, running
from tests.e2e.numbered import picture, tone
from tests.fixtures.clips import ClipMaker
from tests.fixtures.waiting import wait_until

IMMUTABLE = "public, max-age=31536000, immutable"


class Delivered:
    """A finished asset and who fetches from it."""

    def __init__(self, driver: Driver, job: dict[str, Any]) -> None:
        self.driver = driver
        self.job = job
        self.playback_id = job["asset"]["playback_id"]
        self.stream = f"/stream/{self.playback_id}"
        self.image = f"/image/{self.playback_id}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, clip: ClipMaker) -> Generator[Delivered]:
    video = ["-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-c:a", "aac"]
    source = clip("numbered-delivery", [*picture("640x360", seconds="8"), *tone("8"), *video])
    with running(tmp_path_factory.mktemp("delivery") / "data") as driver:
        job = driver.submit(source, renditions=[{"height": 180}])
        yield Delivered(driver, driver.done(job["id"]))


@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        (".m3u8", "application/vnd.apple.mpegurl", "public, max-age=30"),
        (".mpd", "application/dash+xml", "public, max-age=30"),
        ("/h264-180/index.m3u8", "application/vnd.apple.mpegurl", "public, max-age=30"),
        ("/h264-180/iframes.m3u8", "application/vnd.apple.mpegurl", "public, max-age=30"),
        ("/manifest.json", "application/json", "public, max-age=30"),
        ("/h264-180/init.mp4", "video/mp4", IMMUTABLE),
        ("/h264-180/1.m4s", "video/iso.segment", IMMUTABLE),
        ("/audio-0/0.m4s", "audio/iso.segment", IMMUTABLE),
    ],
)
def test_a_file_has_its_type_caching_validator_and_is_open_to_every_site(
    done: Delivered, path: str, kind: str, cache: str
) -> None:
    answer = done.driver.get(done.stream + path, headers={"Origin": "https://example.com"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.headers["cache-control"] == cache
    assert answer.headers["access-control-allow-origin"] == "*"
    again = done.driver.get(done.stream + path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = done.driver.get(done.stream + path, headers={"If-None-Match": '"other"'})
    assert other.content == answer.content


def test_segments_take_ranges(done: Delivered) -> None:
    url = f"{done.stream}/h264-180/0.m4s"
    whole = done.driver.bytes(url)
    part = done.driver.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert done.driver.get(url, headers={"Range": "bytes=-50"}).content == whole[-50:]
    assert done.driver.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_texts_are_compressed_and_segments_are_not(done: Delivered) -> None:
    with done.driver.http.stream("GET", f"{done.stream}.mpd", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["vary"]
        packed = b"".join(answer.iter_raw())
    assert gzip.decompress(packed) == done.driver.get(f"{done.stream}.mpd", headers={"Accept-Encoding": ""}).content
    segment = done.driver.get(f"{done.stream}/h264-180/0.m4s", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in segment.headers


def test_what_is_not_there_is_404(done: Delivered) -> None:
    for path in ("/h264-180/99.m4s", "/h264-180/01.m4s", "/h264-720/0.m4s", "/h264-180/../0.m4s", "/audio-9/init.mp4"):
        answer = done.driver.get(done.stream + path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    assert done.driver.get("/stream/000000000000000000000000.m3u8").json()["code"] == "playback_not_found"


def _opened(done: Delivered, path: str) -> Image.Image:
    return Image.open(io.BytesIO(done.driver.bytes(done.image + path)))


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_a_thumbnail_shows_the_frame_of_its_moment_in_any_format(done: Delivered, suffix: str, kind: str) -> None:
    image = _opened(done, f"/thumbnail.{suffix}?time=3.5&width=320")
    assert image.format == kind
    assert image.size == (320, 180)
    assert _number(image) == 105


def _number(image: Image.Image) -> int:
    """The number of the frame that a picture shows, whatever its size."""
    row = np.asarray(image.resize((320, 180)).convert("L"))[22]
    levels = [int(row[round((n + 0.5) * 320 / 12)]) for n in range(12)]
    return sum((level > 128) << bit for bit, level in enumerate(levels[1:-1]))


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("time=1&width=200&height=200", (200, 112)),
        ("time=1&width=200&height=200&fit=cover", (200, 200)),
        ("time=1&width=200&height=200&fit=fill", (200, 200)),
        ("time=1&height=90", (160, 90)),
        ("time=999", (640, 360)),
    ],
)
def test_thumbnails_fit_their_box(done: Delivered, query: str, size: tuple[int, int]) -> None:
    assert _opened(done, f"/thumbnail.jpg?{query}").size == size


def test_a_thumbnail_url_with_nonsense_says_which_part(done: Delivered) -> None:
    answer = done.driver.get(f"{done.image}/thumbnail.jpg?time=-1&width=5&fit=round")
    assert answer.status_code == 422
    assert {p["pointer"] for p in answer.json()["problems"]} == {"/query/time", "/query/width", "/query/fit"}


def test_the_poster_storyboard_and_preview(done: Delivered) -> None:
    assert _opened(done, "/thumbnail.jpg").size == (640, 360)
    board = json.loads(done.driver.bytes(f"{done.image}/storyboard.json"))
    sheet = _opened(done, f"/{board['tiles'][0]['sheet']}")
    assert sheet.width <= board["columns"] * board["tile_width"]
    assert [t["start_ms"] for t in board["tiles"]] == [n * board["interval_ms"] for n in range(len(board["tiles"]))]
    text = done.driver.bytes(f"{done.image}/storyboard.vtt").decode()
    assert text.startswith("WEBVTT")
    assert text.count(" --> ") == len(board["tiles"])
    preview = _opened(done, "/preview.webp")
    assert preview.format == "WEBP"
    assert getattr(preview, "n_frames", 1) > 20


def test_a_poster_is_any_moment_that_one_chooses(done: Delivered) -> None:
    def shown() -> bytes:
        return done.driver.bytes(f"{done.image}/thumbnail.jpg")

    def choose(time_ms: int | None) -> None:
        path = f"/api/v1/assets/{done.job['asset_id']}"
        assert done.driver.http.patch(path, json={"poster_time_ms": time_ms}).json()["poster_time_ms"] == time_ms

    usual = shown()
    choose(3_500)
    wait_until(lambda: shown() != usual, what="the other poster")
    assert _number(_opened(done, "/thumbnail.jpg?width=320")) == _number(_opened(done, "/thumbnail.jpg")) == 105
    state = done.driver.get(f"/watch/{done.playback_id}/state").json()
    assert state["poster_url"] == f"{done.image}/thumbnail.jpg?time=3.5"
    choose(None)
    wait_until(lambda: shown() == usual, what="the usual poster")


def test_images_are_cached_and_open_to_every_site(done: Delivered) -> None:
    for path in ("/thumbnail.jpg", "/thumbnail.webp?time=1&width=64", "/storyboard.vtt", "/preview.webp"):
        answer = done.driver.get(done.image + path)
        kept_s = 300 if path == "/thumbnail.jpg" else 86_400  # another poster may be chosen
        assert answer.headers["cache-control"] == f"public, max-age={kept_s}"
        assert answer.headers["access-control-allow-origin"] == "*"
