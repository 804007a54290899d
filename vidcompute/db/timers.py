"""Which timer fired for which instant last: a row each, so that an instant is never served twice."""

from sqlalchemy import Connection, insert, select, update

from vidcompute.db.schema import timers


def fired_ms(conn: Connection, name: str) -> int | None:
    """The instant (Unix milliseconds) that a timer fired for last; None where it never did."""
    return conn.execute(select(timers.c.fired_ms).where(timers.c.name == name)).scalar()


def claim(conn: Connection, name: str, instant_ms: int) -> bool:
    """Record that a timer fires for an instant; False where it has, for that one or a later one."""
    last_ms = fired_ms(conn, name)
    if last_ms is None:
        conn.execute(insert(timers).values(name=name, fired_ms=instant_ms))
        return True
    later = update(timers).where(timers.c.name == name, timers.c.fired_ms < instant_ms)
    return bool(conn.execute(later.values(fired_ms=instant_ms)).rowcount)
