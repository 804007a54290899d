"""A plain HTTP client that knows when the last byte of an upload was written."""

import contextlib
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from itertools import chain
from typing import Any, Protocol
from urllib.parse import urlsplit

from bench.processes import Platform
from bench.results import BenchError

_TIMEOUT_S = 900.0
_TUS = {"Tus-Resumable": "1.0.0"}


class Body(Protocol):
    """What can be uploaded."""

    @property
    def size_bytes(self) -> int:
        """How many bytes `pieces` gives."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """The bytes."""
        ...


@dataclass(frozen=True)
class Uploaded:
    """An upload's answer. Times are of the monotonic clock, but for `last_byte_ms`, which is Unix time."""

    status: int
    answer: dict[str, Any]
    began_s: float
    began_ms: float
    last_byte_s: float
    last_byte_ms: float
    answered_s: float


class Client:
    """One connection to a platform, kept open."""

    def __init__(self, platform: Platform) -> None:
        self._netloc = urlsplit(platform.url).netloc
        self._headers = {"Authorization": f"Bearer {platform.key}"}
        self._connection = HTTPConnection(self._netloc, timeout=_TIMEOUT_S)
        self._connection.connect()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, *, status: int = 200) -> bytes:
        """The body at a path (or URL of this server); BenchError for any other status."""
        return self._asked("GET", path, status)

    def json(self, path: str, *, method: str = "GET", status: int = 200) -> Any:
        """The answer as JSON; None where it has no body."""
        body = self._asked(method, path, status)
        return json.loads(body) if body else None

    def _asked(self, method: str, path: str, status: int) -> bytes:
        split = urlsplit(path)
        target = split.path + (f"?{split.query}" if split.query else "")
        response = self._answer(method, target)
        body = response.read()
        if response.status != status:
            raise BenchError(f"{method} {target}: {response.status} {body[:300]!r}")
        return body

    def opened(self, path: str) -> HTTPResponse:
        """The answer to a GET, to be read in pieces; read it to its end, or close this client."""
        return self._answer("GET", path)

    def _answer(self, method: str, target: str) -> HTTPResponse:
        """Ask, on a new connection where the server has closed this one as idle."""
        try:
            self._connection.request(method, target, headers=self._headers)
            return self._connection.getresponse()
        except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
        self._connection.request(method, target, headers=self._headers)
        return self._connection.getresponse()

    def upload(self, body: Body, spec: Mapping[str, Any] | None = None) -> Uploaded:
        """Send a job with its file, as `vidctl submit FILE` does."""
        boundary = secrets.token_hex(16)
        head = _part(boundary, 'name="spec"', "application/json") + json.dumps(spec or {}).encode() + b"\r\n"
        head += _part(boundary, 'name="file"; filename="clip"', "application/octet-stream")
        tail = f"\r\n--{boundary}--\r\n".encode()
        said = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + body.size_bytes + len(tail)),
        }
        found, answer = self._timed("POST", "/api/v1/jobs", said, chain([head], body.pieces(), [tail]))
        return replace(found, answer=json.loads(answer))

    def resumable(self, body: Body) -> Uploaded:
        """Send a file with its job by TUS, as browsers and phones do; BenchError unless the job was made.

        Who sends asks then for what became of it: the answer is the job, and there when that is known.
        """
        described = {**_TUS, "Upload-Length": str(body.size_bytes)}
        address = self.sent("POST", "/api/v1/uploads", b"", described, status=201)["location"]
        said = {**_TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        found, _ = self._timed("PATCH", address, {**said, "Content-Length": str(body.size_bytes)}, body.pieces())
        if found.status != 204:
            raise BenchError(f"the last bytes were answered with {found.status}")
        job = self.job(self.json(address)["job_id"])
        return replace(found, answer=job, answered_s=time.monotonic())

    def _timed(
        self, method: str, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]
    ) -> tuple[Uploaded, bytes]:
        """Send a body; when its last byte was written, and what the answer says."""
        connection = self._connection
        connection.putrequest(method, path)
        for name, value in {**self._headers, **headers}.items():
            connection.putheader(name, value)
        began_s, began_ms = time.monotonic(), time.time() * 1000
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused on the way: the answer says why
            connection.endheaders()
            for piece in pieces:
                connection.send(piece)
        last_byte_s, last_byte_ms = time.monotonic(), time.time() * 1000
        response = connection.getresponse()
        answer = response.read()
        found = Uploaded(response.status, {}, began_s, began_ms, last_byte_s, last_byte_ms, time.monotonic())
        return found, answer

    def sent(self, method: str, path: str, body: Any, headers: Mapping[str, str], *, status: int) -> dict[str, str]:
        """The headers of the answer to bytes, or to an iterator of them; BenchError for any other status."""
        self._connection.request(method, path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        said = response.read()
        if response.status != status:
            raise BenchError(f"{method} {path}: {response.status} {said[:300]!r}")
        return {name.lower(): value for name, value in response.getheaders()}

    def submit(self, body: Body, spec: Mapping[str, Any] | None = None) -> Uploaded:
        """`upload`, and a BenchError unless the job was made."""
        uploaded = self.upload(body, spec)
        if uploaded.status != 201:
            raise BenchError(f"the upload was answered with {uploaded.status}: {uploaded.answer}")
        return uploaded

    def job(self, job_id: str) -> dict[str, Any]:
        """A job as the API tells of it."""
        return dict(self.json(f"/api/v1/jobs/{job_id}"))

    def done(self, job_id: str, *, timeout_s: float, every_s: float = 1.0) -> dict[str, Any]:
        """The job when it is done; BenchError when it ends in another way, or not in time."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            job = self.job(job_id)
            if job["status"] == "done":
                return job
            if job["status"] in {"failed", "cancelled"} or time.monotonic() > deadline_s:
                raise BenchError(f"job {job_id} is {job['status']}: {job['error']}")
            time.sleep(every_s)

    def delete_asset(self, asset_id: str) -> None:
        """Remove an asset with its job and all that was made of it, for good."""
        self.json(f"/api/v1/assets/{asset_id}", method="DELETE", status=204)
        self.json("/api/v1/cleanup", method="POST")


def _part(boundary: str, name: str, content_type: str) -> bytes:
    disposition = f"Content-Disposition: form-data; {name}"
    return f"--{boundary}\r\n{disposition}\r\nContent-Type: {content_type}\r\n\r\n".encode()


def events(platform: Platform, job_id: str, *, until: str, timeout_s: float = 20.0) -> dict[str, int]:
    """When each kind of a job's events first happened (Unix ms), read until one of the kind `until` came.

    A task's events are told apart by its stage: `task.done probe`.
    """
    seen: dict[str, int] = {}
    deadline_s = time.monotonic() + timeout_s
    with Client(platform) as client:
        response = client.opened(f"/api/v1/jobs/{job_id}/events")
        kind = ""
        while until not in seen and time.monotonic() < deadline_s:
            row = response.readline().decode()
            if not row:
                break
            name, _, value = row.strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and "created_ms" in (data := json.loads(value)):
                stage = data.get("stage")
                seen.setdefault(f"{kind} {stage}" if stage else kind, data["created_ms"])
    return seen
