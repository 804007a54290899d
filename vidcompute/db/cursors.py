"""How far each follower of the outbox has come: a row each, written in the transaction of what it did with them."""

from sqlalchemy import Connection, delete, func, insert, select, update

from vidcompute.db.schema_outgoing import cursors


def read(conn: Connection, name: str) -> int | None:
    """The newest event that this follower has dealt with; None before its first one."""
    return conn.execute(select(cursors.c.seq).where(cursors.c.name == name)).scalar()


def advance(conn: Connection, name: str, seq: int) -> None:
    """Record that it has dealt with every event up to `seq`; nothing where it was further."""
    before = read(conn, name)
    if before is None:
        conn.execute(insert(cursors).values(name=name, seq=seq))
    elif before < seq:
        conn.execute(update(cursors).where(cursors.c.name == name).values(seq=seq))


def forget(conn: Connection, name: str) -> None:
    """It follows no more: events are not kept for it."""
    conn.execute(delete(cursors).where(cursors.c.name == name))


def slowest(conn: Connection) -> int | None:
    """The event that every follower has dealt with; None where nobody follows."""
    return conn.execute(select(func.min(cursors.c.seq))).scalar()
