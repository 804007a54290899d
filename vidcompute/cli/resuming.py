"""Sends a file in pieces that go on where a line was cut, as TUS 1.0.0 says."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from vidcompute.cli.client import Api, Progress
from vidcompute.errors import Kind, VidComputeError

UPLOADS = "/api/v1/uploads"
_VERSION = {"Tus-Resumable": "1.0.0"}
_PIECE_BYTES = 1 << 20
_LAST_BYTE_S = 600.0  # the server may have to store the file elsewhere
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_GIVE_UP_S = 900.0  # without one byte more
_GOES_ON = frozenset({"upload_busy", "upload_offset_wrong", "body_cut", "quota_jobs"})  # the last: a job may end


def begin(api: Api, file: Path, job: Mapping[str, Any] | None) -> str:
    """Make an upload for a file and the job that begins with its last byte; its address."""
    name = file.name.encode("utf-8", "surrogateescape")
    metadata = {"filename": name, "job": json.dumps(None if job is None else dict(job)).encode()}
    pairs = ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in metadata.items())
    headers = {**_VERSION, "Upload-Length": str(file.stat().st_size), "Upload-Metadata": pairs}
    return str(api.answer("POST", UPLOADS, headers=headers).headers["Location"])


def send(
    api: Api,
    address: str,
    file: Path,
    progress: Progress,
    *,
    cut: Callable[[str], None] = lambda _why: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Send what is missing of a file, from where the server is, until all of it is there.

    After a cut line it asks and goes on by itself; `cut` is told why. Raises what the server has against the file, and
    `server_unreachable` when no byte got through for a quarter of an hour.
    """
    size_bytes = file.stat().st_size
    offset_bytes, wait_s, moved_s = 0, _FIRST_WAIT_S, time.monotonic()
    while True:
        try:
            before = offset_bytes
            offset_bytes = _offset(api, address)
            if offset_bytes > before:
                wait_s, moved_s = _FIRST_WAIT_S, time.monotonic()
            progress(offset_bytes, size_bytes)
            if offset_bytes == size_bytes or _patch(api, address, file, offset_bytes, progress) == size_bytes:
                return
        except VidComputeError as error:
            if not _passes(error) or time.monotonic() - moved_s > _GIVE_UP_S:
                raise
            cut(error.detail)
            pause(wait_s)
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)


def _passes(error: VidComputeError) -> bool:
    return error.code in _GOES_ON or error.kind in {Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.RATE_LIMITED}


def _offset(api: Api, address: str) -> int:
    try:
        return int(api.answer("HEAD", address, headers=_VERSION).headers["Upload-Offset"])
    except VidComputeError as error:
        if error.extra.get("status") != httpx2.codes.GONE:
            raise
        # An answer to HEAD has no words of its own.
        detail = "The server has kept nothing of this upload: it was refused, given up, or took too long."
        raise VidComputeError(Kind.NOT_FOUND, "upload_ended", detail) from error


def _patch(api: Api, address: str, file: Path, offset_bytes: int, progress: Progress) -> int:
    size_bytes = file.stat().st_size

    def body() -> Iterator[bytes]:
        sent = offset_bytes
        with file.open("rb") as source:
            source.seek(offset_bytes)
            # Never more than was declared: the file may grow while it is sent.
            while piece := source.read(min(_PIECE_BYTES, size_bytes - sent)):
                yield piece
                sent += len(piece)
                progress(sent, size_bytes)

    headers = {
        **_VERSION,
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(size_bytes - offset_bytes),
        "Upload-Offset": str(offset_bytes),
    }
    timeout = httpx2.Timeout(_LAST_BYTE_S, connect=5.0, write=60.0)
    answer = api.answer("PATCH", address, content=body(), headers=headers, timeout=timeout)
    return int(answer.headers["Upload-Offset"])
