"""What is read about stored uploads."""

from sqlalchemy import Connection, select

from vidcompute.db.schema import sources


def stored_key(conn: Connection, organization_id: str, digest: str) -> str | None:
    """Where bytes with this tree digest lie already; None where the organization has none."""
    query = select(sources.c.storage_key).where(
        sources.c.organization_id == organization_id, sources.c.digest == digest
    )
    return conn.execute(query.order_by(sources.c.id.desc()).limit(1)).scalar()
