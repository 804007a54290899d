"""What is read of the audit log."""

from sqlalchemy import Connection, select

from vidcompute.db.schema import audit
from vidcompute.services.audit.models import AuditEntry, AuditFilter
from vidcompute.services.paging import Page, page_of, parse_cursor

_ENTRY = [audit.c[name] for name in AuditEntry.__annotations__]


def list_entries(
    conn: Connection, organization_id: str, only: AuditFilter, *, limit: int = 20, cursor: str | None = None
) -> Page[AuditEntry]:
    """A page of an organization's entries, newest first."""
    query = select(*_ENTRY).where(audit.c.organization_id == organization_id)
    for name in ("action", "actor_id", "subject_id"):
        if (wanted := getattr(only, name)) is not None:
            query = query.where(audit.c[name] == wanted)
    if only.from_ms is not None:
        query = query.where(audit.c.created_ms >= only.from_ms)
    if only.to_ms is not None:
        query = query.where(audit.c.created_ms < only.to_ms)
    last = parse_cursor("aud", cursor)
    if last is not None:
        query = query.where(audit.c.id < last)
    rows = conn.execute(query.order_by(audit.c.id.desc()).limit(limit + 1)).all()
    return page_of([AuditEntry(**row._mapping) for row in rows], [row.id for row in rows], limit)
