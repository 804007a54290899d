"""Following a job over server-sent events, through cut lines and restarts of the server, until it has ended."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vidcompute.cli.sse import Event
from vidcompute.errors import Kind, VidComputeError

if TYPE_CHECKING:
    from vidcompute.cli.client import Api

ENDED = frozenset({"done", "failed", "cancelled"})
PATIENCE_S = 60.0  # a server that is restarted is back by then
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 3.0


class _Patience:
    """How long to go on trying; what arrives renews it."""

    def __init__(self, total_s: float, pause: Callable[[float], None]) -> None:
        self._total_s = total_s
        self._pause = pause
        self.renew()

    def renew(self) -> None:
        """Begin to count anew."""
        self._end_s = time.monotonic() + self._total_s
        self._next_s = _FIRST_PAUSE_S

    def use(self, error: VidComputeError) -> None:
        """Wait a little before the next try; raises the error when there was enough of it, or trying can't help."""
        if error.kind not in {Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.RATE_LIMITED} or time.monotonic() > self._end_s:
            raise error
        self._pause(self._next_s)
        self._next_s = min(2 * self._next_s, _LONGEST_PAUSE_S)


def stream(
    api: "Api",
    path: str,
    is_over: Callable[[], bool],
    *,
    patience_s: float = PATIENCE_S,
    pause: Callable[[float], None] = time.sleep,
    **query: Any,
) -> Iterator[Event]:
    """The events of a stream, each once; a stream that breaks is taken up again behind the last numbered event.

    `is_over` is asked where a stream ends by itself. Raises what the API raises, `server_unreachable` after
    `patience_s` without an answer.
    """
    last_id = ""
    patience = _Patience(patience_s, pause)
    while True:
        try:
            with api.events(path, last_id, **query) as found:
                if found is None:
                    return
                patience.renew()
                for event in found:
                    last_id = event.id or last_id
                    yield event
            if is_over():
                return
            broken = VidComputeError(Kind.UNAVAILABLE, "stream_ended", "The server ended the stream.")
        except VidComputeError as error:
            broken = error
        patience.use(broken)


def job_events(api: "Api", job_id: str, **how: Any) -> Iterator[Event]:
    """Every event of a job from its first on, until it has ended (see `stream`)."""
    path = f"/api/v1/jobs/{job_id}"
    return stream(api, f"{path}/events", lambda: api.get(path)["status"] in ENDED, **how)
