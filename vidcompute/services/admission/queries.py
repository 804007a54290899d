"""What is read about signing keys."""

from typing import Any

from sqlalchemy import Connection, Row, select

from vidcompute.db.schema import signing_keys
from vidcompute.errors import not_found
from vidcompute.services.admission.models import Algorithm, SigningKey

_KEY = [signing_keys.c[name] for name in SigningKey.__annotations__]


def keys_of(conn: Connection, organization_id: str, *, alive: bool = False) -> list[SigningKey]:
    """An organization's keys, newest first; `alive`: without those that were revoked."""
    query = select(*_KEY).where(signing_keys.c.organization_id == organization_id).order_by(signing_keys.c.id.desc())
    if alive:
        query = query.where(signing_keys.c.revoked_ms.is_(None))
    return [_key(row) for row in conn.execute(query)]


def key(conn: Connection, organization_id: str, key_id: str) -> SigningKey:
    """One key; `signing_key_not_found` where there is none of this organization."""
    mine = (signing_keys.c.organization_id == organization_id) & (signing_keys.c.id == key_id)
    row = conn.execute(select(*_KEY).where(mine)).one_or_none()
    if row is None:
        raise not_found("signing_key", key_id[:80])
    return _key(row)


def _key(row: Row[*tuple[Any, ...]]) -> SigningKey:
    return SigningKey(**{**row._mapping, "algorithm": Algorithm(row.algorithm)})
