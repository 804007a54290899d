"""Background attempts that stand still, so that a first segment gets the cores, and what is told of them meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from vidcompute.ports.executor import HEARTBEAT_S

_LONGEST_S = 60.0


class Tell(Protocol):
    """Tells of each attempt that stands still, or may go on."""

    def __call__(self, *, held: bool) -> None:
        """Of all of them."""
        ...


class Holding:
    """Whether attempts are held; `free` is set while they are not.

    What stands still can give no sign of life: `tell` vouches for it as the hold begins, every `every_s` seconds, and
    as it ends. Who asked for a hold may be gone: one that was not asked for again for `longest_s` is ended by `end`.
    """

    def __init__(
        self,
        tell: Tell,
        end: Callable[[], Awaitable[None]],
        *,
        every_s: float = HEARTBEAT_S,
        longest_s: float = _LONGEST_S,
    ) -> None:
        self._tell = tell
        self._end = end
        self._every_s = every_s
        self._longest_s = longest_s
        self._asked_s = 0.0
        self._vouching: asyncio.Task[None] | None = None
        self.free = asyncio.Event()
        self.free.set()

    @property
    def held(self) -> bool:
        """Whether attempts are to stand still."""
        return not self.free.is_set()

    def change(self, *, held: bool) -> None:
        """Begin a hold, or ask for it again; or end it."""
        if held:
            self._asked_s = time.monotonic()
            self.free.clear()
            self._vouching = self._vouching or asyncio.create_task(self._vouch())
        elif self.held:
            self.free.set()
            if self._vouching is not None:
                self._vouching.cancel()
                self._vouching = None
        else:
            return
        self._tell(held=held)

    async def _vouch(self) -> None:
        while time.monotonic() - self._asked_s < self._longest_s:
            await asyncio.sleep(self._every_s)
            self._tell(held=True)
        self._vouching = None  # or it would be cancelled by the end that it brings about
        await self._end()
