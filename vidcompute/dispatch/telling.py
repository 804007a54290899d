"""Queues the mails that follow from events, in the server that leads. `Mailing` sends them."""

import asyncio

from vidcompute.db.engine import PATIENT_S, Database
from vidcompute.dispatch.leading import Leading
from vidcompute.services import telling
from vidcompute.services.telling import Teller

_TOGETHER_S = 0.5  # events that come so close are looked at together: nobody waits for a mail by the second
_LOOK_S = 5.0
_SAVED_EVERY = 1000  # events that nobody is told of; sooner it is not worth a write


class Telling:
    """One server's part of it. Nothing that is kept here matters: the next one goes on from the row."""

    def __init__(self, db: Database, teller: Teller) -> None:
        self._db = db
        self._teller = teller

    async def run(self, lead: Leading) -> None:
        """Go on until cancelled, or until another server leads (LeaseLostError)."""
        seq = saved = await lead.write(telling.begin)
        with self._db.subscribe(PATIENT_S) as woken:
            while True:
                found = await self._db.read(telling.news, seq, telling.TYPES)
                if found.items or found.seq - saved >= _SAVED_EVERY:
                    await lead.write(telling.tell, found, self._teller)
                    saved = found.seq
                seq = found.seq
                if not found.more:
                    await asyncio.sleep(_TOGETHER_S)
                    await woken.wait(_LOOK_S)
