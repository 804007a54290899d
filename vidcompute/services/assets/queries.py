"""What is read about assets and sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, exists, false, func, or_, select, tuple_

from vidcompute.db.schema import DELETED, artifacts, assets, attempts, interests, jobs, sources, tasks, text_tracks
from vidcompute.errors import invalid, not_found
from vidcompute.ids import is_playback_id
from vidcompute.pipeline.stages.fetch import Fetch
from vidcompute.services.assets.models import Asset, Belongings, Removed, Source
from vidcompute.services.paging import Page, page_of, parse_cursor
from vidcompute.services.states import JobKind, JobStatus
from vidcompute.services.tasks.moves import batches

AnyRow = Row[*tuple[Any, ...]]
PARTS_OF_ARTIFACT = 5  # orgs/O/artifacts/KEY/ATTEMPT
LIVING = assets.c.purge_ms.is_(None)
_SORTED_BY: Mapping[str, Sequence[ColumnElement[Any]]] = {
    "created": (),
    "title": (func.lower(func.coalesce(assets.c.title, "")),),
    "duration": (func.coalesce(assets.c.duration_ms, 0),),
}
_ASSET = [assets.c[name] for name in Asset.__annotations__]
_ANY = select(*_ASSET).where(assets.c.id == bindparam("asset"), assets.c.organization_id == bindparam("owner"))
_LIVING_ONE = _ANY.where(LIVING)


def _find(conn: Connection, organization_id: str, asset_id: str, query: Select[Any]) -> Asset:
    row = conn.execute(query, {"asset": asset_id, "owner": organization_id}).one_or_none()
    if row is None:
        raise not_found("asset", asset_id)
    return Asset(**row._mapping)


def get(conn: Connection, organization_id: str, asset_id: str) -> Asset:
    """The asset; `asset_not_found` where there is none of this organization, or it is deleted."""
    return _find(conn, organization_id, asset_id, _LIVING_ONE)


def get_restorable(conn: Connection, organization_id: str, asset_id: str, at_ms: int) -> Asset:
    """The asset, where it is there or can be restored; `asset_not_found`."""
    return _find(conn, organization_id, asset_id, _ANY.where(or_(LIVING, assets.c.purge_ms > at_ms)))


def get_any(conn: Connection, organization_id: str, asset_id: str) -> Asset:
    """The asset as long as it has a row, deleted or not; `asset_not_found`."""
    return _find(conn, organization_id, asset_id, _ANY)


def by_playback_id(conn: Connection, playback_id: str) -> Asset:
    """The asset of a playback ID, of whatever organization; `playback_not_found` where there is none."""
    row = None
    if is_playback_id(playback_id):
        row = conn.execute(select(*_ASSET).where(assets.c.playback_id == playback_id, LIVING)).one_or_none()
    if row is None:
        raise not_found("playback", playback_id)
    return Asset(**row._mapping)


class AssetOrder(StrEnum):
    """In which order assets are listed; `-` stands for the other way round."""

    NEWEST = "-created"
    OLDEST = "created"
    TITLE = "title"
    TITLE_DOWN = "-title"
    SHORTEST = "duration"
    LONGEST = "-duration"


@dataclass(frozen=True)
class AssetFilter:
    """Which assets are wanted: in one of these states, and with this text in their title, or with this identifier."""

    statuses: Sequence[str] = ()
    text: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """What their rows must meet."""
        found: list[ColumnElement[bool]] = [LIVING]
        if self.statuses:
            found.append(assets.c.status.in_(self.statuses))
        if self.text:
            in_title = func.lower(assets.c.title).contains(self.text.lower(), autoescape=True)
            found.append(or_(in_title, assets.c.id == self.text, assets.c.playback_id == self.text))
        return found


def list_assets(
    conn: Connection,
    organization_id: str,
    only: AssetFilter | None = None,
    *,
    limit: int = 20,
    cursor: str | None = None,
    order: AssetOrder = AssetOrder.NEWEST,
) -> Page[Asset]:
    """A page of assets, newest first or as it is ordered."""
    return _page(conn, organization_id, (only or AssetFilter()).conditions(), limit=limit, cursor=cursor, order=order)


def list_deleted(
    conn: Connection, organization_id: str, at_ms: int, *, limit: int = 20, cursor: str | None = None
) -> Page[Asset]:
    """A page of the assets that were deleted and can be restored, newest first."""
    return _page(conn, organization_id, [DELETED, assets.c.purge_ms > at_ms], limit=limit, cursor=cursor)


def _page(
    conn: Connection,
    organization_id: str,
    conditions: list[Any],
    *,
    limit: int,
    cursor: str | None,
    order: AssetOrder = AssetOrder.NEWEST,
) -> Page[Asset]:
    query = select(*_ASSET).where(assets.c.organization_id == organization_id, *conditions)
    name, down = order.removeprefix("-"), order.startswith("-")
    # Where two are alike the identifier decides, so that a cursor has one place.
    keys = [*_SORTED_BY[name], assets.c.id]
    last = parse_cursor("asset", cursor)
    if last is not None:
        place = tuple_(*_place(conn, organization_id, last, keys))
        query = query.where(tuple_(*keys) < place if down else tuple_(*keys) > place)
    by = [key.desc() if down else key.asc() for key in keys]
    rows = conn.execute(query.order_by(*by).limit(limit + 1)).all()
    return page_of([Asset(**row._mapping) for row in rows], [row.id for row in rows], limit)


def _place(conn: Connection, organization_id: str, asset_id: str, keys: Sequence[ColumnElement[Any]]) -> Sequence[Any]:
    """Where the list goes on after this asset; `invalid_cursor` where it has no place any more."""
    if len(keys) == 1:
        return (asset_id,)
    mine = assets.c.id == asset_id, assets.c.organization_id == organization_id
    row = conn.execute(select(*keys).where(*mine)).one_or_none()
    if row is None:
        raise invalid("invalid_cursor", "What the list was to go on after is gone; begin anew.")
    return tuple(row)


def get_source(conn: Connection, organization_id: str, source_id: str) -> Source:
    """The source; `source_not_found` where there is none of this organization."""
    query = select(sources).where(sources.c.id == source_id, sources.c.organization_id == organization_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("source", source_id)
    return Source(**row._mapping)


def has_good_job(conn: Connection, asset_id: str) -> bool:
    """Whether a job that makes the asset is done."""
    good = jobs.c.status == JobStatus.DONE, jobs.c.kind == JobKind.MEDIA
    return bool(conn.execute(select(exists().where(jobs.c.asset_id == asset_id, *good))).scalar())


def jobs_of(conn: Connection, asset_id: str) -> list[str]:
    """The identifiers of an asset's jobs."""
    return list(conn.execute(select(jobs.c.id).where(jobs.c.asset_id == asset_id)).scalars())


@dataclass(frozen=True)
class Gone:
    """What is to be taken for gone: conditions that assets, sources and artifacts may meet."""

    assets: ColumnElement[bool] = field(default_factory=false)
    sources: ColumnElement[bool] = field(default_factory=false)
    artifacts: ColumnElement[bool] = field(default_factory=false)


def belongings(conn: Connection, asset: Asset, gone: Gone) -> Belongings:
    """What nothing but this asset refers to, once all this is gone."""
    mine = select(interests.c.task_id).join(jobs, jobs.c.id == interests.c.job_id).where(jobs.c.asset_id == asset.id)
    wanted = interests.c.task_id == tasks.c.id, interests.c.job_id == jobs.c.id
    shared = exists().where(*wanted, jobs.c.asset_id == assets.c.id, _stays(asset, gone))
    rows = conn.execute(select(tasks.c.id, tasks.c.content_key).where(tasks.c.id.in_(mine), ~shared)).all()
    task_ids, keys = tuple(row.id for row in rows), tuple(row.content_key for row in rows)
    source = _own_source(conn, asset, gone)
    own_id = source.id if source else ""
    made = [
        row
        for row in _artifacts(conn, asset.organization_id, keys, gone)
        if row.stage != Fetch.name or not _is_held_by_sources(conn, asset, own_id, fetched_file(row), gone)
    ]
    logs = _logs_keys(conn, task_ids)
    prefixes, size_bytes = [row.storage_prefix for row in made], sum(row.size_bytes for row in made)
    for row in _texts(conn, asset.id):
        prefixes.append(row.storage_key)
        size_bytes += row.size_bytes
    if source is not None and not _is_held(conn, asset, source, prefixes, gone):
        prefixes.append(source.storage_key)
        size_bytes += source.size_bytes
    return Belongings(task_ids, keys, own_id or None, Removed((*prefixes, *logs), logs, size_bytes))


def _texts(conn: Connection, asset_id: str) -> list[AnyRow]:
    """Where those text tracks of an asset lie that have files of their own, and how much they hold."""
    query = select(text_tracks.c.storage_key, text_tracks.c.size_bytes).where(text_tracks.c.asset_id == asset_id)
    return list(conn.execute(query.where(text_tracks.c.content_key.is_(None))))


def _stays(asset: Asset, gone: Gone) -> ColumnElement[bool]:
    """The condition that an asset is another one, and stays."""
    return and_(assets.c.id != asset.id, ~gone.assets)


def _own_source(conn: Connection, asset: Asset, gone: Gone) -> Source | None:
    """The asset's source, where it is there still and no other asset is made from it."""
    if asset.source_id is None:
        return None
    taken = exists().where(sources.c.id == asset.source_id, gone.sources)
    shared = exists().where(assets.c.source_id == asset.source_id, _stays(asset, gone))
    if conn.execute(select(or_(taken, shared))).scalar():
        return None
    return get_source(conn, asset.organization_id, asset.source_id)


def _artifacts(conn: Connection, organization_id: str, content_keys: tuple[str, ...], gone: Gone) -> list[AnyRow]:
    found: list[AnyRow] = []
    for batch in batches(content_keys):
        query = select(artifacts.c.storage_prefix, artifacts.c.size_bytes, artifacts.c.stage, artifacts.c.facts)
        mine = artifacts.c.organization_id == organization_id, artifacts.c.content_key.in_(batch)
        found += conn.execute(query.where(*mine, ~gone.artifacts)).all()
    return found


def fetched_file(made: AnyRow) -> str:
    """Where the file of a `fetch` artifact lies, which is a source's."""
    return f"{made.storage_prefix}/{made.facts.get('file', 'source')}"


def _is_held_by_sources(conn: Connection, asset: Asset, own_id: str, fetched: str, gone: Gone) -> bool:
    """Whether what was fetched stays with the source of another asset, or has gone with the last of its sources."""
    if _is_shared(conn, asset, own_id, fetched, gone):
        return True
    here = sources.c.storage_key == fetched
    taken, left = exists().where(here, gone.sources), exists().where(here, ~gone.sources)
    return bool(conn.execute(select(and_(taken, ~left))).scalar())


def _is_shared(conn: Connection, asset: Asset, own_id: str, storage_key: str, gone: Gone) -> bool:
    """Whether the bytes at this key are those of another source that stays."""
    uses = assets.c.source_id == sources.c.id
    stays = or_(~exists().where(uses), exists().where(uses, _stays(asset, gone)))
    others = sources.c.storage_key == storage_key, sources.c.id != own_id, ~gone.sources
    return bool(conn.execute(select(exists().where(*others, stays))).scalar())


def _is_held(conn: Connection, asset: Asset, source: Source, prefixes: list[str], gone: Gone) -> bool:
    """Whether a source's bytes stay, or go with the artifact that they are a part of."""
    if _is_shared(conn, asset, source.id, source.storage_key, gone):
        return True
    folder = "/".join(source.storage_key.split("/")[:PARTS_OF_ARTIFACT])
    return folder in prefixes or artifact_at(conn, source.storage_key) is not None


def artifact_at(conn: Connection, storage_key: str) -> AnyRow | None:
    """The artifact (organization_id, content_key, storage_prefix, size_bytes) that an object is a part of, if any."""
    parts = storage_key.split("/")
    if len(parts) <= PARTS_OF_ARTIFACT or parts[2] != "artifacts":
        return None
    columns = (artifacts.c.organization_id, artifacts.c.content_key, artifacts.c.storage_prefix, artifacts.c.size_bytes)
    query = select(*columns).where(artifacts.c.organization_id == parts[1], artifacts.c.content_key == parts[3])
    prefix = "/".join(parts[:PARTS_OF_ARTIFACT])
    return conn.execute(query.where(artifacts.c.storage_prefix == prefix)).one_or_none()


def _logs_keys(conn: Connection, task_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Where the logs of tasks' attempts lie."""
    found: list[str] = []
    for batch in batches(task_ids):
        found += conn.execute(select(attempts.c.logs_key).where(attempts.c.task_id.in_(batch))).scalars()
    return tuple(found)


def object_in_use(conn: Connection, storage_key: str) -> bool:
    """Whether a source's bytes lie at this key, or below this prefix."""
    condition = (sources.c.storage_key == storage_key) | sources.c.storage_key.startswith(
        storage_key + "/", autoescape=True
    )
    return bool(conn.execute(select(exists().where(condition))).scalar())
