"""Stored files over HTTP: validators, ranges, compression and headers, through a real ASGI application."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.api import files, problems

BIG = bytes(range(256)) * 4096  # 1 MiB: more than one piece
PLAYLIST = "#EXTM3U\n" + "#EXTINF:4.000,\n0.m4s\n" * 100


class Shelf(FolderStorage):
    """A folder as storage; a remote one has no paths."""

    def __init__(self, root: Path, *, remote: bool) -> None:
        super().__init__(root)
        self.remote = remote

    def local_path(self, key: str) -> Path | None:
        return None if self.remote else super().local_path(key)


@pytest.fixture(params=["local", "remote"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    (tmp_path / "big.mp4").write_bytes(BIG)
    (tmp_path / "small.m4s").write_bytes(BIG[:1000])
    (tmp_path / "empty.bin").write_bytes(b"")
    (tmp_path / "list.m3u8").write_text(PLAYLIST)
    return Shelf(tmp_path, remote=request.param == "remote")


@pytest.fixture
async def client(shelf: Shelf) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.api_route("/file/{key}", methods=["GET", "HEAD"])
    async def file(request: Request, key: str, media_type: str = "video/mp4", name: str | None = None) -> Response:
        return await files.file_response(request, shelf, key, media_type, download_name=name)

    @app.api_route("/text", methods=["GET", "HEAD"])
    async def text(request: Request) -> Response:
        return await files.body_response(request, PLAYLIST, "application/vnd.apple.mpegurl")

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


PLAIN = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("key", ["big.mp4", "small.m4s", "empty.bin"])
async def test_a_file_comes_whole_and_may_be_kept(client: httpx2.AsyncClient, shelf: Shelf, key: str) -> None:
    answer = await client.get(f"/file/{key}")
    assert answer.status_code == 200
    assert answer.content == (shelf.root / key).read_bytes()
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"].startswith('"')


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        ("bytes=1000000-", 1_000_000, len(BIG)),
        ("bytes=-5", len(BIG) - 5, len(BIG)),
        (f"bytes=0-{10 * len(BIG)}", 0, len(BIG)),
        (f"bytes=-{10 * len(BIG)}", 0, len(BIG)),
        ("bytes=300000-800000", 300_000, 800_001),
    ],
)
async def test_a_range_comes_as_asked(client: httpx2.AsyncClient, asked: str, start: int, end: int) -> None:
    answer = await client.get("/file/big.mp4", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == BIG[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BIG)}"
    assert answer.headers["content-length"] == str(end - start)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(first=st.integers(0, 1100), last=st.integers(0, 1100))
async def test_any_range_is_a_slice_or_an_answer_that_says_why_not(
    client: httpx2.AsyncClient, first: int, last: int
) -> None:
    answer = await client.get("/file/small.m4s", headers={"Range": f"bytes={first}-{last}"})
    if last < first:
        assert (answer.status_code, answer.content) == (200, BIG[:1000])
    elif first >= 1000:
        assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */1000")
    else:
        assert (answer.status_code, answer.content) == (206, BIG[first : min(last + 1, 1000)])


@pytest.mark.parametrize(
    ("key", "asked"), [("small.m4s", "bytes=1000-"), ("small.m4s", "bytes=-0"), ("empty.bin", "bytes=0-")]
)
async def test_a_range_outside_is_refused_with_the_size(client: httpx2.AsyncClient, key: str, asked: str) -> None:
    answer = await client.get(f"/file/{key}", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.json()["code"] == "range_not_satisfiable"
    assert answer.headers["content-range"].startswith("bytes */")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=-", "bytes=a-b", "nonsense", f"bytes={'9' * 5000}-"]
)
async def test_a_range_that_is_not_understood_is_ignored(client: httpx2.AsyncClient, asked: str) -> None:
    answer = await client.get("/file/small.m4s", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, BIG[:1000])


async def test_what_the_client_has_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    first = await client.get("/file/small.m4s")
    for condition in (first.headers["etag"], f'W/{first.headers["etag"]}, "other"', "*"):
        again = await client.get("/file/small.m4s", headers={"If-None-Match": condition})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    other = await client.get("/file/small.m4s", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_the_date_decides_where_no_tag_is_given(client: httpx2.AsyncClient, shelf: Shelf) -> None:
    first = await client.get("/file/small.m4s")
    if shelf.remote:
        assert "last-modified" not in first.headers
        return
    date = first.headers["last-modified"]
    assert (await client.get("/file/small.m4s", headers={"If-Modified-Since": date})).status_code == 304
    old = {"If-Modified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"}
    assert (await client.get("/file/small.m4s", headers=old)).status_code == 200
    assert (await client.get("/file/small.m4s", headers={"If-Modified-Since": "yesterday"})).status_code == 200


async def test_a_range_holds_only_for_the_same_file(client: httpx2.AsyncClient) -> None:
    tag = (await client.get("/file/small.m4s")).headers["etag"]
    same = await client.get("/file/small.m4s", headers={"Range": "bytes=0-9", "If-Range": tag})
    other = await client.get("/file/small.m4s", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_head_has_the_headers_and_no_body(client: httpx2.AsyncClient) -> None:
    for path in ("/file/big.mp4", "/file/small.m4s", "/text"):
        got = await client.get(path, headers=PLAIN)
        head = await client.head(path, headers=PLAIN)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers == got.headers
    ranged = await client.head("/file/big.mp4", headers={"Range": "bytes=5-9"})
    assert (ranged.status_code, ranged.headers["content-length"], ranged.content) == (206, "5", b"")


async def test_texts_are_compressed_for_those_who_accept_it(client: httpx2.AsyncClient, shelf: Shelf) -> None:
    paths = ["/text"] if shelf.remote else ["/text", "/file/list.m3u8?media_type=application/vnd.apple.mpegurl"]
    for path in paths:
        plain = await client.get(path, headers=PLAIN)
        assert plain.text == PLAYLIST
        assert "content-encoding" not in plain.headers
        async with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"}) as packed:
            raw = b"".join([piece async for piece in packed.aiter_raw()])
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert packed.headers["content-length"] == str(len(raw))
        assert gzip.decompress(raw).decode() == PLAYLIST
        assert packed.headers["etag"] != plain.headers["etag"]
        again = await client.get(path, headers={"If-None-Match": packed.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "gzip; q=0.0", ""])
async def test_texts_stay_plain_for_others(client: httpx2.AsyncClient, accepted: str) -> None:
    answer = await client.get("/text", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.text == PLAYLIST


async def test_pictures_and_films_are_never_compressed(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/file/small.m4s", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_what_is_not_there_is_told_as_a_problem(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/file/nothing.mp4")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "file_not_found"


@pytest.mark.parametrize(
    "name", ["holiday.zip", 'a"b\r\nX-Evil: 1.zip', "Ünïcödé 漢字.zip", "../../etc/passwd", "%00;x=y"]
)
async def test_any_name_is_data(client: httpx2.AsyncClient, name: str) -> None:
    answer = await client.get("/file/small.m4s", params={"name": name})
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.count('"') == 2
    assert "x-evil" not in answer.headers
    assert not set("\r\n/\\") & set(disposition)
