"""Housekeeping that comes round by the clock. The leader alone keeps time; an instant is served once, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim
from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db import timers
from vidcompute.db.engine import Database
from vidcompute.db.lease import LeaseLostError
from vidcompute.db.outbox import now_ms
from vidcompute.dispatch.leading import Leading

log = logs.get("timers")
_LOOK_UP_S = 60.0  # the clock may be set meanwhile


@dataclass(frozen=True)
class Timer:
    """What is done at the instants of a cron expression (in `zone`), and once at the first start.

    `step` runs in the transaction that records the instant, so that both happen or none; `errand` runs after it, and
    what a crash cuts short waits for the next instant. One that `resumes` runs before it: what a crash cuts short is
    begun again at once. Both return how many things they removed.
    """

    name: str
    cron: str
    step: Callable[[Connection], int] = lambda _conn: 0
    errand: Callable[[], Awaitable[int]] | None = None
    zone: tzinfo = UTC
    resumes: bool = False

    def last_ms(self, at_ms: int) -> int:
        """The newest instant that is not after `at_ms`, in Unix milliseconds."""
        at = datetime.fromtimestamp(at_ms / 1000 + 1, self.zone)
        return _unix_ms(next(CronSim(self.cron, at, reverse=True)))

    def next_ms(self, at_ms: int) -> int:
        """The first instant after `at_ms`."""
        return _unix_ms(next(CronSim(self.cron, datetime.fromtimestamp(at_ms / 1000, self.zone))))


def _unix_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def keep_time(db: Database, lead: Leading, every: list[Timer]) -> None:
    """Serve what is due, then wait for the next instant. Raises LeaseLostError where another one leads."""
    for timer in every:
        await serve(db, lead, timer)
    soonest_ms = min((timer.next_ms(now_ms()) for timer in every), default=2**62)
    await asyncio.sleep(min(_LOOK_UP_S, max(0.0, (soonest_ms - now_ms()) / 1000)))


async def serve(db: Database, lead: Leading, timer: Timer) -> None:
    """Fire for the newest instant, unless it was served; older ones that nobody was there for are left out."""
    instant_ms = timer.last_ms(now_ms())
    last_ms = await db.read(timers.fired_ms, timer.name)
    if last_ms is not None and last_ms >= instant_ms:
        return

    def fire(conn: Connection) -> int | None:
        return timer.step(conn) if timers.claim(conn, timer.name, instant_ms) else None

    try:
        before = await timer.errand() if timer.errand is not None and timer.resumes else 0
        removed = await lead.write(fire)
        if removed is not None and timer.errand is not None and not timer.resumes:
            removed += await timer.errand()
    except LeaseLostError:
        raise
    except Exception:
        log.exception("timer_failed", timer=timer.name)
    else:
        if before or removed:
            log.info("timer_ran", timer=timer.name, removed=before + (removed or 0))
