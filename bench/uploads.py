"""How quick uploads are, against a bare write loop behind the same HTTP server, and what they cost in memory."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.client import Client
from bench.cpu import rss_bytes
from bench.memory import Watch
from bench.processes import Platform, bare_loop, platform
from bench.results import BenchError, Figure, Report
from bench.run import Run

NAME = "uploads"
_LEAST = 0.8
_RISE_LIMIT_MB = 50
_MB = 1e6
_PIECE_BYTES = 2**20
_CHUNK_BYTES = 8 * 2**20
_HEAD = b"\x00\x00\x00\x20ftypisom"
_TUS = {"Tus-Resumable": "1.0.0"}
_NO_JOB = "job bnVsbA=="  # null


@dataclass(frozen=True)
class _File:
    """What begins like a video, and is like no other: its number is in each piece."""

    size_bytes: int
    number: int

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Its bytes `[start, end)`; both lie on borders of pieces, or at the end."""
        stop = self.size_bytes if end is None else end
        for at in range(start, stop, _PIECE_BYTES):
            begin = _HEAD if at == 0 else b""
            mark = begin + self.number.to_bytes(8, "big") + at.to_bytes(8, "big")
            yield (mark + bytes(_PIECE_BYTES - len(mark)))[: stop - at]


def measure(run: Run) -> Report:
    """Uploads and bare writes take turns; the figures are ratios of their medians."""
    size_bytes = 32 * 2**20 if run.quick else 2**30
    took: dict[str, list[float]] = {"bare": [], "one request": [], "requests of 8 MiB": []}
    with platform(run.work / NAME) as server, bare_loop(run.work / NAME) as bare_url:
        _whole(server, _File(_CHUNK_BYTES, 0))  # what is loaded at a first upload is loaded now
        rest = rss_bytes(server.pid)
        with Watch(server.pid) as watch:
            for number in range(1, run.times(5, 2) + 1):
                took["bare"].append(_bare(bare_url, _File(size_bytes, number)))
                took["one request"].append(_whole(server, _File(size_bytes, 2 * number)))
                took["requests of 8 MiB"].append(_chunks(server, _File(size_bytes, 2 * number + 1)))
        rise = (watch.peak_bytes - rest) / _MB
    middle = {name: statistics.median(found) for name, found in took.items()}
    run.say(", ".join(f"{name} {size_bytes / _MB / s:.0f} MB/s" for name, s in middle.items()))
    figures = (
        Figure("speed, in one request", middle["bare"] / middle["one request"], "x", _LEAST, at_least=True),
        Figure("speed, in requests of 8 MiB", middle["bare"] / middle["requests of 8 MiB"], "x"),
        Figure("in one request", size_bytes / _MB / middle["one request"], "MB/s"),
        Figure("rise of the server's memory", rise, "MB", _RISE_LIMIT_MB),
    )
    return Report(NAME, figures, {"size_bytes": size_bytes, "took_s": took})


def _bare(url: str, file: _File) -> float:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=900)
    began_s = time.monotonic()
    connection.request("PUT", "/", _Body(file.pieces()), {"Content-Length": str(file.size_bytes)})
    answer = connection.getresponse()
    answer.read()
    took_s = time.monotonic() - began_s
    connection.close()
    if answer.status != 200:
        raise BenchError(f"the bare loop answered {answer.status}")
    return took_s


class _Body:
    """An iterator that http.client sends as it is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def _begin(client: Client, file: _File) -> str:
    headers = {**_TUS, "Upload-Length": str(file.size_bytes), "Upload-Metadata": _NO_JOB}
    return client.sent("POST", "/api/v1/uploads", b"", headers, status=201)["location"]


def _whole(server: Platform, file: _File) -> float:
    with Client(server) as client:
        began_s = time.monotonic()
        _patch(client, _begin(client, file), file, 0, file.size_bytes)
        return time.monotonic() - began_s


def _chunks(server: Platform, file: _File) -> float:
    with Client(server) as client:
        began_s = time.monotonic()
        address = _begin(client, file)
        for start in range(0, file.size_bytes, _CHUNK_BYTES):
            _patch(client, address, file, start, min(file.size_bytes, start + _CHUNK_BYTES))
        return time.monotonic() - began_s


def _patch(client: Client, address: str, file: _File, start: int, end: int) -> None:
    headers = {
        **_TUS,
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(end - start),
        "Upload-Offset": str(start),
    }
    client.sent("PATCH", address, _Body(file.pieces(start, end)), headers, status=204)
