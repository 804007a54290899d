"""The platform's storage as an attempt on a node sees it: over HTTP, by a token that opens what it needs alone."""

import asyncio
import builtins
import errno
import hashlib
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx2

from vidcompute.errors import Kind, VidComputeError, invalid, not_found
from vidcompute.ports.storage import ObjectInfo, key_parts

T = TypeVar("T")

_PIECE_BYTES = 256 * 1024
_AT_ONCE = 4  # objects of one tree under way
_TIMES = httpx2.Timeout(20.0, connect=5.0)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 3.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_KINDS = {413: Kind.REFUSED, 507: Kind.UNAVAILABLE}
_OUTSIDE = 416


class _PassingError(Exception):
    """The other side is away, or has a bad moment: worth another try."""


def _checked(key: str) -> str:
    key_parts(key)
    return key


class GatewayStorage:
    """Implements `ports.storage.Storage`, but for removing: nodes add, and remove nothing.

    `urls` are the servers, of which any will do; while none answers (one is replaced by another, say) each call tries
    again for `patience_s`, and those that `elsewhere` tells of by then as well. Errors beside the port's:
    `grant_invalid` and `grant_exceeded` (kind internal) where the token does not open a key, or does so no more.
    """

    def __init__(
        self,
        urls: Sequence[str],
        token: str,
        *,
        elsewhere: Callable[[], Sequence[str]] = tuple,
        patience_s: float = 120.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._urls: builtins.list[str] = []
        self._add(urls)
        self._elsewhere = elsewhere
        self._headers = {"Authorization": f"Bearer {token}"}
        self._patience_s = patience_s
        self._pause = pause
        self._client = httpx2.Client(timeout=_TIMES, trust_env=False)

    # -- asking -------------------------------------------------------------------------------------------------------

    def _add(self, urls: Sequence[str]) -> None:
        found = [f"{url.rstrip('/')}/internal/storage" for url in urls]
        self._urls = [*self._urls, *(url for url in found if url not in self._urls)]

    def _patiently(self, step: Callable[[str], T]) -> T:
        """What `step` gives at the first server that answers."""
        deadline_s = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        last: Exception = _PassingError("none is known")
        while True:
            for url in list(self._urls):
                try:
                    return step(url)
                except (_PassingError, httpx2.TransportError) as problem:
                    last = problem
                    self._urls.append(self._urls.pop(0))  # the next one first, from now on
            self._add(self._elsewhere())
            if time.monotonic() > deadline_s or not self._urls:
                detail = f"No server gives access to the storage: {last or type(last).__name__}"
                raise VidComputeError(Kind.UNAVAILABLE, "storage_unavailable", detail)
            self._pause(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _ask(self, method: str, key: str, **how: Any) -> httpx2.Response:
        def step(url: str) -> httpx2.Response:
            address = f"{url}/{quote(key)}" if key else url
            return _sound(self._client.request(method, address, headers=self._headers, **how), key)

        return self._patiently(step)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _stat(self, key: str) -> ObjectInfo:
        answer = self._ask("HEAD", _checked(key))
        return ObjectInfo(key, int(answer.headers["content-length"]), answer.headers["etag"].strip('"'))

    async def stat(self, key: str) -> ObjectInfo:
        """See `Storage.stat`."""
        return await asyncio.to_thread(self._stat, key)

    @contextmanager
    def _opened(self, url: str, key: str, span: str) -> Iterator[httpx2.Response]:
        """An open answer with the object's bytes, wherever they lie. Our token is for our servers alone."""
        wanted = {"Accept-Encoding": "identity"} | ({"Range": span} if span else {})
        address, headers = f"{url}/{quote(key)}", {**self._headers, **wanted}
        with self._client.stream("GET", address, headers=headers) as answer:
            if not answer.is_redirect:
                yield _sound(answer, key)
                return
            elsewhere = answer.headers["location"]
        with self._client.stream("GET", elsewhere, headers=wanted) as answer:
            yield _sound(answer, key)

    def _piece(self, key: str, start: int, end: int) -> bytes:
        def step(url: str) -> bytes:
            with self._opened(url, key, f"bytes={start}-{end - 1}") as answer:
                if answer.status_code == _OUTSIDE:
                    return b""
                data = answer.read()
                return data if answer.status_code == httpx2.codes.PARTIAL_CONTENT else data[start:end]

        return self._patiently(step)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Storage.read`."""
        size_bytes = (await self.stat(key)).size_bytes
        stop = size_bytes if end is None else min(end, size_bytes)
        while start < stop:
            piece = await asyncio.to_thread(self._piece, key, start, min(stop, start + _PIECE_BYTES))
            if not piece:
                return
            start += len(piece)
            yield piece

    def _fetch(self, key: str, destination: Path) -> Path:
        _checked(key)
        with destination.open("wb", buffering=0) as file:

            def step(url: str) -> None:
                have = file.tell()
                with self._opened(url, key, f"bytes={have}-" if have else "") as answer:
                    if answer.status_code == _OUTSIDE:  # it was whole when the line was cut
                        return
                    if have and answer.status_code != httpx2.codes.PARTIAL_CONTENT:
                        file.seek(0)
                        file.truncate()
                    for piece in answer.iter_bytes(_PIECE_BYTES):
                        _write(file.fileno(), piece)

            self._patiently(step)
        return destination

    async def fetch(self, key: str, destination: Path) -> Path:
        """See `Storage.fetch`: the object is downloaded to `destination`; a cut line is taken up where it broke."""
        return await asyncio.to_thread(self._fetch, key, destination)

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`: nothing lies here."""
        _checked(key)
        return None

    def _list(self, prefix: str) -> builtins.list[ObjectInfo]:
        answer = self._ask("GET", "", params={"prefix": _checked(prefix)})
        return [ObjectInfo(**item) for item in answer.json()["items"]]

    async def list(self, prefix: str) -> builtins.list[ObjectInfo]:
        """See `Storage.list`."""
        return await asyncio.to_thread(self._list, prefix)

    async def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """See `ScannableStorage.scan`: in one page, for it is the inputs of one attempt that are opened."""
        yield await self.list(prefix)

    # -- writing ------------------------------------------------------------------------------------------------------

    def _put(self, key: str, source: Path) -> ObjectInfo:
        size_bytes = source.stat().st_size
        url = self._ask("POST", _checked(key), params={"size_bytes": size_bytes}).json()["url"]
        if url is not None:
            self._patiently(lambda _: _sound(self._send(url, source, size_bytes, {}), key))
            return ObjectInfo(key, size_bytes, "")
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        headers = {**self._headers, "X-Content-SHA256": digest}
        answer = self._patiently(lambda at: _sound(self._send(f"{at}/{quote(key)}", source, size_bytes, headers), key))
        return ObjectInfo(**answer.json())

    def _send(self, url: str, source: Path, size_bytes: int, headers: Mapping[str, str]) -> httpx2.Response:
        return self._client.put(url, content=_pieces(source), headers={"Content-Length": str(size_bytes), **headers})

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """See `Storage.put`."""
        return await asyncio.to_thread(self._put, key, source)

    async def put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        """See `Storage.put_tree`. Anything but plain files is `invalid_object`."""
        files = [path for path in sorted(source.rglob("*")) if not path.is_dir() or path.is_symlink()]
        for path in files:
            _checked(f"{prefix}/{path.relative_to(source).as_posix()}")
            if path.is_symlink() or not path.is_file():
                raise invalid("invalid_object", f"{path.name[-80:]!r} is no plain file.")
        room = asyncio.Semaphore(_AT_ONCE)

        async def put(path: Path) -> ObjectInfo:
            async with room:
                return await self.put(f"{prefix}/{path.relative_to(source).as_posix()}", path)

        return list(await asyncio.gather(*map(put, files)))

    async def delete_prefix(self, prefix: str) -> int:
        """Refused (`grant_exceeded`): nodes remove nothing."""
        raise VidComputeError(Kind.FORBIDDEN, "grant_exceeded", f"Nodes remove nothing, {_checked(prefix)!r} neither.")

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """See `Storage.sign`: what is opened here is for this node alone."""
        del method, expires_s, disposition
        _checked(key)
        return None


def _write(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        code, detail = ("storage_full", "The disk is full.") if full else ("storage_failed", f"Storage: {error}")
        raise VidComputeError(Kind.UNAVAILABLE, code, detail) from error


def _pieces(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _sound(answer: httpx2.Response, key: str) -> httpx2.Response:
    """The answer itself, when it is good; the error that it tells of otherwise."""
    status = answer.status_code
    if answer.is_success or status == _OUTSIDE:
        return answer
    if status == httpx2.codes.NOT_FOUND:
        raise not_found("object", key)
    if status in _PASSING:
        raise _PassingError(f"status {status}")
    answer.read()
    try:
        code, detail = str(answer.json()["code"]), str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "storage_failed", f"The storage answered {status}."
    raise VidComputeError(_KINDS.get(status, Kind.INTERNAL), code, detail)
