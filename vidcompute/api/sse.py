"""Server-sent events (HTML Living Standard, 9.2): their text, and a response that sends them as they come."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from vidcompute import logs
from vidcompute.errors import VidComputeError

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still here\n\n"
HEARTBEAT_S = 15.0
_CHECK_S = 5.0

_log = logs.get(__name__)


def event(kind: str, data: Mapping[str, Any], seq: int | None = None) -> bytes:
    """One event; `seq` is what the client sends back as Last-Event-ID."""
    name = "" if seq is None else f"id: {seq}\n"
    text = json.dumps(data, separators=(",", ":"), default=str)  # one line: JSON escapes line ends
    return f"{name}event: {kind}\ndata: {text}\n\n".encode()


class EventStream(StreamingResponse):
    """Sends what `pieces` gives, and closes it at once when the client goes away.

    It ends when `may` says that who asked may not have it any more: what goes on for long outlives sessions, keys and
    roles. That is asked again before a piece goes out, where it was not asked for 5 s. It also ends where what it tells
    of is deleted meanwhile, or can't be read.
    """

    def __init__(self, pieces: AsyncGenerator[bytes], may: Callable[[], Awaitable[bool]]) -> None:
        self._pieces = pieces
        self._sent = self._allowed(may)
        # Proxies would hold events back without the second header.
        super().__init__(self._sent, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, MEDIA_TYPE)

    async def _allowed(self, may: Callable[[], Awaitable[bool]]) -> AsyncGenerator[bytes]:
        asked_s = time.monotonic()
        try:
            async for piece in self._pieces:
                if time.monotonic() - asked_s >= _CHECK_S:
                    if not await may():
                        return
                    asked_s = time.monotonic()
                yield piece
        except VidComputeError as error:  # the answer has begun: who comes again is told why
            _log.info("stream_ended", code=error.code)

    async def stream_response(self, send: Send) -> None:
        """Send everything; Starlette calls this."""
        async with aclosing(self._pieces), aclosing(self._sent):
            await super().stream_response(send)
