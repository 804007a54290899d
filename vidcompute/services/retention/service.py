"""Deleting, restoring, and how long things are kept. All run inside the caller's transaction."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, update

from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema import artifacts, assets, organizations, sources
from vidcompute.services import assets as asset_service
from vidcompute.services import jobs
from vidcompute.services.assets import Asset, Source
from vidcompute.services.assets.queries import artifact_at
from vidcompute.services.retention import queries
from vidcompute.services.retention.models import Prepared, Retention, Taken, What
from vidcompute.services.retention.queries import Due

_SHORTEST_LIFE_MS = 60_000


def change_retention(conn: Connection, organization_id: str, changes: dict[str, int | None]) -> Retention:
    """Change how long an organization keeps what it has: fields of `Retention`; what isn't named stays."""
    known = asdict(queries.retention(conn, organization_id))
    wanted = asdict(Retention(**{**known, **changes}))
    if wanted != known:
        kept = {name: kept_s for name, kept_s in wanted.items() if kept_s is not None}
        conn.execute(update(organizations).where(organizations.c.id == organization_id).values(retention=kept or None))
        emit(conn, organization_id, "organization.updated", organization_id, {"fields": ["retention"]})
    return queries.retention(conn, organization_id)


def delete_asset(conn: Connection, organization_id: str, asset_id: str, undo_ms: int) -> None:
    """Delete an asset; it can be restored for `undo_ms`. What is at work for it is cancelled. `asset_not_found`."""
    _delete(conn, asset_service.get(conn, organization_id, asset_id), now_ms(), undo_ms, "asked")


def delete_for_good(conn: Connection, organization_id: str, asset_id: str) -> list[Prepared]:
    """Delete an asset that is there, or was deleted, so that it can't be restored; what is to go from storage.

    Nothing goes where a job at work reads its source: a clean-up takes it afterwards. `asset_not_found`.
    """
    at = now_ms()
    _delete(conn, asset_service.get_any(conn, organization_id, asset_id), at, 0, "asked")
    due = Due.of(conn, organization_id, at + 1)  # its time is over from the next instant on
    return [_purge(conn, due, asset_id)] if queries.is_going(conn, due, asset_id) else []


def _delete(conn: Connection, asset: Asset, at_ms: int, undo_ms: int, reason: str) -> None:
    for job_id in queries.live_jobs(conn, asset.id):
        jobs.cancel(conn, asset.organization_id, job_id)
    told = {"job_ids": asset_service.jobs_of(conn, asset.id), "reason": reason}
    asset_service.mark_deleted(conn, asset, at_ms, at_ms + undo_ms, told)


def restore(conn: Connection, organization_id: str, asset_id: str, undo_ms: int) -> Asset:
    """Take a deletion back; an asset that isn't deleted is as it was. `asset_not_found` where it is too late.

    One whose time is over gets as much time again as there is for restoring, to be given more.
    """
    at = now_ms()
    asset = asset_service.get_restorable(conn, organization_id, asset_id, at)
    if asset.deleted_ms is not None:
        asset_service.mark_restored(conn, asset, at)
        if queries.is_over(conn, organization_id, asset_id, at):
            longer_ms = at + max(undo_ms, _SHORTEST_LIFE_MS)
            asset_service.change(conn, organization_id, asset_id, {"expires_ms": longer_ms})
    return asset_service.get(conn, organization_id, asset_id)


# -- the steps of a clean-up: each takes up to `limit` things after one, and gives what is to go from storage then


def expire(
    conn: Connection, organization_id: str, at_ms: int, undo_ms: int, limit: int, *, after: str = ""
) -> list[Prepared]:
    """Delete assets whose time is over."""
    found = queries.expiring(conn, Due.of(conn, organization_id, at_ms), after, limit)
    for item in found:
        _delete(conn, asset_service.get(conn, organization_id, item.taken.subject_id), at_ms, undo_ms, "expired")
    return found


def purge(conn: Connection, organization_id: str, at_ms: int, limit: int, after: str) -> list[Prepared]:
    """Take deleted assets that can't be restored any more, with all that nothing else refers to."""
    due = Due.of(conn, organization_id, at_ms)
    return [_purge(conn, due, asset_id) for asset_id in queries.purgeable(conn, due, after, limit)]


def _purge(conn: Connection, due: Due, asset_id: str) -> Prepared:
    going = queries.purge_of(conn, due, asset_id)
    asset_service.remove(conn, due.organization_id, asset_id)
    return going


def drop_sources(conn: Connection, organization_id: str, at_ms: int, limit: int, after: str) -> list[Prepared]:
    """Take sources that are not kept any more; their assets play on."""
    due = Due.of(conn, organization_id, at_ms)
    found: list[Prepared] = []
    for source in queries.due_sources(conn, due, after, limit):
        found.append(queries.source_going(conn, source, due))
        _drop_source(conn, source, found[-1])
    return found


def lose_source(conn: Connection, source: Source) -> None:
    """Do without a source whose bytes are gone."""
    _drop_source(conn, source, Prepared(Taken(What.SOURCE, source.id, source.name, 0)))


def _drop_source(conn: Connection, source: Source, item: Prepared) -> None:
    told: dict[str, list[str]] = {asset_id: [] for asset_id in queries.made_from(conn, source.id)}
    conn.execute(update(assets).where(assets.c.source_id == source.id).values(source_id=None, updated_ms=now_ms()))
    conn.execute(delete(sources).where(sources.c.id == source.id))
    for asset_id, output in _drop_fetched(conn, source, item):
        told.setdefault(asset_id, []).append(output)
    for asset_id, outputs in told.items():
        _tell(conn, source.organization_id, asset_id, What.SOURCE, outputs)


def _drop_fetched(conn: Connection, source: Source, item: Prepared) -> list[tuple[str, str]]:
    """Where the bytes are a part of what a `fetch` made, and go, that goes as well; whose jobs asked for it."""
    fetched = artifact_at(conn, source.storage_key)
    if fetched is None or fetched.storage_prefix not in item.prefixes:
        return []
    _drop_artifact(conn, fetched.organization_id, fetched.content_key)
    return queries.wanting(conn, fetched.organization_id, fetched.content_key)


def _drop_artifact(conn: Connection, organization_id: str, content_key: str) -> None:
    mine = (artifacts.c.organization_id == organization_id) & (artifacts.c.content_key == content_key)
    conn.execute(delete(artifacts).where(mine))


def drop_frames(conn: Connection, organization_id: str, at_ms: int, limit: int, after: str) -> list[Prepared]:
    """Take archives of frames that are not kept any more."""
    found = queries.expired_frames(conn, Due.of(conn, organization_id, at_ms), after, limit)
    for item in found:
        key = item.taken.subject_id
        _drop_artifact(conn, organization_id, key)
        for asset_id, output in queries.wanting(conn, organization_id, key):
            _tell(conn, organization_id, asset_id, What.FRAMES, [output])
    return found


def _tell(conn: Connection, organization_id: str, asset_id: str, what: What, outputs: list[str]) -> None:
    data: dict[str, Any] = {"asset_id": asset_id, "what": what.value, "outputs": outputs}
    emit(conn, organization_id, "asset.reduced", asset_id, data)
