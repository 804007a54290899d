"""What is read of how long things are kept, and of what a clean-up takes.

A clean-up takes nothing that something refers to which stays, and no source that a job at work may read. What is over
at an instant does not depend on what of it was taken by then: one that was cut short, and begun again, takes the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, and_, exists, false, or_, select

from vidcompute.db.schema import (
    DELETED,
    EXPIRING,
    artifacts,
    assets,
    attempts,
    interests,
    jobs,
    one_of,
    organizations,
    sources,
    tasks,
)
from vidcompute.errors import not_found
from vidcompute.ids import created_ms
from vidcompute.pipeline.stages.frames import Frames
from vidcompute.services import assets as asset_service
from vidcompute.services.assets import Source
from vidcompute.services.assets.queries import Gone, artifact_at
from vidcompute.services.retention.models import Prepared, Retention, Taken, What
from vidcompute.services.states import LIVE_JOBS
from vidcompute.services.tasks.moves import batches

AnyRow = Row[*tuple[Any, ...]]
_KINDS = tuple(field.name for field in fields(Retention))


def retention(conn: Connection, organization_id: str) -> Retention:
    """How long an organization keeps what it has; `organization_not_found`."""
    query = select(organizations.c.id, organizations.c.retention).where(organizations.c.id == organization_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("organization", organization_id)
    return Retention(**{name: (row.retention or {}).get(name) for name in _KINDS})


def all_organizations(conn: Connection) -> list[str]:
    """The identifiers of all organizations."""
    return list(conn.execute(select(organizations.c.id).order_by(organizations.c.id)).scalars())


def live_jobs(conn: Connection, asset_id: str) -> list[str]:
    """The jobs of an asset that have not ended."""
    query = select(jobs.c.id).where(jobs.c.asset_id == asset_id, one_of(jobs.c.status, LIVE_JOBS))
    return list(conn.execute(query).scalars())


def before(at_ms: int, kept_s: int | None) -> int | None:
    """What was before then is not kept any more; None where everything is."""
    return None if kept_s is None else at_ms - 1000 * kept_s


@dataclass(frozen=True)
class Due:
    """Whose clean-up it is, of which instant, and how long they keep what they have."""

    organization_id: str
    at_ms: int
    kept: Retention

    @classmethod
    def of(cls, conn: Connection, organization_id: str, at_ms: int) -> "Due":
        """That of an organization as it is now."""
        return cls(organization_id, at_ms, retention(conn, organization_id))


# -- assets that their time takes: with them ends what is at work for them, so that this hinders nothing


def _is_over(asset: FromClause, due: Due) -> ColumnElement[bool]:
    """Whether the time of an asset is over that is there: its own, or else that of its organization."""
    own = and_(asset.c.expires_ms.is_not(None), asset.c.expires_ms < due.at_ms)
    cutoff_ms = before(due.at_ms, due.kept.outputs_s)
    usual = false() if cutoff_ms is None else and_(asset.c.expires_ms.is_(None), asset.c.created_ms < cutoff_ms)
    return and_(asset.c.purge_ms.is_(None), or_(own, usual))


def expiring(conn: Connection, due: Due, after: str, limit: int) -> list[Prepared]:
    """Assets that are there and should not be, by identifier."""
    over = _is_over(assets, due)
    found: dict[str, str] = {}
    for among in (EXPIRING, assets.c.expires_ms.is_(None)):  # the first is an index of its own
        query = select(assets.c.id, assets.c.title).where(among, assets.c.organization_id == due.organization_id, over)
        rows = conn.execute(query.where(assets.c.id > after).order_by(assets.c.id).limit(limit))
        found.update({row.id: row.title or "" for row in rows})
    return [Prepared(Taken(What.EXPIRY, key, found[key], 0)) for key in sorted(found)[:limit]]


def is_over(conn: Connection, organization_id: str, asset_id: str, at_ms: int) -> bool:
    """Whether the time of an asset is over."""
    over = _is_over(assets, Due.of(conn, organization_id, at_ms))
    return bool(conn.execute(select(exists().where(assets.c.id == asset_id, over))).scalar())


# -- sources


def _is_gone(asset: FromClause, due: Due) -> ColumnElement[bool]:
    """Whether an asset was deleted and can't be restored any more."""
    return and_(asset.c.purge_ms.is_not(None), asset.c.purge_ms < due.at_ms)


def _at_work(source: FromClause, due: Due) -> ColumnElement[bool]:
    """Whether a job that goes on reads the bytes of a source, be it as another source."""
    worker, theirs = assets.alias("worker"), sources.alias("theirs")
    same = (theirs.c.organization_id == source.c.organization_id) & (theirs.c.digest == source.c.digest)
    working = (jobs.c.asset_id == worker.c.id) & one_of(jobs.c.status, LIVE_JOBS)
    return exists().where(same, worker.c.source_id == theirs.c.id, working, ~_is_over(worker, due))


def _expired(source: FromClause, due: Due) -> ColumnElement[bool]:
    """Whether a source's time is over: it is old, and no younger asset that stays was made from it."""
    cutoff_ms = before(due.at_ms, due.kept.sources_s)
    if cutoff_ms is None:
        return false()
    younger = exists().where(
        assets.c.source_id == source.c.id, assets.c.created_ms >= cutoff_ms, ~_is_gone(assets, due)
    )
    return and_(source.c.created_ms < cutoff_ms, ~younger, ~_at_work(source, due))


def due_sources(conn: Connection, due: Due, after: str, limit: int) -> list[Source]:
    """Sources that are not kept any more, by identifier."""
    if due.kept.sources_s is None:
        return []
    query = select(sources).where(sources.c.organization_id == due.organization_id, sources.c.id > after)
    rows = conn.execute(query.where(_expired(sources, due)).order_by(sources.c.id).limit(limit))
    return [Source(**row._mapping) for row in rows]


def expired_sources(conn: Connection, due: Due, after: str, limit: int) -> list[Prepared]:
    """Sources that are not kept any more, each with what goes with it."""
    return [source_going(conn, source, due) for source in due_sources(conn, due, after, limit)]


def source_going(conn: Connection, row: Source, due: Due) -> Prepared:
    """What goes with a source when those that are due before it have gone."""
    others = sources.c.storage_key == row.storage_key, sources.c.id != row.id
    goes_before = and_(sources.c.id < row.id, _expired(sources, due))
    if conn.execute(select(exists().where(*others, ~goes_before))).scalar():
        return Prepared(Taken(What.SOURCE, row.id, row.name, 0))
    fetched = artifact_at(conn, row.storage_key)
    if fetched is None:
        return Prepared(Taken(What.SOURCE, row.id, row.name, row.size_bytes), (row.storage_key,))
    if _is_wanted(conn, fetched.content_key, due):
        return Prepared(Taken(What.SOURCE, row.id, row.name, 0))
    return Prepared(Taken(What.SOURCE, row.id, row.name, fetched.size_bytes), (fetched.storage_prefix,))


def _is_wanted(conn: Connection, content_key: str, due: Due) -> bool:
    """Whether a job that goes on wants this artifact."""
    made = tasks.c.organization_id == due.organization_id, tasks.c.content_key == content_key
    wanted = interests.c.task_id == tasks.c.id, interests.c.active, jobs.c.id == interests.c.job_id
    staying = assets.c.id == jobs.c.asset_id, ~_is_over(assets, due)
    return bool(conn.execute(select(exists().where(*made, *wanted, *staying))).scalar())


def made_from(conn: Connection, source_id: str) -> list[str]:
    """The assets that are made from a source."""
    return list(conn.execute(select(assets.c.id).where(assets.c.source_id == source_id)).scalars())


# -- archives of frames


def _outdated(due: Due) -> ColumnElement[bool]:
    """Whether an artifact is an archive of frames whose time is over: no job that stays was at it since."""
    cutoff_ms = before(due.at_ms, due.kept.frames_s)
    if cutoff_ms is None:
        return false()
    made = tasks.c.organization_id == artifacts.c.organization_id, tasks.c.content_key == artifacts.c.content_key
    wanted = *made, interests.c.task_id == tasks.c.id, jobs.c.id == interests.c.job_id, assets.c.id == jobs.c.asset_id
    recent = or_(jobs.c.ended_ms.is_(None), jobs.c.ended_ms >= cutoff_ms)
    needed = exists().where(*wanted, recent, ~_is_gone(assets, due))
    return and_(artifacts.c.stage == Frames.name, artifacts.c.created_ms < cutoff_ms, ~needed)


def expired_frames(conn: Connection, due: Due, after: str, limit: int) -> list[Prepared]:
    """Archives of frames that are not kept any more, by content key."""
    if due.kept.frames_s is None:
        return []
    query = select(artifacts.c.content_key, artifacts.c.storage_prefix, artifacts.c.size_bytes).where(
        artifacts.c.organization_id == due.organization_id, artifacts.c.content_key > after, _outdated(due)
    )
    rows = conn.execute(query.order_by(artifacts.c.content_key).limit(limit)).all()
    return [
        Prepared(Taken(What.FRAMES, row.content_key, "frames", row.size_bytes), (row.storage_prefix,)) for row in rows
    ]


def wanting(conn: Connection, organization_id: str, content_key: str) -> list[tuple[str, str]]:
    """The assets whose jobs asked for an artifact, each with its name in their plan, such as "frames/3"."""
    made = tasks.c.organization_id == organization_id, tasks.c.content_key == content_key
    joined = jobs.join(interests, interests.c.job_id == jobs.c.id).join(tasks, tasks.c.id == interests.c.task_id)
    query = select(jobs.c.asset_id, interests.c.plan_node_id).select_from(joined).distinct()
    return [(row.asset_id, row.plan_node_id) for row in conn.execute(query.where(*made).order_by(jobs.c.asset_id))]


# -- deleted assets


def purgeable(conn: Connection, due: Due, after: str, limit: int) -> list[str]:
    """Assets that can't be restored any more, by identifier."""
    query = select(assets.c.id).where(DELETED, assets.c.organization_id == due.organization_id, assets.c.id > after)
    query = query.where(_goes(due))
    return list(conn.execute(query.order_by(assets.c.id).limit(limit)).scalars())


def is_going(conn: Connection, due: Due, asset_id: str) -> bool:
    """Whether an asset is one that can't be restored any more, and goes."""
    return bool(conn.execute(select(exists().where(assets.c.id == asset_id, _goes(due)))).scalar())


def _goes(due: Due) -> ColumnElement[bool]:
    """Whether an asset goes for good: it can't be restored, and nothing at work reads its source."""
    mine = sources.alias("mine")
    at_work = exists().where(mine.c.id == assets.c.source_id, _at_work(mine, due))
    return and_(_is_gone(assets, due), ~at_work)


def purging(conn: Connection, due: Due, after: str, limit: int) -> list[Prepared]:
    """Deleted assets, with all that goes with each when everything else, and those before it, have gone."""
    found: list[Prepared] = []
    for asset_id in purgeable(conn, due, after, limit):
        earlier = and_(_goes(due), assets.c.id < asset_id)
        found.append(purge_of(conn, due, asset_id, Gone(earlier, _expired(sources, due), _outdated(due))))
    return found


def purge_of(conn: Connection, due: Due, asset_id: str, gone: Gone | None = None) -> Prepared:
    """What goes with a deleted asset, but for logs whose time is over: those go by themselves."""
    asset = asset_service.get_any(conn, due.organization_id, asset_id)
    removed = asset_service.belongings(conn, asset, gone or Gone()).removed
    cutoff_ms = before(due.at_ms, due.kept.logs_s)
    logs = tuple(key for key in removed.logs if cutoff_ms is None or log_ms(key) >= cutoff_ms)
    prefixes = tuple(prefix for prefix in removed.prefixes if prefix not in removed.logs)
    return Prepared(Taken(What.ASSET, asset_id, asset.title or "", removed.size_bytes), (*prefixes, *logs), logs)


# -- logs


def log_ms(key: str) -> int:
    """When the attempt began whose log lies at this key."""
    return created_ms(attempt_of(key))


def attempt_of(key: str) -> str:
    """The attempt whose log lies at this key."""
    return key.rpartition("/")[2].removesuffix(".log")


def under_way(conn: Connection, attempt_ids: Iterable[str]) -> set[str]:
    """Those of these attempts that have not ended."""
    found: set[str] = set()
    for batch in batches(attempt_ids):
        query = select(attempts.c.id).where(attempts.c.id.in_(batch), attempts.c.outcome.is_(None))
        found.update(conn.execute(query).scalars())
    return found
