"""Token buckets in the memory of one process."""

import time
from collections.abc import Callable

from vidcompute.ports.rates import Allowance, Taken

_LOOK_AT = 10_000  # buckets, from which on those that are full again are looked for


class MemoryRates:
    """Implements `ports.rates.Rates` for one process. A bucket that is full again is forgotten."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._buckets: dict[str, tuple[float, float, Allowance]] = {}  # tokens, when that was, terms
        self._look_at = _LOOK_AT

    def __len__(self) -> int:
        """How many buckets are kept."""
        return len(self._buckets)

    async def take(self, name: str, allowance: Allowance, cost: int = 1) -> Taken:
        """See `Rates.take`."""
        now_s = self._clock_s()
        tokens, at_s, _ = self._buckets.get(name, (float(allowance.burst), now_s, allowance))
        tokens = min(float(allowance.burst), tokens + (now_s - at_s) * allowance.per_s)
        allowed = tokens >= cost
        if allowed:
            tokens -= cost
        self._buckets[name] = (tokens, now_s, allowance)
        self._forget(now_s)
        return allowance.outcome(tokens, cost, allowed=allowed)

    def _forget(self, now_s: float) -> None:
        if len(self._buckets) < self._look_at:
            return
        self._buckets = {
            name: (tokens, at_s, terms)
            for name, (tokens, at_s, terms) in self._buckets.items()
            if tokens + (now_s - at_s) * terms.per_s < terms.burst
        }
        self._look_at = max(_LOOK_AT, 2 * len(self._buckets))
