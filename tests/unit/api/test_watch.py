"""The watch page's frame: who may embed it, what oEmbed says of it, and the state that it follows."""

import re
from pathlib import Path

import httpx2
import pytest

from tests.unit.api.conftest import URL, Platform
from tests.unit.engine import toys
from vidcompute.errors import Kind

BASE = "https://video.test"
TITLE = 'A "clip" & <b>more</b>'


@pytest.fixture
async def playback_id(client: httpx2.AsyncClient) -> str:
    job = (await client.post("/api/v1/jobs", json={"input": URL, "title": TITLE})).json()
    return str(job["asset"]["playback_id"])


async def test_the_page_names_its_video_and_escapes_it(viewer: httpx2.AsyncClient, playback_id: str) -> None:
    answer = await viewer.get(f"/watch/{playback_id}")
    assert answer.status_code == 200
    assert "<title>A &quot;clip&quot; &amp; &lt;b&gt;more&lt;/b&gt;</title>" in answer.text
    assert f'"{BASE}/oembed?url=https%3A%2F%2Fvideo.test%2Fwatch%2F{playback_id}"' in answer.text
    assert "{{" not in answer.text


@pytest.mark.parametrize("kind", ["watch", "embed"])
async def test_of_a_video_that_is_not_there_the_page_says_so(viewer: httpx2.AsyncClient, kind: str) -> None:
    answer = await viewer.get(f"/{kind}/000000000000000000000000")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<title>No video here</title>" in answer.text
    assert "{{" not in answer.text
    state = await viewer.get("/watch/000000000000000000000000/state")
    assert state.json()["code"] == "playback_not_found"


async def test_the_watch_page_itself_is_framed_by_nobody_else(viewer: httpx2.AsyncClient, playback_id: str) -> None:
    policy = (await viewer.get(f"/watch/{playback_id}")).headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self'")
    assert "script-src 'self';" in policy


@pytest.mark.parametrize(
    ("sites", "ancestors"),
    [
        (("*",), "*"),
        (("https://a.example", "https://b.example"), "https://a.example https://b.example"),
        ((), "'none'"),
    ],
)
async def test_the_embedded_page_may_be_framed_by_the_sites_of_the_setting(
    viewer: httpx2.AsyncClient, playback_id: str, ancestors: str
) -> None:
    policy = (await viewer.get(f"/embed/{playback_id}")).headers["content-security-policy"]
    assert policy.endswith(f"; frame-ancestors {ancestors}")


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ({}, (640, 360)),
        ({"maxwidth": 320}, (320, 180)),
        ({"maxheight": 90}, (160, 90)),
        ({"maxwidth": 4000}, (640, 360)),
    ],
)
async def test_oembed_describes_a_frame_that_fits(
    viewer: httpx2.AsyncClient, playback_id: str, query: dict[str, int], size: tuple[int, int]
) -> None:
    answer = await viewer.get("/oembed", params={"url": f"{BASE}/watch/{playback_id}", "format": "json", **query})
    told = answer.json()
    assert (told["version"], told["type"], told["title"]) == ("1.0", "video", TITLE)
    assert (told["width"], told["height"]) == size
    frame = re.fullmatch(
        r'<iframe src="([^"]+)" width="(\d+)" height="(\d+)" .*title="([^"]*)"></iframe>', told["html"]
    )
    assert frame is not None
    assert frame[1] == f"{BASE}/embed/{playback_id}"
    assert (int(frame[2]), int(frame[3])) == size
    assert frame[4] == "A &quot;clip&quot; &amp; &lt;b&gt;more&lt;/b&gt;"
    assert told["thumbnail_url"].startswith(f"{BASE}/image/{playback_id}/thumbnail.jpg")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("url", "extra", "status", "code"),
    [
        ("https://elsewhere.test/watch/{}", {}, 404, "watch_page_not_found"),
        (BASE + "/stream/{}.m3u8", {}, 404, "watch_page_not_found"),
        (BASE + "/watch/000000000000000000000000", {}, 404, "playback_not_found"),
        (BASE + "/watch/{}", {"format": "xml"}, 422, "oembed_format"),
    ],
)
async def test_oembed_says_what_it_does_not_know(
    viewer: httpx2.AsyncClient, playback_id: str, url: str, extra: dict[str, str], status: int, code: str
) -> None:
    answer = await viewer.get("/oembed", params={"url": url.format(playback_id), **extra})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_manifest_tells_of_files_where_no_streams_were_asked_for(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform
) -> None:
    async def manifest_of_new() -> str:
        wanted = {"input": URL, "outputs": ["audio", "thumbnail"]}
        job = (await client.post("/api/v1/jobs", json=wanted)).json()
        return f"/stream/{job['asset']['playback_id']}/manifest.json"

    assert (await viewer.get(await manifest_of_new())).json()["code"] == "manifest_not_found"
    path = await manifest_of_new()
    await platform.finish_all()
    told = (await viewer.get(path)).json()
    assert told["tracks"] == []
    assert [file["output"] for file in told["files"]] == ["image/0", "image/1"]


async def test_streams_of_what_came_to_nothing_are_not_there(
    viewer: httpx2.AsyncClient, platform: Platform, playback_id: str
) -> None:
    (fetch,) = await platform.run_until("fetch")
    await platform.end(toys.failed(fetch, Kind.REFUSED, "source_empty"))
    for path in (f"/stream/{playback_id}.m3u8", f"/stream/{playback_id}/h264-480/index.m3u8"):
        answer = await viewer.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "stream_not_found")


async def test_the_state_tells_what_can_be_watched(viewer: httpx2.AsyncClient, playback_id: str) -> None:
    told = (await viewer.get(f"/watch/{playback_id}/state")).json()
    assert (told["title"], told["status"], told["error"]) == (TITLE, "preparing", None)
    assert (told["stream_url"], told["ready_tracks"], told["complete"]) == (None, [], False)
    assert told["progress"]["fraction"] == 0


@pytest.mark.parametrize(
    ("taken", "coding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", b"small"),
        ("gzip;q=0.8", "gzip", b"less"),
        ("identity", None, b"1;"),
        ("", None, b"1;"),
    ],
)
async def test_scripts_are_sent_as_small_as_the_browser_takes_them(
    viewer: httpx2.AsyncClient, tmp_path: Path, taken: str, coding: str | None, body: bytes
) -> None:
    assets = tmp_path / "pages" / "assets"
    assets.mkdir()
    for suffix, data in (("", b"1;"), (".br", b"small"), (".gz", b"less")):
        (assets / f"main-4f2a.js{suffix}").write_bytes(data)
    async with viewer.stream("GET", "/pages/assets/main-4f2a.js", headers={"accept-encoding": taken}) as found:
        assert b"".join([piece async for piece in found.aiter_raw()]) == body
    assert found.headers.get("content-encoding") == coding
    assert "Accept-Encoding" in found.headers["vary"]
    assert found.headers["content-type"].startswith("text/javascript")
    assert (await viewer.get("/pages/assets/main-4f2a.js.br")).status_code == 404


async def test_scripts_of_the_page_are_found_by_their_names_alone(viewer: httpx2.AsyncClient, tmp_path: Path) -> None:
    assets = tmp_path / "pages" / "assets"
    assets.mkdir()
    (assets / "main-4f2a.js").write_text("1;")
    (tmp_path / "secret.js").write_text("no")
    found = await viewer.get("/pages/assets/main-4f2a.js")
    assert (found.text, found.headers["cache-control"]) == ("1;", "public, max-age=31536000, immutable")
    for name in ("none-1.js", "..%2f..%2fsecret.js", "main-4f2a.js.map", "%2e%2e"):
        assert (await viewer.get(f"/pages/assets/{name}")).status_code == 404
