"""A real HTTP server on loopback whose answers each test writes, and the fetcher that is tried on it."""

import http.server
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vidcompute.adapters.fetch_http import HttpFetcher
from vidcompute.errors import VidComputeError
from vidcompute.media.digest import TreeDigest
from vidcompute.pipeline.stages.fetch import check_head
from vidcompute.ports.fetcher import FetchLimits

FILM = bytes(itertools.islice(itertools.cycle(range(251)), 700_001))


def digest_of(data: bytes) -> str:
    tree = TreeDigest()
    tree.update(data)
    return tree.finish()


@dataclass
class Site:
    """A server whose answers each test writes; `seen` has every request's path and headers."""

    port: int = 0
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = field(default_factory=dict)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def serve(self, path: str, body: bytes = FILM, status: int = 200, **headers: str) -> str:
        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            respond(handler, body, status, headers)

        self.answers[path] = answer
        return self.url(path)

    def redirect(self, path: str, to: str, status: int = 302) -> str:
        return self.serve(path, b"", status, Location=to)


def respond(
    handler: http.server.BaseHTTPRequestHandler, body: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in (headers or {}):
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving() -> Iterator[Site]:
    """A site, for as long as the block lasts."""
    made = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            made.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            made.answers[path](self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Clients that go away are the point of some tests."""

    server = Server(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


LIMITS = FetchLimits(max_bytes=2**20, connect_s=5, idle_s=5, total_s=60, resumes=3)


def error_of(fetcher: HttpFetcher, url: str, goal: Path) -> VidComputeError:
    with pytest.raises(VidComputeError) as told:
        fetcher.fetch(url, goal, check_head=check_head)
    return told.value
