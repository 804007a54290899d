"""How many bytes were sent to viewers, by whose videos they were: counted in memory, and written now and then."""

import asyncio
from collections import Counter

from vidcompute import logs
from vidcompute.db.engine import Database
from vidcompute.errors import VidComputeError
from vidcompute.services import usage

_EVERY_S = 5.0

_log = logs.get(__name__)


class Delivered:
    """What this process has sent and not yet written down. A kill loses the last seconds of it."""

    def __init__(self, db: Database, every_s: float = _EVERY_S) -> None:
        self._db = db
        self._every_s = every_s
        self._sent: Counter[str] = Counter()
        self._some = asyncio.Event()

    def count(self, organization_id: str, sent_bytes: int) -> None:
        """Add bytes of an organization's videos."""
        self._sent[organization_id] += sent_bytes
        self._some.set()

    async def run(self) -> None:
        """Write down what there is every few seconds, until cancelled; nothing while nothing is sent."""
        while True:
            await self._some.wait()
            await asyncio.sleep(self._every_s)
            await asyncio.shield(self.write())  # what is on its way is not lost when this ends

    async def write(self) -> None:
        """Write down what there is; while the database is away it is kept."""
        self._some.clear()
        sent, self._sent = self._sent, Counter()
        if not sent:
            return
        try:
            await self._db.write(usage.add_delivered, dict(sent))
        except VidComputeError as error:
            self._sent.update(sent)
            self._some.set()
            _log.warning("delivered_bytes_not_written", code=error.code, detail=error.detail)
        except Exception:
            _log.exception("delivered_bytes_lost", organizations=len(sent))
