"""An organization's logo: taken from a member, made anew, kept in a row."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.engine import Database
from vidcompute.db.outbox import emit
from vidcompute.db.schema import organizations
from vidcompute.db.schema_people import logos
from vidcompute.services.organizations import queries
from vidcompute.services.organizations.models import Organization


async def put_logo(db: Database, organization_id: str, data: bytes) -> Organization:
    """Give the organization this logo. `logo_invalid` (refused) where the bytes are no picture."""
    picture = await asyncio.get_running_loop().run_in_executor(_thread(), _remade, data)
    return await db.write(_keep, organization_id, picture)


def remove_logo(conn: Connection, organization_id: str) -> None:
    """Let the organization have none; done twice it is done."""
    if queries.get(conn, organization_id).logo_digest is not None:
        conn.execute(delete(logos).where(logos.c.organization_id == organization_id))
        _note(conn, organization_id, None)


def _keep(conn: Connection, organization_id: str, picture: bytes) -> Organization:
    conn.execute(delete(logos).where(logos.c.organization_id == organization_id))
    conn.execute(insert(logos).values(organization_id=organization_id, picture=picture))
    _note(conn, organization_id, hashlib.sha256(picture).hexdigest())
    return queries.get(conn, organization_id)


def _note(conn: Connection, organization_id: str, digest: str | None) -> None:
    conn.execute(update(organizations).where(organizations.c.id == organization_id).values(logo_digest=digest))
    emit(conn, organization_id, "organization.updated", organization_id, {"fields": ["logo"]})


def _remade(data: bytes) -> bytes:
    from vidcompute.media.logos import remade  # with its decoders, which few servers need

    return remade(data)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="logos")  # one at a time: what is decoded takes memory
