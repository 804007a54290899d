"""Housekeeping that comes round by the clock: each step is one short transaction, and harmless to repeat."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db.engine import Database

log = logs.get("timers")


@dataclass(frozen=True)
class Timer:
    """Run `step` every `every_s` seconds, the first time at once; it returns how many rows it removed."""

    name: str
    every_s: float
    step: Callable[[Connection], int]


async def keep_time(db: Database, timer: Timer) -> None:
    """Go on until cancelled; an error in a step is logged, and the step tried again when its time comes round."""
    while True:
        try:
            removed = await db.write(timer.step)
        except Exception:
            log.exception("timer_failed", timer=timer.name)
        else:
            if removed:
                log.info("timer_ran", timer=timer.name, removed=removed)
        await asyncio.sleep(timer.every_s)
