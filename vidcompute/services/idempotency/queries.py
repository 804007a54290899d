"""What is read about idempotency keys."""

from typing import Any

from sqlalchemy import Connection, Row, select

from vidcompute.db.schema import idempotency_keys


def stored(conn: Connection, organization_id: str, key: str, after_ms: int) -> Row[*tuple[Any, ...]] | None:
    """The request digest, status and response kept under a key since `after_ms`; None where there is none."""
    table = idempotency_keys
    query = select(table.c.request_digest, table.c.status, table.c.response)
    query = query.where(table.c.organization_id == organization_id, table.c.key == key, table.c.created_ms > after_ms)
    return conn.execute(query).one_or_none()
