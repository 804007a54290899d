"""What is read about usage."""

from typing import Any

from sqlalchemy import Connection, Row, select

from vidcompute.db.schema_quotas import stored, usage
from vidcompute.services.usage.models import UsageRow

_ROW = [usage.c[name] for name in UsageRow.__annotations__]


def report(
    conn: Connection, organization_id: str, *, from_day: str, to_day: str, kind: str | None = None
) -> list[UsageRow]:
    """What an organization used on these days, both included, by day and kind."""
    query = select(*_ROW).where(usage.c.organization_id == organization_id, usage.c.day.between(from_day, to_day))
    if kind is not None:
        query = query.where(usage.c.kind == kind)
    rows = conn.execute(query.order_by(usage.c.day, usage.c.kind, usage.c.detail))
    return [UsageRow(**row._mapping) for row in rows]


def stored_by_all(conn: Connection) -> list[Row[*tuple[Any, ...]]]:
    """What each organization stores, and up to when that was metered."""
    return list(conn.execute(select(stored)))
