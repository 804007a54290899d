"""The fetcher against a real HTTP server on loopback that answers well, badly and wickedly."""

import base64
import http.server
import itertools
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.site import FILM, LIMITS, Site, digest_of, error_of, respond
from vidcompute.adapters.fetch_http import HttpFetcher
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.stages.fetch import Fetch
from vidcompute.runner.work import LocalWork


def test_a_file_comes_whole_with_its_digest_and_progress(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    url = site.serve("/holiday%20film.mp4")
    steps: list[tuple[int, int | None]] = []
    heads: list[bytes] = []
    got = fetcher.fetch(
        url + "?token=1", goal, progress=lambda n, total: steps.append((n, total)), check_head=heads.append
    )
    assert goal.read_bytes() == FILM
    assert (got.digest, got.size_bytes, got.name) == (digest_of(FILM), len(FILM), "holiday film.mp4")
    assert steps[-1] == (len(FILM), len(FILM))
    assert [n for n, _ in steps] == sorted(n for n, _ in steps)
    assert heads == [FILM[:8192]]
    path, headers = site.seen[0]
    assert path == "/holiday%20film.mp4?token=1"
    assert headers["host"] == f"127.0.0.1:{site.port}"
    assert headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "range"} & headers.keys()


def test_the_server_may_name_the_file(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    site.serve("/dl", Content_Disposition="attachment; filename=\"x\"; filename*=UTF-8''..%2f%E6%98%A0%E7%94%BB.mp4")
    assert fetcher.fetch(site.url("/dl"), goal).name == "映画.mp4"


def test_a_body_without_a_length_is_whole_when_it_ends(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    def chunked(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(FILM), 65_536):
            piece = FILM[at : at + 65_536]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    site.answers["/chunked"] = chunked
    assert fetcher.fetch(site.url("/chunked"), goal).digest == digest_of(FILM)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: Site, fetcher: HttpFetcher, goal: Path, status: int) -> None:
    site.serve("/there/film.mp4")
    site.redirect("/b", "there/film.mp4", status)
    assert fetcher.fetch(site.redirect("/a", "/b", status), goal).name == "film.mp4"
    assert goal.read_bytes() == FILM


def test_five_redirects_are_followed_and_no_more(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    site.serve("/hop0")
    for n in range(1, 7):
        site.redirect(f"/hop{n}", f"/hop{n - 1}")
    assert fetcher.fetch(site.url("/hop5"), goal).size_bytes == len(FILM)
    assert error_of(fetcher, site.url("/hop6"), goal).code == "url_redirects"
    site.redirect("/loop", "/loop")
    assert error_of(fetcher, site.url("/loop"), goal).code == "url_redirects"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "data:,x"])
def test_a_redirect_to_another_scheme_is_refused(site: Site, fetcher: HttpFetcher, goal: Path, target: str) -> None:
    assert error_of(fetcher, site.redirect("/r", target), goal).code == "url_scheme"


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (404, "url_not_found", False),
        (410, "url_not_found", False),
        (401, "url_forbidden", False),
        (403, "url_forbidden", False),
        (400, "url_status", False),
        (304, "url_status", False),
        (500, "url_unreachable", True),
        (503, "url_unreachable", True),
        (429, "url_unreachable", True),
    ],
)
def test_a_status_has_a_code(
    site: Site, fetcher: HttpFetcher, goal: Path, status: int, code: str, retryable: bool
) -> None:
    error = error_of(fetcher, site.serve("/x", b"", status), goal)
    assert (error.code, error.kind.retryable) == (code, retryable)
    assert str(status) in error.detail


def test_a_server_that_is_busy_is_left_alone_for_as_long_as_it_asks(
    site: Site, fetcher: HttpFetcher, goal: Path
) -> None:
    for status, asked, wait_s in (
        (429, "120", 120.0),
        (503, "Fri, 31 Dec 2199 23:59:59 GMT", 3600.0),
        (503, "Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        (503, "soon", None),
    ):
        found = error_of(fetcher, site.serve("/x", b"", status, Retry_After=asked), goal).retry_after_s
        assert found == wait_s or (found is not None and wait_s and found >= wait_s), asked
    assert len(site.seen) == 1 + 1 + 2 + 2  # where it said how long, nobody asked again before


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/x", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("//example.com/x", "url_scheme"),
        ("http:///x", "url_invalid"),
        ("http://a\r\nb/", "url_invalid"),
        ("http://example.com:99999/", "url_invalid"),
        ("http://exa mple.com/", "url_invalid"),
    ],
)
def test_what_is_no_url_of_ours_is_refused(fetcher: HttpFetcher, goal: Path, url: str, code: str) -> None:
    assert error_of(fetcher, url, goal).code == code


def test_a_declared_size_over_the_limit_moves_no_byte(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    error = error_of(fetcher, site.serve("/big", b"x", Content_Length=str(2**20 + 1)), goal)
    assert (error.code, error.extra) == ("url_too_large", {"max_bytes": 2**20})
    assert goal.stat().st_size == 0


def test_a_size_that_was_not_declared_is_held_to_the_limit(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(FILM)

    site.answers["/endless"] = endless
    assert error_of(fetcher, site.url("/endless"), goal).code == "url_too_large"
    assert goal.stat().st_size <= 2**20


def test_a_compressed_answer_is_refused(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    assert error_of(fetcher, site.serve("/z", Content_Encoding="gzip"), goal).code == "url_encoded"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<!doctype html><title>Log in</title>", "source_not_media"),
        (b"#EXTM3U\nhttp://127.0.0.1/x\n", "source_is_playlist"),
        (b"PK\x03\x04" + bytes(9000), "source_not_media"),
        (b"", "source_empty"),
    ],
)
def test_what_is_plainly_no_media_is_refused_early(
    site: Site, fetcher: HttpFetcher, goal: Path, body: bytes, code: str
) -> None:
    error = error_of(fetcher, site.serve("/x", body), goal)
    assert (error.code, error.kind) == (code, Kind.REFUSED)


@dataclass
class Breaking:
    """Serves FILM and cuts the line after `cuts[n]` bytes of the n-th answer."""

    cuts: list[int]
    tag: str = '"v1"'
    ranges: bool = True
    count: int = 0

    def __call__(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        current = handler.headers.get("If-Range") == self.tag
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges and current else 0
        body = FILM[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body)))
        if self.tag:
            handler.send_header("ETag", self.tag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(FILM) - 1}/{len(FILM)}")
        handler.end_headers()
        cut = self.cuts[self.count] if self.count < len(self.cuts) else len(body)
        self.count += 1
        handler.wfile.write(body[:cut])


@pytest.mark.parametrize("cuts", [[1], [8192], [100_000, 100_000], [3, 300_000, 65_536]])
def test_a_cut_line_is_taken_up_where_it_broke(site: Site, fetcher: HttpFetcher, goal: Path, cuts: list[int]) -> None:
    site.answers["/x"] = Breaking(cuts)
    heads: list[bytes] = []
    got = fetcher.fetch(site.url("/x"), goal, check_head=heads.append)
    assert goal.read_bytes() == FILM
    assert got.digest == digest_of(FILM)
    starts = [headers.get("range") for _, headers in site.seen]
    assert starts == [None, *(f"bytes={sum(cuts[: n + 1])}-" for n in range(len(cuts)))]
    assert heads == [FILM[:8192]]


@pytest.mark.parametrize(("tag", "ranges"), [("", True), ('W/"weak"', True), ('"v1"', False)])
def test_where_nothing_can_be_resumed_it_starts_over(
    site: Site, fetcher: HttpFetcher, goal: Path, tag: str, ranges: bool
) -> None:
    site.answers["/x"] = Breaking([200_000], tag, ranges)
    assert fetcher.fetch(site.url("/x"), goal).digest == digest_of(FILM)
    assert goal.read_bytes() == FILM


def test_a_file_that_changed_meanwhile_is_taken_anew(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    breaking = Breaking([200_000])

    def changing(handler: http.server.BaseHTTPRequestHandler) -> None:
        breaking.tag = f'"v{breaking.count}"'
        breaking(handler)

    site.answers["/x"] = changing
    assert fetcher.fetch(site.url("/x"), goal).digest == digest_of(FILM)


def test_a_server_that_sends_the_wrong_part_is_not_believed(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    def lying(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Range"):
            respond(handler, FILM[5:], 206, {"Content_Range": f"bytes 5-{len(FILM) - 1}/{len(FILM)}"})
        else:
            Breaking([100_000] if len(site.seen) == 1 else [])(handler)

    site.answers["/x"] = lying
    assert fetcher.fetch(site.url("/x"), goal).digest == digest_of(FILM)


def test_a_line_that_is_always_cut_is_given_up_and_may_be_tried_again(
    site: Site, fetcher: HttpFetcher, goal: Path
) -> None:
    site.answers["/x"] = Breaking([10] * 9)
    error = error_of(fetcher, site.url("/x"), goal)
    assert (error.code, error.kind.retryable) == ("url_unreachable", True)
    assert len(site.seen) == 4


def test_nobody_there_is_unreachable(fetcher: HttpFetcher, goal: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = error_of(fetcher, f"http://127.0.0.1:{port}/x", goal)
    assert (error.code, error.kind.retryable) == ("url_unreachable", True)


def hang(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Answer with a part of a body, then wait until the client gives up."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)
    handler.rfile.read(1)


def test_a_server_that_stops_sending_is_not_waited_for_without_end(
    site: Site, fetcher: HttpFetcher, goal: Path
) -> None:
    site.answers["/x"] = hang
    impatient = replace(fetcher, limits=replace(LIMITS, idle_s=0.05, resumes=1))
    error = error_of(impatient, site.url("/x"), goal)
    assert (error.code, error.kind.retryable) == ("url_timeout", True)
    assert len(site.seen) == 2


def test_the_whole_fetch_has_a_limit_of_its_own(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    site.answers["/x"] = hang
    impatient = replace(fetcher, limits=replace(LIMITS, idle_s=60, total_s=0.2))
    assert error_of(impatient, site.url("/x"), goal).code == "url_timeout"
    assert len(site.seen) == 1


def test_a_server_that_drips_is_too_slow(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    ticks = itertools.count(0, 20)  # every look at the clock is 20 s later
    slow = replace(fetcher, clock=lambda: float(next(ticks)), limits=replace(LIMITS, total_s=1e6, slow_s=30))
    site.serve("/x", FILM[:1000])
    error = error_of(replace(slow, limits=replace(slow.limits, slow_s=10)), site.url("/x"), goal)
    assert error.code == "url_timeout"
    assert "too slowly" in error.detail


def test_a_password_in_the_url_goes_to_its_host_alone(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    site.serve("/film")
    site.redirect("/same", "/film")
    site.redirect("/other", site.url("/film", host="localhost"))
    expected = "Basic " + base64.b64encode(b"me:p@ss").decode()
    for path in ("/same", "/other"):
        url = site.url(path).replace("http://", "http://me:p%40ss@")
        assert fetcher.fetch(url, goal).size_bytes == len(FILM)
    sent = [headers.get("authorization") for _, headers in site.seen]
    assert sent == [expected, expected, expected, None]
    assert "me:" not in site.seen[0][1]["host"]


def test_nothing_of_the_environment_takes_part(
    site: Site, fetcher: HttpFetcher, goal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.serve("/film", Set_Cookie="a=b")
    assert fetcher.fetch(site.redirect("/r", "/film", 307), goal).size_bytes == len(FILM)
    assert all("cookie" not in headers for _, headers in site.seen)


def working(tmp_path: Path, fetcher: HttpFetcher, told: list[Mapping[str, Any]]) -> LocalWork:
    (tmp_path / "out").mkdir()
    return LocalWork(
        output=tmp_path / "out",
        scratch=tmp_path,
        ffmpeg=tmp_path,
        inputs={},
        providers={"fetcher": lambda: fetcher},
        send=told.append,
        emits=False,
    )


def test_the_stage_makes_a_source_of_a_url(site: Site, fetcher: HttpFetcher, tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    url = site.serve("/film.mp4")
    facts = Fetch(url).run(working(tmp_path, fetcher, told))
    assert facts == {"digest": digest_of(FILM), "size_bytes": len(FILM), "name": "film.mp4"}
    assert (tmp_path / "out" / "source").read_bytes() == FILM
    assert any(event["event"] == "progress" and event["fraction"] > 0 for event in told)


def test_the_stage_refuses_what_is_no_media(site: Site, fetcher: HttpFetcher, tmp_path: Path) -> None:
    url = site.serve("/film.mp4", b"#EXTM3U\n")
    with pytest.raises(VidComputeError, match="source_is_playlist"):
        Fetch(url).run(working(tmp_path, fetcher, []))
