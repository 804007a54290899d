"""`vidctl submit`, `watch` and `frames`: what is sent, how progress is told, what is saved."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import Result

from tests.fixtures.vidctl import (
    ASSET,
    JOB,
    SOURCE,
    URL,
    Answer,
    Following,
    answering,
    event,
    job,
    local,
    progress,
    unused,
    vidctl,
)
from vidcompute.cli import sse, wishes
from vidcompute.cli.client import Api
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.following import job_events
from vidcompute.cli.local import Endpoint
from vidcompute.errors import Kind, VidComputeError


def test_a_file_that_holds_an_object_is_a_job_whatever_its_name_is(tmp_path: Path) -> None:
    bodies = []
    spec = {"input": "https://example.org/a.mp4", "priority": "low", "title": "old"}
    file = tmp_path / "clip.mp4"
    file.write_text("\ufeff\n " + json.dumps(spec), encoding="utf-8")

    def take(request: httpx2.Request) -> dict[str, Any]:
        bodies.append(json.loads(request.content))
        assert request.headers["Idempotency-Key"]
        return job("queued")

    told = vidctl(
        *("submit", str(file), "--title", "new", "--rendition", "720:hevc:1.5M", "--output", "hls", "--vmaf"),
        *("--hardware", "off"),
        *("--output", '{"type": "frames", "rate": 2}', "--metadata", "a=b=c", "--passthrough", "x", "--json"),
        parts=local(answering(**{"POST /api/v1/jobs": take})),
    )
    assert told.exit_code == 0
    assert json.loads(told.stdout)["id"] == JOB
    assert bodies == [
        {
            "input": "https://example.org/a.mp4",
            "priority": "low",
            "title": "new",
            "renditions": [{"height": 720, "codec": "hevc", "bitrate_bps": 1_500_000}],
            "outputs": ["hls", {"type": "frames", "rate": 2}],
            "vmaf": True,
            "hardware_encoding": "off",
            "metadata": {"a": "b=c"},
            "passthrough": "x",
        }
    ]


class _Pieces(httpx2.BaseTransport):
    """Takes a request's body piece by piece, as it is given out."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        self.headers = httpx2.Headers()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        self.headers = request.headers
        self.pieces = [len(piece) for piece in request.stream]
        return httpx2.Response(201, json=job("queued"))


def test_any_other_file_is_streamed_as_a_form_with_its_length(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000  # more than one piece
    file = tmp_path / 'job".json'
    file.write_bytes(data)
    server = _Pieces()
    told = vidctl("submit", str(file), "--priority", "high", parts=local(transport=server))
    assert told.exit_code == 0, told.stderr
    assert sum(server.pieces) == int(server.headers["Content-Length"]) > len(data)
    assert len(server.pieces) >= 4
    assert "Transfer-Encoding" not in server.headers
    assert f"job   {JOB}" in told.stdout
    assert f"{URL}/watch/abc" in told.stdout


def test_the_form_is_what_the_server_takes(tmp_path: Path) -> None:
    from python_multipart.multipart import parse_options_header

    from vidcompute.api.multipart import boundary_of

    file = tmp_path / 'a "b"\n.mp4'
    file.write_bytes(b"\x00\x01media")
    bodies = []

    def take(request: httpx2.Request) -> dict[str, Any]:
        boundary = boundary_of(request.headers["Content-Type"])
        bodies.extend(request.read().split(b"--" + boundary))
        return job("queued")

    vidctl("submit", str(file), "--title", "T", parts=local(answering(**{"POST /api/v1/jobs": take})))
    _, spec, media, end = bodies
    assert json.loads(spec.partition(b"\r\n\r\n")[2]) == {"title": "T"}
    head, _, body = media.partition(b"\r\n\r\n")
    disposition = next(line for line in head.splitlines() if line.startswith(b"Content-Disposition"))
    assert parse_options_header(disposition.partition(b": ")[2])[1][b"filename"] == b"a %22b%22%0A.mp4"
    assert body == b"\x00\x01media\r\n"
    assert end == b"--\r\n"


def test_urls_and_sources_are_sent_as_json() -> None:
    bodies = []

    def take(request: httpx2.Request) -> dict[str, Any]:
        bodies.append(json.loads(request.content))
        return job("queued")

    parts = local(answering(**{"POST /api/v1/jobs": take}))
    for source in ("HTTPS://example.org/clip", SOURCE):
        assert vidctl("submit", source, parts=parts).exit_code == 0
    assert bodies == [{"input": "HTTPS://example.org/clip"}, {"input": {"source": SOURCE}}]


def test_inputs_that_are_not_there_or_no_job_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    broken = tmp_path / "job.json"
    broken.write_text('{"input": ')
    for source, code in ((tmp_path / "none.mp4", 4), (tmp_path, 3), (broken, 3)):
        told = vidctl("submit", str(source), parts=local())
        assert told.exit_code == code
        assert str(source) in told.stderr.replace("\n", "")


@pytest.mark.parametrize("text", ["", "x", "720:h264:fast", "720:h264:q", "720:h264:nan", "720:h264:inf"])
def test_a_wrong_rendition_is_wrong_usage(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"x")
    assert vidctl("submit", str(file), "--rendition", text, parts=local()).exit_code == ExitCode.USAGE


@given(
    height=st.integers(1, 5000),
    codec=st.sampled_from(["h264", "hevc", "av1"]),
    rate=st.one_of(st.none(), st.integers(0, 63), st.integers(100, 10**8).map(str)),
)
def test_renditions_read_back_as_written(height: int, codec: str, rate: int | str | None) -> None:
    text = f"{height}:{codec}" + ("" if rate is None else f":q{rate}" if isinstance(rate, int) else f":{rate}")
    expected: dict[str, Any] = {"height": height, "codec": codec}
    if isinstance(rate, int):
        expected["quality"] = rate
    elif rate is not None:
        expected["bitrate_bps"] = int(rate)
    assert wishes.rendition(text) == expected


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("failed", 1), ("cancelled", 8)])
def test_watch_ends_with_a_code_that_tells(status: str, code: int) -> None:
    playable = event("asset.playable", {"asset_id": ASSET}, 3)
    server = Following(progress("running", 0.4) + playable + progress("done", 1.0), end=job(status))
    told = vidctl("watch", JOB, parts=local(server))
    assert told.exit_code == code
    lines = told.stdout.splitlines()
    assert lines[0] == "encode running"
    assert lines[1].startswith("40%, 3.0 s left (encode frame 12, 24 fps, 0.80x)")
    assert f"watch {URL}/watch/abc" in lines
    assert status in lines[-1]


@pytest.mark.parametrize(("output", "shown"), [("hls", True), ("mp4", False), ("frames", False)])
def test_a_page_to_watch_on_is_named_where_there_will_be_something_to_watch(output: str, *, shown: bool) -> None:
    made = {**job(), "spec": {"outputs": [{"type": output}]}}
    told = vidctl("watch", JOB, parts=local(Following(event("asset.ready", {"asset_id": ASSET}, 3), end=made)))
    assert (f"watch {URL}/watch/abc" in told.stdout.splitlines()) is shown


def test_watch_takes_a_broken_stream_up_behind_the_last_event() -> None:
    server = Following(
        event("job.started", {}, 4) + event("task.running", {}, 7) + "event: half",
        "down",
        event("job.done", {}, 9),
        end=job(),
    )
    api = Api(Endpoint(URL, "k"), httpx2.MockTransport(server))
    kinds = [e.kind for e in job_events(api, JOB, pause=lambda _: None)]
    assert kinds == ["job.started", "task.running", "job.done"]
    assert server.last_ids == ["", "7", "7"]


def test_following_gives_up_in_the_end_and_at_once_where_trying_is_no_use() -> None:
    def down(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    api = Api(Endpoint(URL, "k"), httpx2.MockTransport(down))
    with pytest.raises(VidComputeError) as gone:
        list(job_events(api, JOB, patience_s=0.05, pause=lambda _: None))
    assert gone.value.code == "server_unreachable"
    missing = {"code": "job_not_found", "detail": "There is none."}
    api = Api(Endpoint(URL, "k"), httpx2.MockTransport(lambda _: httpx2.Response(404, json=missing)))
    with pytest.raises(VidComputeError) as none:
        list(job_events(api, JOB, pause=unused))
    assert none.value.kind is Kind.NOT_FOUND


def test_submit_and_wait_prints_json_lines_and_nothing_else() -> None:
    stream = event("asset.playable", {"asset_id": ASSET}, 2) + progress("done", 1.0)
    following = Following(stream, end=job("failed"))

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(201, json=job("queued")) if request.method == "POST" else following(request)

    told = vidctl("submit", "https://example.org/a", "--wait", "--json", parts=local(answer))
    assert told.exit_code == ExitCode.FAILED
    kinds = [json.loads(line)["event"] for line in told.stdout.splitlines()]
    assert kinds == ["submitted", "asset.playable", "progress", "end"]


@given(
    sent=st.lists(
        st.tuples(
            st.text(alphabet="abc.", min_size=1),
            st.dictionaries(st.text(), st.text(), max_size=3),
            st.integers(1, 99) | st.none(),
        )
    ),
    comments=st.booleans(),
)
def test_events_read_back_as_sent(sent: list[tuple[str, dict[str, str], int | None]], *, comments: bool) -> None:
    text = "".join(event(*item) + (": still here\n\n" if comments else "") for item in sent)
    assert [(e.kind, e.data) for e in sse.events(text.split("\n"))] == [(kind, data) for kind, data, _ in sent]


def _frames(archive: Answer, *arguments: str, tmp_path: Path) -> tuple[Result, list[Any]]:
    bodies: list[Any] = []

    def take(request: httpx2.Request) -> dict[str, Any]:
        bodies.append(json.loads(request.content))
        return job("queued", spec={"outputs": [{"type": "frames"}]})

    routes = {
        "POST /api/v1/jobs": take,
        f"GET /api/v1/jobs/{JOB}/events": httpx2.Response(204),
        f"GET /api/v1/jobs/{JOB}": job("done", outputs=[]),
        f"GET /api/v1/jobs/{JOB}/frames.zip": archive,
    }
    target = str(tmp_path / "out.zip")
    return vidctl("frames", *arguments, "-o", target, parts=local(answering(**routes))), bodies


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], {}),
        (["--rate", "2.5"], {"pick": "rate", "rate": 2.5}),
        (["--rate", "0"], {"pick": "rate", "rate": 0.0}),
        (["--every", "10"], {"pick": "every", "every": 10}),
        (["--all", "--format", "png"], {"pick": "all", "format": "png"}),
        (["--keyframes", "--start", "1", "--end", "3"], {"pick": "keyframes", "start": 1.0, "end": 3.0}),
        (["--scenes", "--width", "320"], {"pick": "scenes", "width": 320}),
        (["--times", "1,2.5", "--times", "7"], {"pick": "times", "times": [1.0, 2.5, 7.0]}),
    ],
)
def test_frames_asks_for_what_the_options_say_and_saves_it(
    options: list[str], wanted: dict[str, Any], tmp_path: Path
) -> None:
    told, bodies = _frames(lambda _: httpx2.Response(200, content=b"PK zip"), ASSET, *options, tmp_path=tmp_path)
    assert told.exit_code == 0, told.stderr
    assert bodies == [{"input": {"asset": ASSET}, "outputs": [{"type": "frames", **wanted}]}]
    assert (tmp_path / "out.zip").read_bytes() == b"PK zip"


def test_ways_to_pick_frames_exclude_each_other(tmp_path: Path) -> None:
    told, bodies = _frames(unused, ASSET, "--all", "--scenes", tmp_path=tmp_path)
    assert told.exit_code == ExitCode.USAGE
    assert bodies == []


class _Cut(httpx2.SyncByteStream):
    """A body that breaks after its first bytes."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"01234"
        raise httpx2.ReadError("cut")


def test_a_download_that_breaks_goes_on_where_it_was(tmp_path: Path) -> None:
    ranges: list[str] = []

    def archive(request: httpx2.Request) -> httpx2.Response:
        ranges.append(request.headers.get("Range", ""))
        if len(ranges) == 1:
            return httpx2.Response(200, stream=_Cut(), headers={"Content-Length": "10"})
        return httpx2.Response(206, content=b"56789")

    told, _ = _frames(archive, ASSET, tmp_path=tmp_path)
    assert told.exit_code == 0, told.stderr
    assert ranges == ["", "bytes=5-"]
    assert (tmp_path / "out.zip").read_bytes() == b"0123456789"


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    told, _ = _frames(lambda _: httpx2.Response(200, stream=_Cut()), ASSET, tmp_path=tmp_path)
    assert told.exit_code == ExitCode.UNAVAILABLE
    assert list(tmp_path.iterdir()) == []
