"""What is read about uploads, and about what they became."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from vidcompute.db.schema import UNFINISHED_UPLOAD, sources, upload_parts, uploads
from vidcompute.errors import not_found
from vidcompute.media.digest import PART_BYTES, PartDigest
from vidcompute.services.paging import Page, page_of, parse_cursor
from vidcompute.services.uploads.models import Direct, Upload

_UPLOAD = [uploads.c[name] for name in Upload.__annotations__]


def stored_key(conn: Connection, organization_id: str, digest: str) -> str | None:
    """Where bytes with this tree digest lie already; None where the organization has none."""
    query = select(sources.c.storage_key).where(
        sources.c.organization_id == organization_id, sources.c.digest == digest
    )
    return conn.execute(query.order_by(sources.c.id.desc()).limit(1)).scalar()


def get(conn: Connection, organization_id: str, upload_id: str) -> Upload:
    """The upload; `upload_not_found` where there is none of this organization."""
    query = select(*_UPLOAD).where(uploads.c.id == upload_id, uploads.c.organization_id == organization_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("upload", upload_id)
    return Upload(**row._mapping)


def several(conn: Connection, organization_id: str, upload_ids: Sequence[str]) -> dict[str, Upload]:
    """Those of these uploads that the organization has, by their identifiers."""
    query = select(*_UPLOAD).where(uploads.c.organization_id == organization_id, uploads.c.id.in_(list(upload_ids)))
    return {row.id: Upload(**row._mapping) for row in conn.execute(query)}


def by_token(conn: Connection, digest: str) -> Upload:
    """The upload whose one-time address has a token with this digest; `upload_not_found` where there is none."""
    row = conn.execute(select(*_UPLOAD).where(uploads.c.token_digest == digest)).one_or_none()
    if row is None:
        raise not_found("upload", "at this address")
    return Upload(**row._mapping)


def list_uploads(
    conn: Connection, organization_id: str, *, limit: int = 20, cursor: str | None = None, status: str | None = None
) -> Page[Upload]:
    """A page of uploads, newest first."""
    query = select(*_UPLOAD).where(uploads.c.organization_id == organization_id)
    last = parse_cursor("up", cursor)
    if last is not None:
        query = query.where(uploads.c.id < last)
    if status is not None:
        query = query.where(uploads.c.status == status)
    rows = conn.execute(query.order_by(uploads.c.id.desc()).limit(limit + 1)).all()
    return page_of([Upload(**row._mapping) for row in rows], [row.id for row in rows], limit)


def parts(conn: Connection, upload_id: str) -> list[PartDigest]:
    """The digests of the whole parts that are here, in order."""
    query = select(upload_parts.c.number, upload_parts.c.sha256).where(upload_parts.c.upload_id == upload_id)
    rows = conn.execute(query.order_by(upload_parts.c.number))
    return [PartDigest(row.number, PART_BYTES, row.sha256) for row in rows]


def etags(conn: Connection, upload_id: str, direct: Direct) -> dict[int, str]:
    """The store's names for the content of those parts that we have brought to it, by their numbers."""
    query = select(upload_parts.c.number, upload_parts.c.etag).where(
        upload_parts.c.upload_id == upload_id, upload_parts.c.etag.is_not(None)
    )
    return {direct.part_of(row.number): row.etag for row in conn.execute(query)}


def unfinished_count(conn: Connection, organization_id: str) -> int:
    """How many uploads of an organization are under way."""
    query = select(func.count()).select_from(uploads).where(uploads.c.organization_id == organization_id)
    return int(conn.execute(query.where(UNFINISHED_UPLOAD)).scalar_one())


def expired(conn: Connection, at_ms: int, limit: int) -> list[Upload]:
    """Uploads that are under way and whose end has come."""
    query = select(*_UPLOAD).where(UNFINISHED_UPLOAD, uploads.c.expires_ms <= at_ms)
    return [Upload(**row._mapping) for row in conn.execute(query.order_by(uploads.c.expires_ms).limit(limit))]


def arrived(conn: Connection) -> list[Upload]:
    """Uploads whose parts are all in the store and that are to be read, oldest first."""
    return [upload for upload in _in_parts(conn) if upload.straight and upload.straight.arrived]


def names_in_store(conn: Connection) -> set[str]:
    """The store's names for the uploads in parts that are under way, of whatever organization."""
    return {upload.in_parts.name for upload in _in_parts(conn) if upload.in_parts}


def _in_parts(conn: Connection) -> list[Upload]:
    query = select(*_UPLOAD).where(UNFINISHED_UPLOAD, uploads.c.direct.is_not(None)).order_by(uploads.c.id)
    return [Upload(**row._mapping) for row in conn.execute(query)]


def unfinished_of(conn: Connection, upload_ids: Sequence[str]) -> set[str]:
    """Those of these that are under way."""
    query = select(uploads.c.id).where(UNFINISHED_UPLOAD, uploads.c.id.in_(list(upload_ids)))
    return set(conn.execute(query).scalars())
