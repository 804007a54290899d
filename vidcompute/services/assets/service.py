"""Changes of assets and sources. All run inside the caller's transaction and emit their outbox events in it."""

from collections.abc import Mapping
from typing import Any, TypedDict

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import crossed, emit, now_ms
from vidcompute.db.schema import artifacts, assets, interests, jobs, sources, tasks, text_tracks
from vidcompute.errors import FieldProblem, invalid
from vidcompute.ids import new_id, new_playback_id
from vidcompute.media.facts import SourceFacts
from vidcompute.pipeline.spec import PlaybackPolicy
from vidcompute.services import tasks as task_service
from vidcompute.services.assets import queries
from vidcompute.services.assets.models import Asset, Belongings, Removed, Source
from vidcompute.services.states import BREAK, FINISH, REOPEN, SHOW, SPOIL, AssetStatus, Transition
from vidcompute.services.tasks.moves import batches

_NEW = insert(assets)
_TOLD_AS = {
    "password_digest": "password",
    "expires_ms": "expires_at",
    "links_since_ms": "signed_links",
}  # fields, as users know them


def add_source(
    conn: Connection, organization_id: str, *, digest: str, size_bytes: int, storage_key: str, name: str
) -> Source:
    """Record stored bytes as a source. Several sources may share one stored object."""
    source = Source(new_id("src"), organization_id, digest, size_bytes, storage_key, name, now_ms())
    conn.execute(insert(sources).values(**vars(source)))
    return source


def create(
    conn: Connection,
    organization_id: str,
    *,
    title: str | None = None,
    passthrough: str | None = None,
    metadata: Mapping[str, str] | None = None,
    source_id: str | None = None,
    job_id: str | None = None,
    playback_policy: PlaybackPolicy = PlaybackPolicy.PUBLIC,
    expires_ms: int | None = None,
) -> Asset:
    """A new asset, `preparing`; `expiry_past` (invalid) where it would be deleted before it is made."""
    at = now_ms()
    _check_expiry(expires_ms, at)
    asset_id = new_id("asset")
    values: dict[str, Any] = {
        "id": asset_id,
        "organization_id": organization_id,
        "status": AssetStatus.PREPARING,
        "title": title,
        "passthrough": passthrough,
        "metadata": dict(metadata or {}),
        "source_id": source_id,
        "job_id": job_id,
        "playback_id": new_playback_id(),
        "playback_policy": playback_policy,
        "expires_ms": expires_ms,
        "created_ms": at,
        "updated_ms": at,
    }
    conn.execute(_NEW, values)
    asset = Asset(**{**dict.fromkeys(Asset.__annotations__), **values})  # all the rest is empty
    emit(conn, organization_id, "asset.created", asset_id, {"asset_id": asset_id, "status": asset.status})
    return asset


class Changes(TypedDict, total=False):
    """What to change of an asset: a field that isn't there stays as it is."""

    title: str | None
    passthrough: str | None
    metadata: Mapping[str, str]
    playback_policy: PlaybackPolicy
    password_digest: str
    expires_ms: int | None
    links_since_ms: int
    poster_time_ms: int | None


def change(conn: Connection, organization_id: str, asset_id: str, changes: Changes) -> Asset:
    """Change the user's own fields; metadata is replaced as a whole.

    Raises `password_missing` (invalid) where a password is to be asked for and there is none, `expiry_past`.
    """
    known = queries.get(conn, organization_id, asset_id)
    policy = changes.get("playback_policy", known.playback_policy)
    if policy == PlaybackPolicy.PASSWORD and not changes.get("password_digest", known.password_digest):
        raise invalid("password_missing", "Send the `password` that viewers are to be asked for.")
    _check_expiry(changes.get("expires_ms"), now_ms())
    if changes:
        values = {**changes, "updated_ms": now_ms()}
        conn.execute(update(assets).where(assets.c.id == asset_id).values(values))
        fields = sorted(_TOLD_AS.get(name, name) for name in changes)
        emit(conn, organization_id, "asset.updated", asset_id, {"asset_id": asset_id, "fields": fields})
    return queries.get(conn, organization_id, asset_id)


def use(conn: Connection, asset_id: str, *, source_id: str | None = None, job_id: str | None = None) -> None:
    """Record which source the asset is made from, and which job is at work on it."""
    values = {k: v for k, v in (("source_id", source_id), ("job_id", job_id)) if v is not None}
    conn.execute(update(assets).where(assets.c.id == asset_id).values(**values, updated_ms=now_ms()))


def describe(conn: Connection, asset_id: str, facts: SourceFacts) -> None:
    """Record what was probed: size as displayed, duration, frame rate, and a summary for people."""
    video = facts.video
    conn.execute(
        update(assets)
        .where(assets.c.id == asset_id)
        .values(
            duration_ms=facts.duration_ms,
            width=video.display_width if video else None,
            height=video.display_height if video else None,
            frame_rate=float(video.frame_rate) if video else None,
            facts=_summary(facts),
            updated_ms=now_ms(),
        )
    )


def _summary(facts: SourceFacts) -> dict[str, Any]:
    video = facts.video
    return {
        "container": facts.container,
        "size_bytes": facts.size_bytes,
        "bitrate_bps": facts.bitrate_bps,
        "video": None
        if video is None
        else {
            "codec": video.codec,
            "profile": video.profile,
            "frame_count": video.frame_count,
            "rotation": video.rotation,
            "hdr": video.hdr,
            "interlaced": video.interlaced,
        },
        "audio": [
            {"codec": a.codec, "channels": a.channels, "sample_rate": a.sample_rate, "language": a.language}
            for a in facts.audio
        ],
        "warnings": list(facts.warnings),
    }


def _move(conn: Connection, transition: Transition, asset_id: str, **values: Any) -> bool:
    statement = (
        update(assets)
        .where(assets.c.id == asset_id, assets.c.status.in_(sorted(transition.sources)))
        .values(status=transition.target, updated_ms=now_ms(), **values)
        .returning(assets.c.organization_id, assets.c.playback_id, assets.c.job_id)
    )
    row = conn.execute(statement).one_or_none()
    if row is None:
        return False
    told = {k: v for k, v in values.items() if v is not None}
    data = {"asset_id": asset_id, "playback_id": row.playback_id, "job_id": row.job_id, "status": transition.target}
    emit(conn, row.organization_id, transition.event, asset_id, {**data, **told})
    crossed(conn, f"asset.{transition.name}")
    return True


def mark_playable(conn: Connection, asset_id: str) -> bool:
    """A viewer can start now; False where the asset wasn't preparing."""
    return _move(conn, SHOW, asset_id)


def mark_ready(conn: Connection, asset_id: str) -> bool:
    """All that was asked for is there; False where it was ready already."""
    return _move(conn, FINISH, asset_id, error_code=None, error_detail=None)


def mark_errored(conn: Connection, asset_id: str, code: str, detail: str) -> bool:
    """Its job came to nothing; False, with nothing changed, where an earlier job made it good."""
    if queries.has_good_job(conn, asset_id):
        return False
    return _move(conn, BREAK, asset_id, error_code=code, error_detail=detail)


def mark_spoiled(conn: Connection, asset_id: str, detail: str) -> bool:
    """Something of it is gone from storage; False where it was not there in full."""
    return _move(conn, SPOIL, asset_id, error_code="output_lost", error_detail=detail)


def mark_preparing(conn: Connection, asset_id: str) -> bool:
    """A failed job is tried again; False where the asset wasn't errored."""
    return _move(conn, REOPEN, asset_id, error_code=None, error_detail=None)


def mark_deleted(conn: Connection, asset: Asset, at_ms: int, purge_ms: int, told: Mapping[str, Any]) -> None:
    """It is deleted, and can be restored until `purge_ms`. `told` are further data of the event."""
    fresh = {"deleted_ms": at_ms, "purge_ms": purge_ms, "updated_ms": at_ms}
    conn.execute(update(assets).where(assets.c.id == asset.id).values(fresh))
    data = {"asset_id": asset.id, "restorable_until_ms": purge_ms, **told}
    emit(conn, asset.organization_id, "asset.deleted", asset.id, data)


def mark_restored(conn: Connection, asset: Asset, at_ms: int) -> None:
    """It is there again."""
    fresh = {"deleted_ms": None, "purge_ms": None, "updated_ms": at_ms}
    conn.execute(update(assets).where(assets.c.id == asset.id).values(fresh))
    emit(conn, asset.organization_id, "asset.restored", asset.id, {"asset_id": asset.id})


def remove(conn: Connection, organization_id: str, asset_id: str) -> Removed:
    """Take an asset with its jobs and all that nothing else refers to; running attempts are cancelled.

    Returns what is to be removed from storage once this transaction is committed. Artifacts that jobs of other
    assets refer to stay, and so does a source that another asset was made from.
    """
    asset = queries.get_any(conn, organization_id, asset_id)
    found = queries.belongings(conn, asset, queries.Gone())
    job_ids = queries.jobs_of(conn, asset_id)
    for job_id in job_ids:
        task_service.drop(conn, job_id)
    for batch in batches(job_ids):
        conn.execute(delete(interests).where(interests.c.job_id.in_(batch)))
        conn.execute(delete(jobs).where(jobs.c.id.in_(batch)))
    conn.execute(delete(text_tracks).where(text_tracks.c.asset_id == asset_id))
    conn.execute(delete(assets).where(assets.c.id == asset_id))
    _remove_rows(conn, organization_id, found)
    data = {"asset_id": asset_id, "job_ids": job_ids}
    emit(conn, organization_id, "asset.purged", asset_id, data)
    return found.removed


def _remove_rows(conn: Connection, organization_id: str, found: Belongings) -> None:
    if found.source_id is not None:
        conn.execute(delete(sources).where(sources.c.id == found.source_id))
    for batch in batches(found.content_keys):
        mine = (artifacts.c.organization_id == organization_id) & artifacts.c.content_key.in_(batch)
        conn.execute(delete(artifacts).where(mine))
    for batch in batches(found.task_ids):
        conn.execute(delete(tasks).where(tasks.c.id.in_(batch)))  # attempts and dependencies go with them


def _check_expiry(expires_ms: int | None, at_ms: int) -> None:
    if expires_ms is not None and expires_ms <= at_ms:
        told = FieldProblem("/expires_at", "This time has passed.")
        raise invalid("expiry_past", "An asset can't expire in the past; delete it instead.", told)
