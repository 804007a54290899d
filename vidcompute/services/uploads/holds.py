"""One sender at a time for each upload, in this process; one who has fallen silent gives way to the next."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from vidcompute.errors import Kind, VidComputeError

T = TypeVar("T")
_LOOKS = 4  # at a sender's silence, within the time that it may last
_LETTING_GO_S = 5.0


class LetGoError(Exception):
    """The sender was silent for too long, or another one takes over: what came counts."""


class Hold:
    """One sender's right to write. Times are of the monotonic clock."""

    def __init__(self, idle_s: float) -> None:
        self.released = asyncio.Event()
        self._idle_s = idle_s
        self._heard_s = time.monotonic()
        self._task = asyncio.current_task()
        self._reading = False
        self._let_go = False
        self._loop = asyncio.get_running_loop()
        self._look = self._loop.call_later(idle_s / _LOOKS, self._look_up)

    @property
    def silent_s(self) -> float:
        """How long ago its last byte came; 0 while it is not waiting for bytes."""
        return time.monotonic() - self._heard_s if self._reading else 0.0

    def _look_up(self) -> None:
        if self.silent_s > self._idle_s:
            self.let_go()
        else:
            self._look = self._loop.call_later(self._idle_s / _LOOKS, self._look_up)

    def let_go(self) -> None:
        """End the sender's turn: it keeps what came, and takes no more."""
        if not self._let_go:
            self._let_go = True
            if self._reading and self._task is not None:
                self._task.cancel()

    async def pieces(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The body as it comes; LetGoError when the turn ends before the body does."""
        while True:
            if self._let_go:
                raise LetGoError
            self._heard_s, self._reading = time.monotonic(), True
            try:
                piece = await anext(body, None)
            except asyncio.CancelledError:
                if not self._let_go or self._task is None or self._task.uncancel():
                    raise
                raise LetGoError from None
            finally:
                self._reading = False
            if piece is None:
                return
            yield piece

    def release(self) -> None:
        """The turn is over."""
        self._look.cancel()
        self.released.set()


class Holds:
    """Who writes to which upload."""

    def __init__(self, idle_s: float, stalled_s: float) -> None:
        self._idle_s = idle_s
        self._stalled_s = stalled_s
        self._held: dict[str, Hold] = {}

    @asynccontextmanager
    async def taken(self, upload_id: str) -> AsyncIterator[Hold]:
        """The turn; `upload_busy` (conflict) while another sender has it and is at work."""
        while upload_id in self._held:
            await self._free(upload_id)
        hold = self._held[upload_id] = Hold(self._idle_s)
        try:
            yield hold
        finally:
            del self._held[upload_id]
            hold.release()

    async def _free(self, upload_id: str) -> None:
        if self._held[upload_id].silent_s < self._stalled_s:
            raise busy()
        if not await self.end(upload_id):
            raise busy()

    async def end_silent(self, upload_id: str) -> None:
        """Let a sender go who has fallen silent, so that what came from him counts."""
        hold = self._held.get(upload_id)
        if hold is not None and hold.silent_s >= self._stalled_s:
            await self.end(upload_id)

    async def end(self, upload_id: str) -> bool:
        """Let whoever writes go; whether it has gone."""
        hold = self._held.get(upload_id)
        if hold is None:
            return True
        hold.let_go()
        with suppress(TimeoutError):
            await asyncio.wait_for(hold.released.wait(), _LETTING_GO_S)
        return hold.released.is_set()


def busy() -> VidComputeError:
    """The error of a second sender."""
    detail = "Another request writes to this upload: try again in a moment."
    return VidComputeError(Kind.CONFLICT, "upload_busy", detail, extra={"retry_after_s": 1})
