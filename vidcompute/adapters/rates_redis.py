"""Token buckets that servers share, in Redis; while it is away, each server counts for itself."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from vidcompute.ports.rates import Allowance, Rates, Taken

_ANSWER_S = 0.1  # who waits for an answer is a request
_AGAIN_S = 1.0  # a Redis that did not answer is left alone so long
_TROUBLES = (RedisError, OSError, TimeoutError)

# By the clock of Redis, so that servers need not agree on the time. Returns the tokens that are left, as a text.
_TAKE = """
local burst, per_s, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(kept[1]) or burst) + math.max(0, now - (tonumber(kept[2]) or now)) * per_s)
local allowed = 0
if tokens >= cost then
  allowed = 1
  tokens = tokens - cost
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(1000 * burst / per_s) + 1000)
return {allowed, string.format('%.6f', tokens)}
"""


class RedisRates:
    """Implements `ports.rates.Rates`. `alone` counts while Redis is away: when it has not answered in `answer_s`."""

    def __init__(
        self,
        url: str,
        alone: Rates,
        *,
        prefix: str = "",
        answer_s: float = _ANSWER_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = Redis.from_url(url, socket_connect_timeout=answer_s, socket_timeout=answer_s)
        self._answer_s = answer_s
        self._take = self._client.register_script(_TAKE)
        self._prefix = f"{prefix}vidcompute:rate:"
        self._alone = alone
        self._clock_s = clock_s
        self._again_s = 0.0

    async def take(self, name: str, allowance: Allowance, cost: int = 1) -> Taken:
        """See `Rates.take`."""
        if self._clock_s() >= self._again_s:
            try:
                async with asyncio.timeout(self._answer_s):
                    found: Any = await self._take(
                        keys=[self._prefix + name], args=[allowance.burst, allowance.per_s, cost]
                    )
                return allowance.outcome(float(found[1]), cost, allowed=bool(found[0]))
            except _TROUBLES:
                self._again_s = self._clock_s() + _AGAIN_S
        return await self._alone.take(name, allowance, cost)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()
