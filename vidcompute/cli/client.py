"""The HTTP API as the commands use it: requests, problems as errors, streams of events, uploads, downloads."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from vidcompute.cli.local import Endpoint
from vidcompute.cli.sse import Event, events
from vidcompute.errors import FieldProblem, Kind, VidComputeError

_PIECE_BYTES = 1 << 20
_CONNECT_S = 5.0
_READ_S = 60.0
_STREAM_READ_S = 40.0  # heartbeats come each 15 s
_KIND_OF_STATUS = {
    401: Kind.UNAUTHENTICATED,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    410: Kind.NOT_FOUND,
    413: Kind.TOO_LARGE,
    423: Kind.CONFLICT,
    429: Kind.RATE_LIMITED,
    500: Kind.INTERNAL,
    502: Kind.UNAVAILABLE,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMEOUT,
    507: Kind.UNAVAILABLE,
}

Progress = Callable[[int, int | None], None]
"""Is told the bytes that have moved, and how many there are (None where that is not known)."""


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine: then no proxy stands between."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def problem_of(response: httpx2.Response) -> VidComputeError:
    """The error that an answer tells of: problem details (RFC 9457), an error of OAuth, or whatever else came."""
    status = response.status_code
    kind = _KIND_OF_STATUS.get(status, Kind.INVALID if status < 500 else Kind.UNAVAILABLE)
    try:
        document = response.json()
        problems = tuple(FieldProblem(p["pointer"], p["detail"], p["code"]) for p in document.get("problems", ()))
        told = {name: document[name] for name in ("status", "request_id") if name in document}
        if "error" in document:  # RFC 6749, 5.2
            return VidComputeError(kind, document["error"], document["error_description"])
        return VidComputeError(kind, document["code"], document["detail"], problems=problems, extra=told)
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = f"{response.url} answered {status} {response.reason_phrase}: is a VidCompute server there?"
        return VidComputeError(kind, "unexpected_answer", detail, extra={"status": status})


def unreachable(url: str, error: Exception) -> VidComputeError:
    """The error of a server that does not answer."""
    why = str(error) or type(error).__name__
    detail = f"The server at {url} can't be reached ({why}). Start one with `vidctl serve`, or name one with --server."
    return VidComputeError(Kind.UNAVAILABLE, "server_unreachable", detail)


def _said(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


class Api:
    """One server's API. Every method raises VidComputeError: the server's own problem, or `server_unreachable`."""

    def __init__(
        self, endpoint: Endpoint, transport: httpx2.BaseTransport | None = None, auth: httpx2.Auth | None = None
    ) -> None:
        self.url = endpoint.url.rstrip("/")
        self._client = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {},
            auth=auth,
            timeout=httpx2.Timeout(_READ_S, connect=_CONNECT_S),
            trust_env=not is_loopback(self.url),
            transport=transport,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """A JSON document."""
        return self._ask("GET", path, params=_said(query))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a JSON document, or nothing; the answer's. It is carried out once, however often it has to be sent."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        return self._ask("POST", path, headers=headers, **({} if body is None else {"json": dict(body)}))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something; the answer's document."""
        return self._ask("PATCH", path, json=dict(body))

    def delete(self, path: str, **query: Any) -> Any:
        """Remove or end something; the answer's document, None where there is none."""
        return self._ask("DELETE", path, params=_said(query))

    def _ask(self, method: str, path: str, **how: Any) -> Any:
        response = self.answer(method, path, **how)
        return response.json() if response.content else None

    def answer(self, method: str, path: str, **how: Any) -> httpx2.Response:
        """The answer itself, where it is a good one; `how` goes to httpx2."""
        try:
            response = self._client.request(method, path, **how)
        except httpx2.TransportError as error:
            raise unreachable(self.url, error) from error
        if not response.is_success:
            raise problem_of(response)
        return response

    def upload(self, path: str, spec: str, file: Path, progress: Progress) -> Any:
        """Send a file and its job (JSON text) as one multipart form, read while it is sent; the answer's document."""
        boundary = secrets.token_hex(16)
        name = file.name.translate({34: "%22", 13: "%0D", 10: "%0A"})
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="spec"\r\nContent-Type: application/json\r\n\r\n'
            f'{spec}\r\n--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode("utf-8", "surrogateescape")
        tail = f"\r\n--{boundary}--\r\n".encode()
        size_bytes = file.stat().st_size

        def body() -> Iterator[bytes]:
            yield head
            sent = 0
            with file.open("rb") as source:
                # Never more than was declared: the file may grow while it is sent.
                while piece := source.read(min(_PIECE_BYTES, size_bytes - sent)):
                    yield piece
                    sent += len(piece)
                    progress(sent, size_bytes)
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size_bytes + len(tail)),
        }
        timeout = httpx2.Timeout(600.0, connect=_CONNECT_S)
        return self._ask("POST", path, content=body(), headers=headers, timeout=timeout)

    @contextmanager
    def events(self, path: str, last_id: str = "", **query: Any) -> Iterator[Iterator[Event] | None]:
        """An open stream of events after `last_id`; None where the server has no more to tell."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx2.Timeout(_STREAM_READ_S, connect=_CONNECT_S)
        params = {name: value for name, value in query.items() if value is not None}
        try:
            with self._client.stream("GET", path, headers=headers, params=params, timeout=timeout) as response:
                if response.status_code == 204:
                    yield None
                    return
                if not response.is_success:
                    response.read()
                    raise problem_of(response)
                yield events(response.iter_lines())
        except httpx2.TransportError as error:
            raise unreachable(self.url, error) from error

    def download(self, path: str, target: Path, progress: Progress) -> int:
        """Save what is there as the file `target`, going on where a line was cut. Returns its size in bytes.

        The file appears under its name when it is whole.
        """
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            with partial.open("wb") as file:
                for attempt in range(_DOWNLOAD_ATTEMPTS):
                    if self._pull(path, file, progress, last=attempt == _DOWNLOAD_ATTEMPTS - 1):
                        break
                size_bytes = file.tell()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return size_bytes

    def _pull(self, path: str, file: Any, progress: Progress, *, last: bool) -> bool:
        """Add to a file what it does not have yet; whether it is whole now."""
        have = file.tell()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with self._client.stream("GET", path, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    raise problem_of(response)
                if have and response.status_code != httpx2.codes.PARTIAL_CONTENT:
                    have = file.seek(0)
                    file.truncate()
                length = response.headers.get("Content-Length", "")
                total = have + int(length) if length.isdigit() else None
                # As it comes: what waited for a larger piece would be lost with the line.
                for piece in response.iter_bytes():
                    file.write(piece)
                    progress(file.tell(), total)
        except httpx2.TransportError as error:
            if last:
                raise unreachable(self.url, error) from error
            return False
        return True


_DOWNLOAD_ATTEMPTS = 4


def fetcher(transport: httpx2.BaseTransport | None = None) -> Callable[[str], bytes]:
    """A function that gives the bytes behind a URL, over one client with connections that are kept.

    It raises `httpx2.HTTPError` for what can't be had.
    """
    client = httpx2.Client(
        timeout=httpx2.Timeout(_READ_S, connect=_CONNECT_S), follow_redirects=True, transport=transport
    )

    def fetch(url: str) -> bytes:
        response = client.get(url)
        response.raise_for_status()
        return response.content

    return fetch
