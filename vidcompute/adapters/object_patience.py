"""How long a call goes on while an object store is down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vidcompute.adapters.object_errors import is_down, translated

T = TypeVar("T")
LONGEST_WAIT_S = 3.0
_FIRST_WAIT_S = 0.2


async def tried(key: str, url: str, patience_s: float, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` gives, tried again while the store at `url` is down, for as long as patience lasts."""
    deadline_s = time.monotonic() + patience_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return await call()
        except Exception as error:  # the vendor's errors have no common class, and become ours here
            ours = translated(key, url, error)
            if not is_down(ours) or time.monotonic() + wait_s > deadline_s:
                raise ours from error
        await asyncio.sleep(wait_s)
        wait_s = min(LONGEST_WAIT_S, wait_s * 2)
