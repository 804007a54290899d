"""Secrets that all servers on the database share and that nobody else knows: what they sign with for each other."""

import secrets as random

from sqlalchemy import Connection, delete, insert, select

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import secrets


def known(conn: Connection, name: str) -> bytes | None:
    """The secret of this name (256 bits); None until a server has made it."""
    value = conn.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar()
    return None if value is None else bytes.fromhex(value)


def ensure(conn: Connection, name: str) -> bytes:
    """The secret of this name, made where it is missing."""
    value = known(conn, name)
    if value is not None:
        return value
    made = random.token_bytes(32)
    _keep(conn, name, made)
    return made


def renew(conn: Connection, name: str, former: str) -> bytes:
    """Another secret of this name from now on; the one before is called `former`, and what was called so is gone."""
    before = known(conn, name)
    conn.execute(delete(secrets).where(secrets.c.name.in_([name, former])))
    if before is not None:
        _keep(conn, former, before)
    return ensure(conn, name)


def _keep(conn: Connection, name: str, value: bytes) -> None:
    conn.execute(insert(secrets).values(name=name, value=value.hex(), created_ms=now_ms()))
