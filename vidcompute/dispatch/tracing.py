"""Tells of what ended as spans, from the events in the outbox: attempts and their nodes need to know of no tracing."""

import asyncio
from collections.abc import Callable

from vidcompute import logs
from vidcompute.db import outbox
from vidcompute.db.engine import PATIENT_S, Database
from vidcompute.ports.tracing import Tracing
from vidcompute.services import traces

log = logs.get("tracing")
_AGAIN_S = 1.0


async def follow(db: Database, tracing: Tracing, leads: Callable[[], bool]) -> None:
    """Go on until cancelled; of all servers only the one that leads tells, so that nothing is told twice."""
    seq: int | None = None
    with db.subscribe(PATIENT_S) as subscription:
        while True:
            try:
                if seq is None or not leads():
                    seq = await db.read(outbox.last_seq)
                else:
                    seq = await _tell(db, tracing, seq)
                await subscription.wait()
            except Exception:  # the database is away, say: spans may be lost, work must not be
                log.exception("spans_not_told")
                await asyncio.sleep(_AGAIN_S)


async def _tell(db: Database, tracing: Tracing, seq: int) -> int:
    while True:
        ended = await db.read(traces.ended_since, seq)
        for span in ended.spans:
            tracing.record(span)
        if ended.seq == seq:
            return seq
        seq = ended.seq
