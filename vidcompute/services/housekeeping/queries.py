"""What rows say of places in storage."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, or_, select

from vidcompute.db.schema import (
    UNFINISHED_UPLOAD,
    artifacts,
    assets,
    attempts,
    interests,
    jobs,
    sources,
    tasks,
    uploads,
)
from vidcompute.services.assets import Source
from vidcompute.services.assets.queries import object_in_use
from vidcompute.services.tasks import Artifact
from vidcompute.services.tasks.moves import batches
from vidcompute.services.text_tracks import queries as text_tracks

AnyRow = Row[*tuple[Any, ...]]


def at_work(conn: Connection) -> set[str]:
    """The attempts that are under way."""
    return set(conn.execute(select(attempts.c.id).where(attempts.c.outcome.is_(None))).scalars())


def objects_named(conn: Connection) -> list[str]:
    """Where the bytes of all sources and text tracks lie."""
    return [*conn.execute(select(sources.c.storage_key).distinct()).scalars(), *text_tracks.all_named(conn)]


def named(conn: Connection, places: Sequence[str], attempt_ids: Sequence[str]) -> set[str]:
    """Those of these places that rows name, and the identifiers of those of these attempts that are under way."""
    found: set[str] = set()
    for batch in batches(list(places)):
        found.update(
            conn.execute(select(artifacts.c.storage_prefix).where(artifacts.c.storage_prefix.in_(batch))).scalars()
        )
        found.update(conn.execute(select(attempts.c.logs_key).where(attempts.c.logs_key.in_(batch))).scalars())
        found.update(conn.execute(select(sources.c.storage_key).where(sources.c.storage_key.in_(batch))).scalars())
        found.update(text_tracks.named(conn, list(batch)))
    found.update(place for place in places if place not in found and object_in_use(conn, place))
    found.update(_of_uploads(conn))
    for batch in batches(list(attempt_ids)):
        query = select(attempts.c.id).where(attempts.c.id.in_(batch), attempts.c.outcome.is_(None))
        found.update(conn.execute(query).scalars())
    return found


def _of_uploads(conn: Connection) -> set[str]:
    """The objects that uploads under way have become, or will."""
    query = select(uploads.c.direct).where(UNFINISHED_UPLOAD, uploads.c.direct.is_not(None))
    return {direct["key"] for direct in conn.execute(query).scalars()}


def sources_after(conn: Connection, source_id: str, limit: int) -> list[Source]:
    """The next sources by identifier, of whatever organization."""
    query = select(sources).where(sources.c.id > source_id).order_by(sources.c.id).limit(limit)
    return [Source(**row._mapping) for row in conn.execute(query)]


def has_source(conn: Connection, source_id: str) -> bool:
    """Whether there is such a source."""
    return bool(conn.execute(select(exists().where(sources.c.id == source_id))).scalar())


def artifacts_after(conn: Connection, after: tuple[str, str], limit: int) -> list[Artifact]:
    """The next artifacts by organization and content key that hold something."""
    owner, key = artifacts.c.organization_id, artifacts.c.content_key
    further = or_(owner > after[0], and_(owner == after[0], key > after[1]))
    query = select(artifacts).where(further, artifacts.c.size_bytes > 0).order_by(owner, key).limit(limit)
    return [Artifact(**row._mapping) for row in conn.execute(query)]


def still_there(conn: Connection, several: Sequence[Artifact]) -> list[Artifact]:
    """Those of these artifacts that have their rows."""
    found: set[str] = set()
    for batch in batches([made.attempt_id for made in several]):
        found.update(conn.execute(select(artifacts.c.attempt_id).where(artifacts.c.attempt_id.in_(batch))).scalars())
    return [made for made in several if made.attempt_id in found]


def wanting(conn: Connection, organization_id: str, content_key: str) -> list[AnyRow]:
    """The jobs that asked for an artifact: id, status, asset_id, and of the asset source_id, newest_id, purge_ms."""
    made = (tasks.c.organization_id == organization_id) & (tasks.c.content_key == content_key)
    joined = jobs.join(interests, interests.c.job_id == jobs.c.id).join(tasks, tasks.c.id == interests.c.task_id)
    joined = joined.join(assets, assets.c.id == jobs.c.asset_id)
    newest = assets.c.job_id.label("newest_id")
    columns = (jobs.c.id, jobs.c.status, jobs.c.asset_id, assets.c.source_id, newest, assets.c.purge_ms)
    query = select(*columns).select_from(joined).where(made).distinct()
    return list(conn.execute(query.order_by(jobs.c.id)))
