"""`vidctl upload`: it goes on by itself where a line was cut, and ends where that can't help."""

import base64
import json
from pathlib import Path

import httpx2
import pytest

from tests.fixtures.vidctl import JOB, URL, job, local, vidctl
from vidcompute.cli import resuming
from vidcompute.cli.client import Api
from vidcompute.cli.local import Endpoint
from vidcompute.errors import VidComputeError

UPLOAD = "/api/v1/uploads/up_01kq3v8a4rj0t5w6x7y8z9abch"
DATA = bytes(range(256)) * 20_000  # 5 MB


class Server(httpx2.BaseTransport):
    """Keeps what comes. Each number in `cuts` cuts one request after so many bytes."""

    def __init__(self, *cuts: int) -> None:
        self.cuts = list(cuts)
        self.kept = bytearray()
        self.job = ""
        self.methods: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.methods.append(request.method)
        if request.method == "GET":
            whole = {"job_id": JOB, "status": "completed"}
            return httpx2.Response(200, json=whole if request.url.path == UPLOAD else job("queued"))
        assert request.headers["Tus-Resumable"] == "1.0.0"
        if request.method == "POST":
            pairs = dict(pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
            self.job = base64.b64decode(pairs["job"]).decode()
            assert base64.b64decode(pairs["filename"]) == b"clip.mp4"
            return httpx2.Response(201, headers={"Location": UPLOAD})
        if request.method == "PATCH":
            self._take(request)
        return httpx2.Response(204, headers={"Upload-Offset": str(len(self.kept))})

    def _take(self, request: httpx2.Request) -> None:
        assert int(request.headers["Upload-Offset"]) == len(self.kept)
        assert isinstance(request.stream, httpx2.SyncByteStream)
        cut = self.cuts.pop(0) if self.cuts else None
        came = b""
        for piece in request.stream:
            came += piece
            if cut is not None and len(came) >= cut:
                self.kept += came[:cut]
                raise httpx2.WriteError("the line was cut")
        self.kept += came


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    file = tmp_path / "clip.mp4"
    file.write_bytes(DATA)
    return file


def test_a_file_is_sent_with_its_job_and_the_job_is_told(clip: Path) -> None:
    server = Server()
    told = vidctl("upload", str(clip), "--priority", "high", "--title", "T", parts=local(transport=server))
    assert told.exit_code == 0, told.stderr
    assert bytes(server.kept) == DATA
    assert json.loads(server.job) == {"priority": "high", "title": "T"}
    assert f"job   {JOB}" in told.stdout


def test_it_goes_on_where_the_line_was_cut(clip: Path) -> None:
    server = Server(1, 1_500_000, 0, 0)
    waits: list[float] = []
    bars: list[int] = []
    api = Api(Endpoint(URL, "key"), server)
    resuming.send(api, UPLOAD, clip, lambda done, _all: bars.append(done), pause=waits.append)
    assert bytes(server.kept) == DATA
    assert waits == [0.5, 0.5, 0.5, 1.0]  # longer only while nothing gets through
    assert server.methods == ["HEAD", "PATCH"] * 5
    assert bars[-1] == len(DATA)


def test_what_was_whole_before_the_answer_got_lost_is_not_sent_again(clip: Path) -> None:
    server = Server(len(DATA))
    resuming.send(Api(Endpoint(URL, "key"), server), UPLOAD, clip, lambda _d, _a: None, pause=lambda _s: None)
    assert (bytes(server.kept), server.methods) == (DATA, ["HEAD", "PATCH", "HEAD"])


def test_a_refusal_ends_it(clip: Path) -> None:
    problem = {"code": "source_not_media", "detail": "It is text.", "status": 415}

    def refuse(request: httpx2.Request) -> httpx2.Response:
        if request.method == "HEAD":
            return httpx2.Response(200, headers={"Upload-Offset": "0"})
        return httpx2.Response(415, json=problem)

    with pytest.raises(VidComputeError, match="source_not_media"):
        resuming.send(Api(Endpoint(URL, ""), httpx2.MockTransport(refuse)), UPLOAD, clip, lambda _d, _a: None)


def test_an_upload_that_is_gone_is_told_in_words(clip: Path) -> None:
    gone = httpx2.MockTransport(lambda _request: httpx2.Response(410))
    with pytest.raises(VidComputeError, match="upload_ended"):
        resuming.send(Api(Endpoint(URL, ""), gone), UPLOAD, clip, lambda _d, _a: None)


def test_a_one_time_address_needs_no_key(clip: Path) -> None:
    server = Server()
    told = vidctl("upload", str(clip), "--to", "https://video.example/upload/abc", parts=local(transport=server))
    assert (told.exit_code, bytes(server.kept)) == (0, DATA)
    wrong = vidctl("upload", str(clip), "--to", "ftp://x", parts=local(transport=server))
    assert wrong.exit_code == 3
