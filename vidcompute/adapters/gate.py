"""Lets in as much work at a time as there are cores for: simulated nodes are more than the machine that runs them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Room for `cores` cores of work, given out in the order of asking. Who is alone gets in, whatever it wants."""

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._used = 0.0
        self._inside = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def room(self, cores: float) -> AsyncIterator[None]:
        """Wait until there is room, and hold it."""
        async with self._turn:
            while self._inside and self._used + cores > self._cores:
                self._freed.clear()
                await self._freed.wait()
            self._inside += 1
            self._used += cores
        try:
            yield
        finally:
            self._inside -= 1
            self._used -= cores
            self._freed.set()
