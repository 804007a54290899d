"""Who leads: one dispatcher among all that share a database; the others stand by, and one of them takes over."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db import lease
from vidcompute.db.engine import Database
from vidcompute.db.lease import LeaseLostError

P = ParamSpec("P")
T = TypeVar("T")
Step = Callable[Concatenate[Connection, P], T]

log = logs.get("dispatch")
_NAME = "dispatcher"
_SOON_S = 0.05


def installation(data_dir: Path) -> str:
    """The name of the installation with this data folder: a random one, made at its first start."""
    path = data_dir / "installation.id"
    if not path.exists():
        path.write_text(secrets.token_hex(16) + "\n")
    return path.read_text().strip()


class Leading:
    """The lease of one dispatcher. `holder` names its installation: started again, it takes its own lease at once."""

    def __init__(
        self, db: Database, holder: str, *, lease_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._holder = holder
        self._lease_s = lease_s
        self._clock_s = clock_s
        self._epoch: int | None = None
        self._until_s = 0.0
        self._lost = asyncio.Event()

    @property
    def epoch(self) -> int | None:
        """The epoch of the lease that is held, as far as is known here; None while standing by."""
        return self._epoch

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can lead now: false after a stop that was longer than the lease, until it is renewed."""
        return self._epoch is not None and self._clock_s() < self._until_s

    async def take(self) -> float | None:
        """Try to lead: None where that is so now, else in how many seconds another try is worth it."""
        began_s = self._clock_s()
        taken = await self._db.write(lease.take, _NAME, self._holder, self._lease_ms)
        if taken.epoch is None:
            return taken.wait_ms / 1000
        self._epoch, self._until_s = taken.epoch, began_s + self._lease_s
        self._lost.clear()
        log.info("leads", epoch=taken.epoch)
        return None

    async def stand_by(self) -> None:
        """Wait until it leads: until the lease that another holds runs out, or is let go."""
        with self._db.subscribe() as woken:
            while True:
                try:
                    wait_s = await self.take()
                except Exception:  # the database is away
                    log.exception("lease_not_taken")
                    wait_s = self._lease_s / 3
                if wait_s is None:
                    return
                await woken.wait(min(wait_s + _SOON_S, self._lease_s))

    async def keep(self) -> None:
        """Renew the lease, until somebody else has taken it."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._lease_s / 3):
                    await self._lost.wait()
            if self._lost.is_set():
                return
            try:
                await self.renew()
            except LeaseLostError:
                return
            except Exception:  # the database is away: nobody else can take the lease either
                log.exception("lease_not_renewed")

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Within this block the lease is renewed."""
        keeping = asyncio.create_task(self.keep(), name="lease-kept")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def renew(self) -> None:
        """Hold it for another while from now on; raises LeaseLostError where somebody else has taken it."""
        began_s = self._clock_s()
        await self.write(lease.renew, _NAME, self._epoch or 0, self._lease_ms)
        self._until_s = began_s + self._lease_s

    async def write(self, step: Step[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `step` in a transaction that only the leader can commit; raises LeaseLostError for any other."""
        epoch = self._epoch

        def fenced(conn: Connection) -> T:
            if epoch is None:
                raise LeaseLostError
            lease.require(conn, _NAME, epoch)
            return step(conn, *args, **kwargs)

        try:
            return await self._db.write(fenced)
        except LeaseLostError:
            if self._epoch == epoch and epoch is not None:
                self._epoch = None
                self._lost.set()
                log.warning("lost_the_lead", epoch=epoch)
            raise

    async def release(self) -> None:
        """Let another lead at once."""
        await self._db.write(lease.release, _NAME, self._epoch or 0)
        self._epoch = None

    @property
    def _lease_ms(self) -> int:
        return round(self._lease_s * 1000)


Beside = Callable[[Leading], Awaitable[None]]
"""Work of the leader beside its dispatching: it goes on until cancelled, or another one leads (LeaseLostError)."""
