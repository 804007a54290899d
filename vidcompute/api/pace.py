"""Holds organizations to so many requests a minute, on all servers together where they share their counters."""

import math
import time
from collections.abc import Callable

from vidcompute.api.deps import Deps
from vidcompute.ports.rates import Allowance
from vidcompute.services import quotas
from vidcompute.services.quotas import Quota, Use

_FRESH_S = 10.0  # so long a limit is taken for what it was: another server may have set it
_MOST = 10_000  # organizations whose limits are remembered


class Pace:
    """The requests of all organizations, as this process counts them."""

    def __init__(self, deps: Deps, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._deps = deps
        self._clock_s = clock_s
        self._known: dict[str, tuple[float, int | None]] = {}

    async def hold(self, organization_id: str) -> None:
        """Count a request; `quota_requests` (rate limited) where there were too many."""
        limit = await self._limit(organization_id)
        if limit is None:
            return
        taken = await self._deps.rates.take(f"requests:{organization_id}", Allowance(limit, limit / 60))
        if not taken.allowed:
            use = Use(limit, used=limit)
            raise quotas.refusal(Quota.REQUESTS_PER_MINUTE, use, retry_after_s=math.ceil(taken.retry_after_s))

    async def _limit(self, organization_id: str) -> int | None:
        known = self._known.get(organization_id)
        if known is None or self._clock_s() - known[0] > _FRESH_S:
            if len(self._known) >= _MOST:
                self._known.clear()
            limit = await self._deps.db.read(quotas.allowed_requests, organization_id)
            known = self._known[organization_id] = (self._clock_s(), limit)
        return known[1]

    def forget(self, organization_id: str) -> None:
        """Its limit was set anew."""
        self._known.pop(organization_id, None)
