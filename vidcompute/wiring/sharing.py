"""What servers share beside the database, so that each can answer for all: live events and rate limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from vidcompute.adapters.fanout_memory import MemoryFanout
from vidcompute.adapters.rates_memory import MemoryRates
from vidcompute.errors import invalid
from vidcompute.ports.fanout import Fanout
from vidcompute.ports.rates import Rates
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.settings import Settings


@dataclass(frozen=True)
class Shared:
    """The fan-out and the counters, and what to look at for readiness."""

    fanout: Fanout
    rates: Rates
    checks: dict[str, Callable[[], Awaitable[str | None]]] = field(default_factory=dict)
    closers: tuple[Callable[[], Awaitable[None]], ...] = ()

    def hub(self) -> ProgressHub:
        """A hub that tells the other servers, and hears them."""
        made = ProgressHub(self.fanout.send)
        self.fanout.listen(made.hear)
        return made

    async def close(self) -> None:
        """End all of it."""
        for close in (self.fanout.close, *self.closers):
            await close()


def shared(settings: Settings, prefix: str = "") -> Shared:
    """Over Redis where that is set, else in this process; `extra_missing` (invalid) where its client is missing."""
    if settings.redis_url is None:
        return Shared(MemoryFanout(), MemoryRates())
    try:
        from vidcompute.adapters.fanout_redis import RedisFanout
        from vidcompute.adapters.rates_redis import RedisRates
    except ImportError as error:
        raise extra_missing("redis_url", "redis") from error
    url = settings.redis_url.get_secret_value()
    try:
        fanout, rates = RedisFanout(url, prefix=prefix), RedisRates(url, MemoryRates(), prefix=prefix)
    except ValueError as error:
        raise invalid("settings_invalid", f"redis_url is wrong: {error}") from error
    return Shared(fanout, rates, {"redis": fanout.trouble}, (rates.close,))


def extra_missing(setting: str, extra: str) -> Exception:
    """The error for a setting whose libraries are an extra that isn't installed."""
    return invalid("extra_missing", f"{setting} is set and needs more packages: pip install 'vidcompute[{extra}]'.")
