"""A received file becomes a stored source: moved into place once, shared where the same bytes are there already."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from vidcompute import failpoints
from vidcompute.db.engine import Database, may_be_written
from vidcompute.ids import new_id
from vidcompute.ports.storage import Storage
from vidcompute.services import assets
from vidcompute.services.assets import Source
from vidcompute.services.uploads import queries
from vidcompute.services.uploads.receiver import Received

T = TypeVar("T")


@dataclass(frozen=True)
class NewSource:
    """A received file, whose it is, and what its sender called it."""

    organization_id: str
    received: Received
    name: str


class _GoneError(Exception):
    """There are no stored bytes that could be shared, or they were deleted meanwhile."""


async def store(db: Database, storage: Storage, upload: NewSource, use: Callable[[Connection, Source], T]) -> T:
    """Store a received file, record it as a source and `use` it, all in one transaction; what `use` returns.

    Where the organization has the same bytes already they are shared, and the file is left to be removed. Nothing
    stays in storage when `use` raises; what stays of one that is cancelled, and was not recorded, is collected.
    """
    try:
        return await _share(db, upload, use)
    except _GoneError:
        pass
    # A key of its own for each stored file: a deletion that is under way can't take a new one with it.
    key = f"orgs/{upload.organization_id}/sources/{upload.received.digest}/{new_id('obj')}"
    await storage.put(key, upload.received.path)
    failpoints.reach("source.stored")
    try:
        return await db.write(_record, upload, key, use, must_exist=False)
    except BaseException as error:
        if not may_be_written(error):
            await storage.delete_prefix(key)
        raise


async def adopt(
    db: Database, storage: Storage, upload: NewSource, key: str, use: Callable[[Connection, Source], T]
) -> T:
    """As `store`, for bytes that lie in storage already, at `key`; they are removed where others are shared."""
    try:
        used = await _share(db, upload, use)
    except _GoneError:
        return await db.write(_record, upload, key, use, must_exist=False)
    await storage.delete_prefix(key)
    return used


async def _share(db: Database, upload: NewSource, use: Callable[[Connection, Source], T]) -> T:
    """Use the same bytes where the organization has them already; _GoneError where it hasn't."""
    shared = await db.read(queries.stored_key, upload.organization_id, upload.received.digest)
    if shared is None:
        raise _GoneError
    return await db.write(_record, upload, shared, use, must_exist=True)


def _record(
    conn: Connection, upload: NewSource, key: str, use: Callable[[Connection, Source], T], *, must_exist: bool
) -> T:
    received = upload.received
    if must_exist and queries.stored_key(conn, upload.organization_id, received.digest) != key:
        raise _GoneError
    source = assets.add_source(
        conn,
        upload.organization_id,
        digest=received.digest,
        size_bytes=received.size_bytes,
        storage_key=key,
        name=upload.name,
    )
    return use(conn, source)
