"""Publishes every event to a message broker, in the server that leads, in order, each at least once."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db import cursors, outbox
from vidcompute.db.engine import PATIENT_S, Database
from vidcompute.db.outbox import Event
from vidcompute.dispatch.leading import Leading
from vidcompute.errors import VidComputeError
from vidcompute.ports.broker import Broker, BrokerMessage
from vidcompute.ports.outcomes import UNHEARD, Outcomes
from vidcompute.services import events

log = logs.get("broker")
CURSOR = "broker"
_BATCH = 200
_TOGETHER_S = 0.05  # events that come so close are published, and their cursor written, together
_LOOK_S = 5.0
_AGAIN_S = 1.0


class Publishing:
    """One server's part of it. A broker that was named just now hears of what happens from then on.

    `outcomes` hears of what the broker took, and of each time that it did not.
    """

    def __init__(self, db: Database, broker: Broker, *, outcomes: Outcomes = UNHEARD) -> None:
        self._db = db
        self._broker = broker
        self._outcomes = outcomes
        self._away = False

    async def run(self, lead: Leading) -> None:
        """Go on until cancelled, or until another server leads (LeaseLostError)."""
        try:
            await lead.write(_begin)
            with self._db.subscribe(PATIENT_S) as woken:
                while True:
                    found = await self._db.read(_next)
                    if found and await self._published(found):
                        await lead.write(cursors.advance, CURSOR, found[-1].seq)
                        await asyncio.sleep(_TOGETHER_S)
                    elif found:
                        await asyncio.sleep(_AGAIN_S)
                    else:
                        await woken.wait(_LOOK_S)
        finally:
            await self._broker.close()

    async def _published(self, found: Sequence[Event]) -> bool:
        try:
            await self._broker.publish([BrokerMessage(e.seq, e.type, events.as_text(e)) for e in found])
        except VidComputeError as error:
            if not self._away:
                log.warning("broker_away", code=error.code, detail=error.detail)
            self._away = True
            self._outcomes.broker_failed()
            return False
        if self._away:
            log.info("broker_back")
        self._away = False
        self._outcomes.events_published(len(found))
        return True


def _begin(conn: Connection) -> None:
    if cursors.read(conn, CURSOR) is None:
        cursors.advance(conn, CURSOR, outbox.last_seq(conn))


def _next(conn: Connection) -> list[Event]:
    return outbox.all_since(conn, cursors.read(conn, CURSOR) or 0, limit=_BATCH)
