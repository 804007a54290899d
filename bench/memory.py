"""What the server's process holds in memory: at rest, and while it takes, serves and streams much."""

import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin

from bench.client import Client
from bench.cpu import descendants, rss_bytes
from bench.processes import Platform, platform
from bench.results import BenchError, Figure, Report
from bench.run import Run
from bench.sources import Source

NAME = "memory"
_REST_LIMIT_MB, _RISE_LIMIT_MB = 150, 50
_MB = 1e6
_EVERY_S = 0.02
_READERS = 8
_PIECE_BYTES = 2**20
_FRAMES = {"outputs": [{"type": "frames", "pick": "all", "format": "png"}]}


@dataclass(frozen=True)
class _Padded:
    """A video that is much larger than it need be: a legal MP4 with a free box at its end."""

    source: Source
    padding_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes in all."""
        return self.source.size_bytes + self.padding_bytes

    def pieces(self) -> Iterator[bytes]:
        """The video, then the box (ISO/IEC 14496-12, 4.2: size 1 means that 64 bits of size follow)."""
        yield from self.source.pieces()
        head = b"\0\0\0\1free" + self.padding_bytes.to_bytes(8, "big")
        yield head
        left, piece = self.padding_bytes - len(head), bytes(_PIECE_BYTES)
        while left:
            yield piece[: min(left, len(piece))]
            left -= min(left, len(piece))


class Watch:
    """Samples a process's memory in a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = rss_bytes(pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._end.wait(_EVERY_S):
            self._peak = max(self._peak, rss_bytes(self._pid))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int:
        """The most that was seen."""
        return self._peak


def measure(run: Run) -> Report:
    """Rest first, then each kind of load; each rise counts from the rest."""
    figures = []
    clip = run.sources.make("conformant", 8)
    with platform(run.work / NAME) as server:
        _job(server, clip)
        rest = _rest(server, 2 if run.quick else 20)
        figures.append(Figure("server at rest", rest / _MB, "MB", _REST_LIMIT_MB))
        warm_child = max(map(rss_bytes, descendants(server.pid)), default=0)
        loads: dict[str, Callable[[], object]] = {
            "taking a 5 GB upload": partial(_upload, server, clip, 5 * 10**7 if run.quick else 5 * 10**9),
            "taking a 5 GB upload that is refused": partial(_refused, server, 5 * 10**7 if run.quick else 5 * 10**9),
            "serving segments to 8 viewers": partial(_serve, server, clip, 3 if run.quick else 60),
            "streaming a ZIP to 8 clients": partial(_zip, server, run.sources.make("long-gop", 2 if run.quick else 10)),
        }
        for name, load in loads.items():
            with Watch(server.pid) as watch:
                load()
            figures.append(Figure(f"rise while {name}", (watch.peak_bytes - rest) / _MB, "MB", _RISE_LIMIT_MB))
        figures.append(Figure("server after it all, above rest", (_rest(server, 1) - rest) / _MB, "MB"))
        figures.append(Figure("the warm child", warm_child / _MB, "MB"))
    return Report(NAME, tuple(figures))


def _rest(server: Platform, seconds: float) -> float:
    samples = []
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        samples.append(rss_bytes(server.pid))
        time.sleep(0.1)
    return statistics.median(samples)


def _job(server: Platform, body: Any, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    with Client(server) as client:
        uploaded = client.submit(body, spec)
        return client.done(uploaded.answer["id"], timeout_s=900)


def _upload(server: Platform, clip: Source, size_bytes: int) -> None:
    job = _job(server, _Padded(clip, size_bytes))
    with Client(server) as client:
        client.delete_asset(job["asset_id"])


@dataclass(frozen=True)
class _Text:
    """What is no video, and says so in its first bytes."""

    size_bytes: int

    def pieces(self) -> Iterator[bytes]:
        """The same line again and again."""
        left, piece = self.size_bytes, b"This is no video at all.\n" * 40_000
        while left:
            yield piece[: min(left, len(piece))]
            left -= min(left, len(piece))


def _refused(server: Platform, size_bytes: int) -> None:
    with Client(server) as client:
        uploaded = client.upload(_Text(size_bytes))
    if not 400 <= uploaded.status < 500:
        raise BenchError(f"text was answered with {uploaded.status}")


def _serve(server: Platform, clip: Source, seconds: float) -> None:
    job = _job(server, clip)
    addresses = list(_segments(server, job["urls"]["stream"]))
    deadline_s = time.monotonic() + seconds

    def view(number: int) -> None:
        with Client(server) as client:
            while time.monotonic() < deadline_s:
                for place in range(len(addresses)):
                    client.get(addresses[(place + number) % len(addresses)])

    _together(view)


def _segments(server: Platform, stream_url: str) -> Iterator[str]:
    with Client(server) as client:
        for row in _uris(client.get(stream_url).decode()):
            playlist_url = urljoin(stream_url, row)
            yield playlist_url
            for segment in _uris(client.get(playlist_url).decode()):
                yield urljoin(playlist_url, segment)


def _uris(playlist: str) -> list[str]:
    return [row for row in playlist.splitlines() if row and not row.startswith("#")]


def _together(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(_READERS) as pool:
        list(pool.map(work, range(_READERS)))


def _zip(server: Platform, clip: Source) -> None:
    job = _job(server, clip, _FRAMES)
    sizes: list[int] = []

    def download(number: int) -> None:
        with Client(server) as client, tempfile.TemporaryFile() as kept:
            response = client.opened(f"/api/v1/jobs/{job['id']}/frames.zip")
            while piece := response.read(2 ** (16 + number % 4)):
                kept.seek(0)
                kept.write(piece)
                sizes.append(len(piece))

    _together(download)
    expected = next(output["size_bytes"] for output in job["outputs"] if output["type"] == "frames")
    if sum(sizes) < _READERS * expected * 0.9:
        raise BenchError(f"{_READERS} downloads gave {sum(sizes)} bytes of {expected} each")
    with contextlib.suppress(BenchError), Client(server) as client:
        client.delete_asset(job["asset_id"])
