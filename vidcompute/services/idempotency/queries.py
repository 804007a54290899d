"""What is read about idempotency keys."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, String, cast, false, or_, select

from vidcompute.db.schema import idempotency_keys


def stored(conn: Connection, organization_id: str, key: str, after_ms: int) -> Row[*tuple[Any, ...]] | None:
    """The request digest, status and response kept under a key since `after_ms`; None where there is none."""
    table = idempotency_keys
    query = select(table.c.request_digest, table.c.status, table.c.response)
    query = query.where(table.c.organization_id == organization_id, table.c.key == key, table.c.created_ms > after_ms)
    return conn.execute(query).one_or_none()


def naming(addresses: Iterable[str]) -> ColumnElement[bool]:
    """The rows whose answers have one of these addresses as a text of its own, as a part of another statement."""
    text = cast(idempotency_keys.c.response, String)
    return or_(false(), *(text.contains(f'"{address}"', autoescape=True) for address in addresses))
