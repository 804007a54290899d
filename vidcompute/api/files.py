"""Stored files and texts over HTTP: validators, ranges, compression, caching, and what browsers need of other sites."""

import gzip
import hashlib
import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from vidcompute.api.problems import problem_response, request_id_of
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.ports.storage import Storage

PIECE_BYTES: Final = 256 * 1024
SMALLEST_GZIP_BYTES: Final = 512

IMMUTABLE: Final = "public, max-age=31536000, immutable"
NO_STORE: Final = "no-store"

CORS_HEADERS: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Length, Content-Range, Date, ETag, Last-Modified, Retry-After"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}
PREFLIGHT_HEADERS: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range, If-None-Match, If-Modified-Since, If-Range, Cache-Control",
    "Access-Control-Max-Age": "86400",
}

_TEXT_TYPES = ("text/", "application/json", "application/dash+xml", "application/vnd.apple.mpegurl")
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,1000})\s*-\s*(\d{0,1000})", re.IGNORECASE)
_OUTSIDE = (0, 0)


@dataclass(frozen=True)
class _Found:
    """What lies in storage: its size in bytes, its validators, and where it can be read (and its bytes, if few)."""

    size_bytes: int
    etag: str
    modified_s: float | None
    path: Path | None
    body: bytes | None


async def file_response(
    request: Request,
    storage: Storage,
    key: str,
    media_type: str,
    cache_control: str = IMMUTABLE,
    *,
    download_name: str | None = None,
) -> Response:
    """The object `key` as a response to GET or HEAD, with range, validators, gzip for texts, and CORS.

    Raises `file_not_found` (404) where it is not there. A range out of the file answers 416.
    """
    found = await _find(storage, key)
    headers = _headers(cache_control, found.etag, found.modified_s, download_name)
    if is_text(media_type):
        headers["Vary"] = "Accept-Encoding"
    if _not_modified(request, found.etag, found.modified_s):
        return Response(status_code=304, headers=headers)
    headers["Accept-Ranges"] = "bytes"
    chosen = _range_of(request, found)
    if chosen == _OUTSIDE:
        return _unsatisfiable(request, found.size_bytes)
    if chosen is None and found.body is not None and _wants_gzip(request, media_type, found.size_bytes):
        return await _gzipped(request, found.body, found.etag, media_type, headers)
    start, end = chosen or (0, found.size_bytes)
    if chosen is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size_bytes}"
    headers["Content-Length"] = str(end - start)
    status = 200 if chosen is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    if found.body is not None:
        return Response(found.body[start:end], status, headers, media_type)
    pieces = _local_pieces(found.path, start, end) if found.path else _stored_pieces(storage, key, start, end)
    return Pieces(pieces, status, headers, media_type)


async def body_response(
    request: Request,
    body: bytes | str,
    media_type: str,
    cache_control: str = "no-cache",
    *,
    download_name: str | None = None,
) -> Response:
    """A text made just now (a playlist, a manifest) with the validators, gzip and CORS that stored files have."""
    data = body.encode() if isinstance(body, str) else body
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = _headers(cache_control, etag, None, download_name)
    headers["Vary"] = "Accept-Encoding"
    if _not_modified(request, etag, None):
        return Response(status_code=304, headers=headers)
    if _wants_gzip(request, media_type, len(data)):
        return await _gzipped(request, data, etag, media_type, headers)
    headers["Content-Length"] = str(len(data))
    return Response(b"" if request.method == "HEAD" else data, 200, headers, media_type)


def content_disposition(name: str) -> str:
    """The header that saves a response under `name` (RFC 6266): any name is fine, none can break out of it."""
    plain = re.sub(r"[^A-Za-z0-9 ._()\[\]-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _headers(cache_control: str, etag: str, modified_s: float | None, download_name: str | None) -> dict[str, str]:
    headers = {**CORS_HEADERS, "Cache-Control": cache_control, "ETag": etag}
    if modified_s is not None:
        headers["Last-Modified"] = formatdate(modified_s, usegmt=True)
    if download_name is not None:
        headers["Content-Disposition"] = content_disposition(download_name)
    return headers


async def _find(storage: Storage, key: str) -> _Found:
    try:
        path = storage.local_path(key)
        if path is not None:
            return await to_thread.run_sync(_look, path)
        info = await storage.stat(key)
    except FileNotFoundError:
        raise _missing(key) from None
    except VidComputeError as error:
        if error.kind is Kind.NOT_FOUND:
            raise _missing(key) from error
        raise
    return _Found(info.size_bytes, f'"{info.etag.strip(chr(34))}"', None, None, None)


def _missing(key: str) -> VidComputeError:
    return not_found("file", key.rpartition("/")[2])


def _look(path: Path) -> _Found:
    # One visit to the thread does it all for a small file: a segment's latency is mostly such visits.
    with path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
        body = file.read(status.st_size) if status.st_size <= PIECE_BYTES else None
    return _Found(status.st_size, etag, status.st_mtime, path, body)


def is_text(media_type: str) -> bool:
    """Whether it is a text, which is worth compressing."""
    return media_type.startswith(_TEXT_TYPES)


def _wants_gzip(request: Request, media_type: str, size_bytes: int) -> bool:
    if size_bytes < SMALLEST_GZIP_BYTES or not is_text(media_type):
        return False
    for offer in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, parameters = offer.partition(";")
        if name.strip() in {"gzip", "*"}:
            return re.fullmatch(r"\s*q=0(\.0*)?\s*", parameters) is None
    return False


async def _gzipped(request: Request, data: bytes, etag: str, media_type: str, headers: dict[str, str]) -> Response:
    packed = await to_thread.run_sync(lambda: gzip.compress(data, 6, mtime=0))
    headers |= {"Content-Encoding": "gzip", "Content-Length": str(len(packed)), "ETag": f'{etag[:-1]}-gzip"'}
    headers.pop("Accept-Ranges", None)
    return Response(b"" if request.method == "HEAD" else packed, 200, headers, media_type)


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/").replace('-gzip"', '"') for tag in header.split(",")]


def _not_modified(request: Request, etag: str, modified_s: float | None) -> bool:
    # RFC 9110, 13.2.2: the entity tag decides alone where it is given.
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in _tags(tags)
    since = request.headers.get("if-modified-since")
    if since is None or modified_s is None:
        return False
    return _is_since(since, modified_s)


def _is_since(date: str, modified_s: float) -> bool:
    try:
        return int(modified_s) <= parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return False


def _range_of(request: Request, found: _Found) -> tuple[int, int] | None:
    """`[start, end)`; None for the whole; _OUTSIDE for a range that can't be satisfied."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or match.group(1) == match.group(2) == "" or not _same_as_if_range(request, found):
        return None  # several ranges, other units and nonsense get the whole file, as RFC 9110 allows
    first, last = match.groups()
    size = found.size_bytes
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    return (start, end) if start < end else _OUTSIDE


def _same_as_if_range(request: Request, found: _Found) -> bool:
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    if condition.startswith('"'):
        return condition == found.etag
    modified = found.modified_s
    return modified is not None and condition == formatdate(modified, usegmt=True)


def _unsatisfiable(request: Request, size_bytes: int) -> Response:
    error = VidComputeError(
        Kind.INVALID, "range_not_satisfiable", f"The file has {size_bytes} bytes; the range begins after them."
    )
    headers = {**CORS_HEADERS, "Content-Range": f"bytes */{size_bytes}"}
    return problem_response(error, request_id_of(request), headers)


async def _local_pieces(path: Path, start: int, end: int) -> AsyncGenerator[bytes]:
    # The descriptor is closed only between reads: to_thread waits for its thread even when it is cancelled.
    file = await to_thread.run_sync(lambda: path.open("rb", buffering=0))
    try:
        descriptor = file.fileno()
        while start < end:
            piece = await to_thread.run_sync(os.pread, descriptor, min(PIECE_BYTES, end - start), start)
            if not piece:
                return
            start += len(piece)
            yield piece
    finally:
        file.close()


async def _stored_pieces(storage: Storage, key: str, start: int, end: int) -> AsyncGenerator[bytes]:
    async for piece in storage.read(key, start, end):
        yield piece


class Pieces(StreamingResponse):
    """A streamed body whose source is closed at once when the client goes away."""

    def __init__(self, pieces: AsyncGenerator[bytes], status: int, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(pieces, status, headers, media_type)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Send the pieces."""
        async with aclosing(self._pieces):
            await super().stream_response(send)
