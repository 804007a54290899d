"""Changes of uploads. All run inside the caller's transaction, and emit their outbox events in it.

An offset only grows, and only by who knew it: each change is conditional on what its maker has seen.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, update

from vidcompute.db.outbox import emit, now_ms, wake
from vidcompute.db.schema import upload_parts, uploads
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.media.digest import PART_BYTES, PartDigest
from vidcompute.pipeline.spec import JobOptions, JobSpec, UploadInput
from vidcompute.services import jobs, quotas
from vidcompute.services.assets import Source
from vidcompute.services.jobs import Prelude
from vidcompute.services.quotas import Quota
from vidcompute.services.uploads import queries
from vidcompute.services.uploads.models import Brought, Direct, NewUpload, Upload, UploadKind, UploadStatus

_BATCH = 500
_SHORTEST_LIFE = timedelta(minutes=1)  # of what should have gone while its bytes came


@dataclass(frozen=True)
class Begin:
    """How the job of an upload begins; see `jobs.submit`."""

    traceparent: str | None = None
    prelude: Prelude | None = None


_PLAIN = Begin()


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(conn: Connection, organization_id: str, new: NewUpload, *, max_unfinished: int) -> Upload:
    """An upload that bytes may come for; what it will store is reserved.

    Raises `too_many_uploads` where that many are under way already, `quota_upload_bytes` (too large),
    `quota_stored_bytes` or, where a job is to follow, `quota_encode_minutes` (forbidden).
    """
    if queries.unfinished_count(conn, organization_id) >= max_unfinished:
        detail = f"{max_unfinished} uploads are under way, and no more are taken: finish or delete some."
        raise VidComputeError(Kind.RATE_LIMITED, "too_many_uploads", detail, extra={"max_uploads": max_unfinished})
    size_bytes = 1 if new.size_bytes is None else new.size_bytes
    wanted = {Quota.UPLOAD_BYTES: size_bytes, Quota.STORED_BYTES: size_bytes}
    found = quotas.take(conn, organization_id, wanted if new.job is None else {**wanted, Quota.ENCODE_MINUTES: 1})
    most = found.limit(Quota.UPLOAD_BYTES)
    return _insert(conn, organization_id, new if most is None else replace(new, max_bytes=min(new.max_bytes, most)))


def _insert(conn: Connection, organization_id: str, new: NewUpload, **more: Any) -> Upload:
    at, expires_ms = now_ms(), round(new.expires_s * 1000)
    values: dict[str, Any] = {
        "id": new_id("up"),
        "organization_id": organization_id,
        "status": UploadStatus.UPLOADING,
        "kind": new.kind,
        "name": new.name,
        "size_bytes": new.size_bytes,
        "max_bytes": new.max_bytes,
        "offset_bytes": 0,
        "metadata": new.metadata,
        "concat": new.concat,
        "job": None if new.job is None else dict(new.job),
        "direct": None if new.direct is None else asdict(new.direct),
        "token_digest": digest_of(new.token) if new.token else None,
        "origin": new.origin,
        "created_ms": at,
        "expires_ms": at + expires_ms,
        "patience_ms": expires_ms if new.patient else None,
        **more,
    }
    conn.execute(insert(uploads).values(values))
    upload = queries.get(conn, organization_id, values["id"])
    emit(conn, organization_id, "upload.created", upload.id, _told(upload))
    return upload


def _told(upload: Upload) -> dict[str, Any]:
    """What events say of an upload."""
    data: Mapping[str, Any] = {
        "upload_id": upload.id,
        "status": upload.status,
        "kind": upload.kind,
        "name": upload.name,
        "size_bytes": upload.size_bytes,
        "source_id": upload.source_id,
        "job_id": upload.job_id,
        "asset_id": upload.asset_id,
        "error_code": upload.error_code,
    }
    return {name: value for name, value in data.items() if value is not None}


def set_length(conn: Connection, upload: Upload, size_bytes: int) -> Upload:
    """Say how many bytes an upload has whose sender did not know; `upload_length_invalid`, `quota_stored_bytes`."""
    if upload.size_bytes == size_bytes:
        return upload
    if upload.size_bytes is not None or not upload.offset_bytes <= size_bytes <= upload.max_bytes:
        detail = "The length of an upload can be said once, and not below what is here or above what may be."
        raise VidComputeError(Kind.INVALID, "upload_length_invalid", detail)
    quotas.take(conn, upload.organization_id, {Quota.STORED_BYTES: size_bytes - upload.offset_bytes})
    return _change(conn, upload, size_bytes=size_bytes)


def advance(
    conn: Connection,
    upload: Upload,
    offset_bytes: int,
    parts: Iterable[PartDigest],
    *,
    brought: Brought | None = None,
    holder: str | None = None,
) -> Upload:
    """Record that bytes are here for good, with the digests of the parts that have become whole, and what was brought.

    `holder` is the folder that has them, where one has; from now on those who have another one have to fall back.
    Raises `quota_stored_bytes` (forbidden) where the length was not said, so that they were not reserved.
    """
    if upload.size_bytes is None:
        quotas.take(conn, upload.organization_id, {Quota.STORED_BYTES: offset_bytes - upload.offset_bytes})
    values = _put_off(upload)
    if brought is not None:
        values["direct"] = asdict(brought.direct)
    if holder is not None:
        values["holder"] = holder
    changed = _change(conn, upload, offset_bytes=offset_bytes, **values)
    rows = [{"upload_id": upload.id, "number": part.index, "sha256": part.sha256} for part in parts]
    if rows:
        conn.execute(insert(upload_parts), rows)
    if brought is not None and brought.etags:
        _note(conn, upload.id, brought)
    return changed


def put_off(conn: Connection, upload: Upload) -> Upload:
    """Put the end of an upload off whose bytes are not seen here, unless it ends at a set time."""
    return _change(conn, upload, **_put_off(upload)) if upload.patience_ms is not None else upload


def _put_off(upload: Upload) -> dict[str, Any]:
    return {} if upload.patience_ms is None else {"expires_ms": now_ms() + upload.patience_ms}


def _note(conn: Connection, upload_id: str, brought: Brought) -> None:
    mine = (upload_parts.c.upload_id == upload_id) & (upload_parts.c.number == bindparam("last"))
    found = [{"last": brought.direct.last_digest(number), "name": etag} for number, etag in brought.etags.items()]
    conn.execute(update(upload_parts).where(mine).values(etag=bindparam("name")), found)


def arrived(conn: Connection, upload: Upload, direct: Direct) -> Upload:
    """Every part of an upload is in the store, and joined there: it is read for its digest from now on."""
    wake(conn)  # who reads it
    return _change(conn, upload, direct=asdict(replace(direct, arrived=True)), **_put_off(upload))


def fall_back(conn: Connection, upload: Upload, offset_bytes: int, holder: str) -> Upload:
    """Go on in another folder, which has nothing: what is in the store counts, the first `offset_bytes`."""
    behind = upload_parts.c.number >= offset_bytes // PART_BYTES
    conn.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload.id, behind))
    values: dict[str, Any] = {"offset_bytes": offset_bytes, "holder": holder}
    if upload.relayed is not None:
        values["direct"] = asdict(replace(upload.relayed, hollow=offset_bytes > 0))
    return _change(conn, upload, **values)


def complete(conn: Connection, upload: Upload, source: Source, begin: Begin = _PLAIN, *, size_bytes: int) -> Upload:
    """All bytes are here, and stored as a source: its job begins, where one is wanted."""
    made: dict[str, Any] = {"source_id": source.id, **_begin_job(conn, upload, source, begin)}
    changed = _change(
        conn,
        upload,
        status=UploadStatus.COMPLETED,
        offset_bytes=size_bytes,
        size_bytes=size_bytes,
        ended_ms=now_ms(),
        **made,
    )
    if upload.size_bytes is None:  # its source is stored by now, and it has reserved nothing
        quotas.take(conn, upload.organization_id, {Quota.STORED_BYTES: 0})
    conn.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload.id))
    emit(conn, changed.organization_id, "upload.completed", changed.id, _told(changed))
    return changed


def _begin_job(conn: Connection, upload: Upload, source: Source, begin: Begin) -> dict[str, str]:
    if upload.job is None:
        return {}
    options = JobOptions.model_validate(upload.job)
    given = {**dict(options), "input": UploadInput(source=source.id)}
    if options.expires_at is not None:
        given["expires_at"] = max(options.expires_at, datetime.now(UTC) + _SHORTEST_LIFE)
    spec = JobSpec(**given)
    job = jobs.submit(conn, upload.organization_id, spec, source=source, **vars(begin))
    return {"job_id": job.id, "asset_id": job.asset_id}


def join(conn: Connection, new: NewUpload, pieces: Sequence[Upload], source: Source, begin: Begin) -> Upload:
    """An upload that was joined from others, which are used up by it."""
    quotas.take(conn, source.organization_id, {Quota.UPLOAD_BYTES: source.size_bytes})
    final = _insert(conn, source.organization_id, new, size_bytes=source.size_bytes)
    for piece in pieces:
        _change(conn, piece, status=UploadStatus.COMPLETED, ended_ms=now_ms())
        conn.execute(delete(upload_parts).where(upload_parts.c.upload_id == piece.id))
    return complete(conn, final, source, begin, size_bytes=source.size_bytes)


def cancel(conn: Connection, upload: Upload) -> Upload:
    """Its sender gives it up; `upload_completed` (conflict) where it has become a source."""
    if upload.status == UploadStatus.COMPLETED and upload.kind != UploadKind.PARTIAL:
        detail = "The upload is complete; what became of it is deleted as the asset."
        raise VidComputeError(Kind.CONFLICT, "upload_completed", detail)
    if upload.status != UploadStatus.UPLOADING:
        return upload
    ended = _end(conn, upload, UploadStatus.CANCELLED)
    emit(conn, ended.organization_id, "upload.cancelled", ended.id, _told(ended))
    return ended


def fail(conn: Connection, upload: Upload, error: VidComputeError) -> Upload:
    """Its bytes can't be taken: nothing of it is kept."""
    ended = _end(conn, upload, UploadStatus.FAILED, error_code=error.code, error_detail=error.detail)
    emit(conn, ended.organization_id, "upload.failed", ended.id, _told(ended))
    return ended


def _end(conn: Connection, upload: Upload, status: UploadStatus, **values: Any) -> Upload:
    ended = _change(conn, upload, whatever_came=True, status=status, ended_ms=now_ms(), **values)
    conn.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload.id))
    return ended


def expire(conn: Connection, at_ms: int) -> list[Upload]:
    """End the uploads whose time is over; those."""
    found = [_end(conn, upload, UploadStatus.EXPIRED) for upload in queries.expired(conn, at_ms, _BATCH)]
    for ended in found:
        emit(conn, ended.organization_id, "upload.expired", ended.id, _told(ended))
    return found


def prune(conn: Connection, before_ms: int) -> int:
    """Forget uploads that ended before then; how many."""
    return conn.execute(delete(uploads).where(uploads.c.ended_ms < before_ms)).rowcount


def _change(conn: Connection, upload: Upload, *, whatever_came: bool = False, **values: Any) -> Upload:
    """Change an upload that is under way and, unless `whatever_came`, is where its maker has seen it."""
    statement = update(uploads).where(uploads.c.id == upload.id, uploads.c.status == UploadStatus.UPLOADING)
    if not whatever_came:
        statement = statement.where(
            uploads.c.offset_bytes == upload.offset_bytes, uploads.c.holder.is_not_distinct_from(upload.holder)
        )
    changed = conn.execute(statement.values(**values)).rowcount
    found = queries.get(conn, upload.organization_id, upload.id)
    if not changed:
        check_unfinished(found)
        raise moved_on(upload.id)
    return found


def check_unfinished(upload: Upload) -> None:
    """Raise what is wrong with bytes for an upload that takes none any more: it is complete, its time is over, …"""
    if upload.kind == UploadKind.FINAL:
        detail = "This upload was joined from others, and takes no bytes itself."
        raise VidComputeError(Kind.FORBIDDEN, "upload_joined", detail)
    if upload.status == UploadStatus.COMPLETED:
        raise VidComputeError(Kind.CONFLICT, "upload_completed", "The upload is complete.")
    if upload.status in {UploadStatus.CANCELLED, UploadStatus.FAILED}:
        detail = f"The upload was {upload.status}: begin a new one."
        raise VidComputeError(Kind.NOT_FOUND, "upload_ended", upload.error_detail or detail)
    if upload.status == UploadStatus.EXPIRED or upload.expires_ms <= now_ms():
        detail = "The upload's time is over, and nothing of it is kept: begin a new one."
        raise VidComputeError(Kind.NOT_FOUND, "upload_expired", detail)


def check_comes_here(upload: Upload) -> None:
    """Raise `upload_direct` where bytes go to the store and not through here, or what else is wrong with them."""
    check_unfinished(upload)
    if upload.straight is not None:
        detail = "The bytes of this upload go straight to the store: ask for the addresses of its parts."
        raise VidComputeError(Kind.CONFLICT, "upload_direct", detail)


def moved_on(upload_id: str) -> VidComputeError:
    """The error of who has not seen how far an upload is."""
    detail = f"The upload {upload_id} is not where this request has it: ask for its offset."
    return VidComputeError(Kind.CONFLICT, "upload_offset_wrong", detail)
