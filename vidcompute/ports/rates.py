"""Counters for limits on how often something may be done."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Taken:
    """Whether it is allowed now, how many more would be, and in how many seconds the next one is."""

    allowed: bool
    left: int
    retry_after_s: float


@dataclass(frozen=True)
class Allowance:
    """A token bucket: so many at once, and so many a second (more than 0) after them."""

    burst: int
    per_s: float

    def outcome(self, tokens: float, cost: int, *, allowed: bool) -> Taken:
        """What is told of a bucket that holds so many tokens after somebody tried to take `cost` of them."""
        return Taken(allowed, int(tokens), 0.0 if allowed else max(0.0, (cost - tokens) / self.per_s))


class Rates(Protocol):
    """Token buckets by name. Where servers share them, a limit holds for all of them together."""

    async def take(self, name: str, allowance: Allowance, cost: int = 1) -> Taken:
        """Take `cost` tokens of the bucket `name`, or none of them. Never fails, and answers within 0.2 s."""
        ...
