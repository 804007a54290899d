"""Server-sent events (HTML Living Standard, 9.2): their text, and a response that sends them as they come."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still here\n\n"
HEARTBEAT_S = 15.0


def event(kind: str, data: Mapping[str, Any], seq: int | None = None) -> bytes:
    """One event; `seq` is what the client sends back as Last-Event-ID."""
    name = "" if seq is None else f"id: {seq}\n"
    text = json.dumps(data, separators=(",", ":"), default=str)  # one line: JSON escapes line ends
    return f"{name}event: {kind}\ndata: {text}\n\n".encode()


class EventStream(StreamingResponse):
    """Sends what `pieces` gives, and closes it at once when the client goes away."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        # Proxies would hold events back without the second header.
        super().__init__(pieces, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, MEDIA_TYPE)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Send everything; Starlette calls this."""
        async with aclosing(self._pieces):
            await super().stream_response(send)
