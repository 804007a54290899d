"""What is read about organizations and keys."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, or_, select

from vidcompute.db.schema import api_keys, organizations
from vidcompute.errors import not_found
from vidcompute.services.accounts.models import ApiKey
from vidcompute.services.paging import Page, page_of, parse_cursor

_KEY = [api_keys.c[name] for name in ApiKey.__annotations__]


def organization_exists(conn: Connection, organization_id: str) -> bool:
    """Whether there is such an organization."""
    return bool(conn.execute(select(exists().where(organizations.c.id == organization_id))).scalar())


_ASKED = ("id", "organization_id", "prefix", "scopes", "expires_ms", "revoked_ms", "used_ms")
_BY_DIGEST = select(*(api_keys.c[name] for name in _ASKED)).where(api_keys.c.digest == bindparam("digest"))


def key_by_digest(conn: Connection, digest: str) -> Row[*tuple[Any, ...]] | None:
    """What is asked at each request of the key with this digest, dead or alive; None where there is none."""
    return conn.execute(_BY_DIGEST, {"digest": digest}).one_or_none()


def get_key(conn: Connection, organization_id: str, key_id: str) -> ApiKey:
    """The key; `key_not_found` where there is none of this organization."""
    query = select(*_KEY).where(api_keys.c.id == key_id, api_keys.c.organization_id == organization_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("key", key_id)
    return ApiKey(**row._mapping)


def list_keys(
    conn: Connection, organization_id: str, *, limit: int = 20, cursor: str | None = None, alive_ms: int | None = None
) -> Page[ApiKey]:
    """A page of keys, newest first; with `alive_ms` those alone that open something at that time."""
    query = select(*_KEY).where(api_keys.c.organization_id == organization_id)
    last = parse_cursor("key", cursor)
    if last is not None:
        query = query.where(api_keys.c.id < last)
    if alive_ms is not None:
        unexpired = or_(api_keys.c.expires_ms.is_(None), api_keys.c.expires_ms > alive_ms)
        query = query.where(api_keys.c.revoked_ms.is_(None), unexpired)
    rows = conn.execute(query.order_by(api_keys.c.id.desc()).limit(limit + 1)).all()
    return page_of([ApiKey(**row._mapping) for row in rows], [row.id for row in rows], limit)


def count_keys(conn: Connection, organization_id: str, alive_ms: int) -> int:
    """How many keys of an organization open something at that time."""
    unexpired = or_(api_keys.c.expires_ms.is_(None), api_keys.c.expires_ms > alive_ms)
    query = select(func.count()).select_from(api_keys)
    query = query.where(api_keys.c.organization_id == organization_id, api_keys.c.revoked_ms.is_(None), unexpired)
    return int(conn.execute(query).scalar_one())
