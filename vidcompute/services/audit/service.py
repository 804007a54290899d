"""How long the audit log is kept. It is written by `db.acting`, with the events that tell of the same."""

from sqlalchemy import Connection, delete

from vidcompute.db.schema import audit


def prune(conn: Connection, before_ms: int) -> int:
    """Forget the entries from before a time; how many there were."""
    return conn.execute(delete(audit).where(audit.c.created_ms < before_ms)).rowcount
