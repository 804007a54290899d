"""What is read about organizations and keys."""

from typing import Any

from sqlalchemy import Connection, Row, exists, select

from vidcompute.db.schema import api_keys, organizations


def organization_exists(conn: Connection, organization_id: str) -> bool:
    """Whether there is such an organization."""
    return bool(conn.execute(select(exists().where(organizations.c.id == organization_id))).scalar())


def key_by_digest(conn: Connection, digest: str) -> Row[*tuple[Any, ...]] | None:
    """The key with this digest (id, organization_id); None where there is none, or it was revoked."""
    query = select(api_keys.c.id, api_keys.c.organization_id)
    query = query.where(api_keys.c.digest == digest, api_keys.c.revoked_ms.is_(None))
    return conn.execute(query).one_or_none()
