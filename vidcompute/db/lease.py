"""A lease that one process at a time holds, as a row: by the database's clock, with an epoch that only grows.

Who holds it does its writes in transactions that `require` its epoch first: a former holder can write nothing.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update

from vidcompute.db.outbox import wake
from vidcompute.db.schema import leases

_CLOCK_MS = {
    "sqlite": text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"),
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"),
}


_EPOCH = select(leases.c.epoch).where(leases.c.name == bindparam("lease"))


@dataclass(frozen=True)
class Lease:
    """What came of trying to take a lease: its epoch, or in how many milliseconds it is worth another try."""

    epoch: int | None
    wait_ms: int = 0


class LeaseLostError(Exception):
    """Somebody else has taken the lease since."""


def clock_ms(conn: Connection) -> int:
    """The database's time in whole Unix milliseconds."""
    return int(conn.execute(_CLOCK_MS[conn.dialect.name]).scalar_one())


def take(conn: Connection, name: str, holder: str, lease_ms: int) -> Lease:
    """Take a lease that is free, has run out, or was this holder's own before: with the next epoch."""
    at = clock_ms(conn)
    row = conn.execute(select(leases).where(leases.c.name == name)).one_or_none()
    if row is None:
        conn.execute(insert(leases).values(name=name, holder=holder, epoch=1, expires_ms=at + lease_ms))
        return Lease(1)
    if row.holder != holder and row.expires_ms > at:
        if row.expires_ms > at + lease_ms:  # nobody holds it for so long: the clock was set back
            conn.execute(update(leases).where(leases.c.name == name).values(expires_ms=at + lease_ms))
        return Lease(None, min(row.expires_ms - at, lease_ms))
    epoch = row.epoch + 1
    fresh = {"holder": holder, "epoch": epoch, "expires_ms": at + lease_ms}
    conn.execute(update(leases).where(leases.c.name == name).values(fresh))
    return Lease(epoch)


def require(conn: Connection, name: str, epoch: int) -> None:
    """Raise LeaseLostError unless the lease is still the one that was taken with this epoch."""
    if conn.execute(_EPOCH, {"lease": name}).scalar() != epoch:
        raise LeaseLostError


def renew(conn: Connection, name: str, epoch: int, lease_ms: int) -> None:
    """Hold it for `lease_ms` from now; raises LeaseLostError where somebody else has taken it."""
    require(conn, name, epoch)
    conn.execute(update(leases).where(leases.c.name == name).values(expires_ms=clock_ms(conn) + lease_ms))


def forget(conn: Connection, name: str) -> None:
    """Remove what is known of a lease: for names that are not used again."""
    conn.execute(delete(leases).where(leases.c.name == name))


def release(conn: Connection, name: str, epoch: int) -> None:
    """Let another take it at once; nothing where somebody else has it."""
    mine = (leases.c.name == name) & (leases.c.epoch == epoch)
    if conn.execute(update(leases).where(mine).values(expires_ms=0, holder="")).rowcount:
        wake(conn)
