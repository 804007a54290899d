"""Sends a file straight to the store that the server uses: parts side by side, each again where it was cut."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import httpx2

from vidcompute.cli.client import Api, Progress, is_loopback
from vidcompute.cli.resuming import UPLOADS
from vidcompute.errors import Kind, VidComputeError

_AT_ONCE = 4
_PIECE_BYTES = 1 << 20
_TRIES = 8
_LONGEST_WAIT_S = 30.0
_TIMEOUT_S = 60.0
_LOOK_S = 0.5


def begin(api: Api, file: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """Make an upload for a file and its job."""
    size_bytes = file.stat().st_size
    said = {"name": file.name, "size_bytes": size_bytes, "direct": True, "job": dict(job)}
    made: dict[str, Any] = api.post(UPLOADS, said)
    return made


def send(
    api: Api, upload: Mapping[str, Any], file: Path, told: Progress, *, pause: Callable[[float], None] = time.sleep
) -> None:
    """Bring every part that is missing to the store, and say that all are there.

    Raises what the server has against it, and `upload_cut` when a part did not get through again and again.
    """
    path = f"{UPLOADS}/{upload['id']}"
    size_bytes, part_bytes = upload["size_bytes"], upload["direct"]["part_bytes"]
    here = {part["number"]: part["size_bytes"] for part in api.get(f"{path}/parts")["items"]}
    sent, lock = sum(here.values()), Lock()

    def bring(number: int) -> None:
        nonlocal sent
        start = (number - 1) * part_bytes
        part = _Part(file, number, start, min(part_bytes, size_bytes - start))
        _bring(api, path, part, pause)
        with lock:
            sent += part.length
            told(sent, size_bytes)

    told(sent, size_bytes)
    missing = [number for number in range(1, upload["direct"]["parts"] + 1) if number not in here]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(bring, missing):
            pass
    api.post(f"{path}/complete")


def wait_for_job(api: Api, upload_id: str, *, pause: Callable[[float], None] = time.sleep) -> str:
    """The id of the job that begins once the store's bytes were read; raises why the upload failed."""
    while True:
        upload = api.get(f"{UPLOADS}/{upload_id}")
        if upload["job_id"]:
            return str(upload["job_id"])
        if upload["error"]:
            raise VidComputeError(Kind.REFUSED, upload["error"]["code"], upload["error"]["detail"])
        if upload["status"] != "uploading":
            raise VidComputeError(Kind.NOT_FOUND, "upload_ended", f"The upload was {upload['status']}.")
        pause(_LOOK_S)


@dataclass(frozen=True)
class _Part:
    """A stretch of a file."""

    file: Path
    number: int
    start: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """Its bytes."""
        left = self.length
        with self.file.open("rb") as source:
            source.seek(self.start)
            while left and (piece := source.read(min(_PIECE_BYTES, left))):
                left -= len(piece)
                yield piece


def _bring(api: Api, path: str, part: _Part, pause: Callable[[float], None]) -> None:
    """One part, to an address of its own each time: an old one may be over."""
    why, headers = "", {"Content-Length": str(part.length)}
    for tried in range(_TRIES):
        url = api.post(f"{path}/parts", {"numbers": [part.number]})["items"][0]["url"]
        direct = not is_loopback(url)
        try:
            answer = httpx2.put(url, content=part.pieces(), headers=headers, timeout=_TIMEOUT_S, trust_env=direct)
        except httpx2.TransportError as error:
            why = str(error) or type(error).__name__
        else:
            if answer.is_success:
                return
            why = f"the store answered {answer.status_code}"
        pause(min(_LONGEST_WAIT_S, 0.5 * 2**tried))
    raise VidComputeError(Kind.UNAVAILABLE, "upload_cut", f"Part {part.number} did not get through: {why}.")
