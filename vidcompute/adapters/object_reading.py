"""Reading one object: goes on where a connection broke off, and compares the whole with its digest."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, Protocol

from vidcompute.adapters.object_digest import plain_etag
from vidcompute.adapters.object_errors import corrupted, down

_PIECE_BYTES = 2**20
_AT_LEAST_BYTES = 512 * 1024
_BREAKS = 5  # in a row, without a byte between them
_WRONG = 3  # that a short object may come out wrong before it counts as wrong in the store


class Source(Protocol):
    """What gives an object's bytes: see `ObjectStorage.get`."""

    async def get(self, key: str, start: int, end: int | None, etag: str | None) -> Any:
        """The answer to one GET; None where the object ends before `start`."""
        ...


class Reading:
    """The bytes `[start, end)` of an object."""

    def __init__(self, source: Source, key: str, start: int, end: int | None) -> None:
        self._source = source
        self._key = key
        self._start = start
        self._end = end
        self._begin_again()

    def _begin_again(self) -> None:
        self._position = self._start
        self._etag: str | None = None
        self._stop: int | None = None
        self._promised: str | None = None
        self._sum = hashlib.sha256()

    async def pieces(self) -> AsyncGenerator[bytes]:
        """At most a MiB each. The last one is held back until the whole is known to be right."""
        for left in reversed(range(_WRONG)):
            held, given = b"", False
            async for piece in self._checked():
                if held:
                    given = True
                    yield held
                held = piece
            if self._is_right():
                if held:
                    yield held
                return
            if given or not left:
                detail = f"{self._key} came out of the store with other bytes than went in."
                raise corrupted(detail)
            self._begin_again()

    def _is_right(self) -> bool:
        return self._promised is None or self._sum.hexdigest() == self._promised

    async def _checked(self) -> AsyncIterator[bytes]:
        broken = 0
        while self._stop is None or self._position < self._stop:
            before, problem = self._position, None
            stream = await self._stream()
            while stream is not None:
                try:
                    chunk = await anext(stream, None)
                except Exception as error:  # a connection that broke off comes in many classes
                    problem = error
                    break
                if chunk is None:
                    break
                for piece in _cut(chunk):
                    self._sum.update(piece)
                    self._position += len(piece)
                    yield piece
            if stream is None or (self._stop == self._position and problem is None):
                return
            broken = 0 if self._position > before else broken + 1
            if broken > _BREAKS:
                detail = f"The connection to the object storage broke off again and again at {self._key}."
                raise down(detail) from problem

    async def _stream(self) -> Any:
        """The rest of the bytes; None where the object ends before them."""
        answer = await self._source.get(self._key, self._position, self._end, self._etag)
        if answer is None:
            return None
        if self._stop is None:
            size_bytes = answer.meta["size"]
            self._stop = size_bytes if self._end is None else min(self._end, size_bytes)
            self._etag = plain_etag(answer.meta["e_tag"]) or None
            if self._start == 0 and self._stop == size_bytes:
                self._promised = answer.attributes.get("sha256")
        return aiter(answer.stream(min_chunk_size=_AT_LEAST_BYTES))


def _cut(chunk: Any) -> Iterator[bytes]:
    view = memoryview(chunk)
    for first in range(0, len(view), _PIECE_BYTES):
        yield bytes(view[first : first + _PIECE_BYTES])
