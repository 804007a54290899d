"""What is read about assets and sources."""

from typing import Any

from sqlalchemy import Connection, Row, exists, select

from vidcompute.db.schema import artifacts, assets, attempts, interests, jobs, sources, tasks
from vidcompute.errors import not_found
from vidcompute.ids import is_playback_id
from vidcompute.services.assets.models import Asset, Source
from vidcompute.services.paging import Page, page_of, parse_cursor
from vidcompute.services.states import JobStatus
from vidcompute.services.tasks.moves import batches

AnyRow = Row[*tuple[Any, ...]]
_ASSET = [assets.c[name] for name in Asset.__annotations__]


def get(conn: Connection, organization_id: str, asset_id: str) -> Asset:
    """The asset; `asset_not_found` where there is none of this organization."""
    query = select(*_ASSET).where(assets.c.id == asset_id, assets.c.organization_id == organization_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("asset", asset_id)
    return Asset(**row._mapping)


def by_playback_id(conn: Connection, playback_id: str) -> Asset:
    """The asset of a playback ID, of whatever organization; `playback_not_found` where there is none."""
    row = None
    if is_playback_id(playback_id):
        row = conn.execute(select(*_ASSET).where(assets.c.playback_id == playback_id)).one_or_none()
    if row is None:
        raise not_found("playback", playback_id)
    return Asset(**row._mapping)


def list_assets(
    conn: Connection, organization_id: str, *, limit: int = 20, cursor: str | None = None, status: str | None = None
) -> Page[Asset]:
    """A page of assets, newest first."""
    query = select(*_ASSET).where(assets.c.organization_id == organization_id)
    last = parse_cursor("asset", cursor)
    if last is not None:
        query = query.where(assets.c.id < last)
    if status is not None:
        query = query.where(assets.c.status == status)
    rows = conn.execute(query.order_by(assets.c.id.desc()).limit(limit + 1)).all()
    return page_of([Asset(**row._mapping) for row in rows], [row.id for row in rows], limit)


def get_source(conn: Connection, organization_id: str, source_id: str) -> Source:
    """The source; `source_not_found` where there is none of this organization."""
    query = select(sources).where(sources.c.id == source_id, sources.c.organization_id == organization_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("source", source_id)
    return Source(**row._mapping)


def has_good_job(conn: Connection, asset_id: str) -> bool:
    """Whether a job of the asset is done."""
    query = select(exists().where(jobs.c.asset_id == asset_id, jobs.c.status == JobStatus.DONE))
    return bool(conn.execute(query).scalar())


def jobs_of(conn: Connection, asset_id: str) -> list[str]:
    """The identifiers of an asset's jobs."""
    return list(conn.execute(select(jobs.c.id).where(jobs.c.asset_id == asset_id)).scalars())


def tasks_of(conn: Connection, job_ids: list[str]) -> list[str]:
    """The tasks in which these jobs have, or had, an interest."""
    found: set[str] = set()
    for batch in batches(job_ids):
        found.update(conn.execute(select(interests.c.task_id).where(interests.c.job_id.in_(batch))).scalars())
    return sorted(found)


def unreferenced(conn: Connection, task_ids: list[str]) -> list[AnyRow]:
    """Those of these tasks (id, content_key) in which no job has an interest, active or not."""
    found: list[AnyRow] = []
    referred = exists().where(interests.c.task_id == tasks.c.id)
    for batch in batches(task_ids):
        found += conn.execute(select(tasks.c.id, tasks.c.content_key).where(tasks.c.id.in_(batch), ~referred))
    return found


def artifact_prefixes(conn: Connection, organization_id: str, content_keys: list[str]) -> list[str]:
    """Where the artifacts of content keys lie."""
    found: list[str] = []
    for batch in batches(content_keys):
        query = select(artifacts.c.storage_prefix).where(
            artifacts.c.organization_id == organization_id, artifacts.c.content_key.in_(batch)
        )
        found += conn.execute(query).scalars()
    return found


def logs_keys(conn: Connection, task_ids: list[str]) -> list[str]:
    """Where the logs of tasks' attempts lie."""
    found: list[str] = []
    for batch in batches(task_ids):
        found += conn.execute(select(attempts.c.logs_key).where(attempts.c.task_id.in_(batch))).scalars()
    return found


def source_in_use(conn: Connection, source_id: str) -> bool:
    """Whether an asset was made from the source."""
    return bool(conn.execute(select(exists().where(assets.c.source_id == source_id))).scalar())


def object_in_use(conn: Connection, storage_key: str) -> bool:
    """Whether a source's bytes lie at this key, or below this prefix."""
    condition = (sources.c.storage_key == storage_key) | sources.c.storage_key.startswith(
        storage_key + "/", autoescape=True
    )
    return bool(conn.execute(select(exists().where(condition))).scalar())
