"""What is read about jobs."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    union_all,
)

from vidcompute.db import schema
from vidcompute.db.outbox import Event
from vidcompute.db.schema import assets, attempts, interests, jobs, one_of, sources, tasks
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.services.assets.models import Source
from vidcompute.services.jobs.models import PRIORITIES, AttemptFilter, Job, JobFilter, JobTask, ListedJob, Unplanned
from vidcompute.services.paging import Page, page_of, parse_cursor
from vidcompute.services.states import LIVE_JOBS, JobStatus, TaskStatus
from vidcompute.services.tasks.models import Artifact, Attempt, TaskAttempt
from vidcompute.services.tasks.moves import batches
from vidcompute.services.tasks.queries import WANTED_BY, of_job, waiting_organizations
from vidcompute.services.tasks.queries import artifacts as artifacts_by_key

AnyRow = Row[*tuple[Any, ...]]
_JOB = [jobs.c[name] for name in Job.__annotations__]
DEAD = and_(jobs.c.status == JobStatus.FAILED, one_of(jobs.c.error_kind, [kind for kind in Kind if kind.retryable]))
"""Jobs that used up the attempts at one of their tasks: another try may help, once its reason is gone."""
# A job is seen as long as its asset is.
_LIVING = ~exists().where(assets.c.id == jobs.c.asset_id, assets.c.purge_ms.is_not(None))
_ONE = select(*_JOB).where(jobs.c.id == bindparam("job"), jobs.c.organization_id == bindparam("owner"), _LIVING)
_LISTED = select(
    *(jobs.c[name] for name in ListedJob.__annotations__ if name in jobs.c),
    select(assets.c.playback_id).where(assets.c.id == jobs.c.asset_id).scalar_subquery().label("playback_id"),
).where(_LIVING)


def _with_priority(row: AnyRow) -> dict[str, Any]:
    return {**row._mapping, "priority": PRIORITIES[row.priority]}


def get_job(conn: Connection, organization_id: str, job_id: str) -> Job:
    """The job; `job_not_found` where there is none of this organization, or its asset is deleted."""
    row = conn.execute(_ONE, {"job": job_id, "owner": organization_id}).one_or_none()
    if row is None:
        raise not_found("job", job_id)
    return Job(**_with_priority(row))


def list_jobs(
    conn: Connection,
    organization_id: str,
    only: JobFilter | None = None,
    *,
    limit: int = 20,
    cursor: str | None = None,
) -> Page[ListedJob]:
    """A page of jobs, newest first."""
    query = _LISTED.where(jobs.c.organization_id == organization_id)
    last = parse_cursor("job", cursor)
    if last is not None:
        query = query.where(jobs.c.id < last)
    if only is not None:
        query = query.where(*_conditions(only))
    rows = conn.execute(query.order_by(jobs.c.id.desc()).limit(limit + 1)).all()
    return page_of([ListedJob(**_with_priority(row)) for row in rows], [row.id for row in rows], limit)


def list_attempts(
    conn: Connection,
    organization_id: str,
    job_id: str,
    only: AttemptFilter,
    *,
    limit: int = 20,
    cursor: str | None = None,
) -> Page[TaskAttempt]:
    """A page of the attempts at a job's tasks, newest first; those that were made for other jobs are among them."""
    get_job(conn, organization_id, job_id)
    last = parse_cursor("att", cursor)
    query = (
        select(*(attempts.c[name] for name in Attempt.__annotations__), tasks.c.stage, tasks.c.label)
        .join_from(attempts, tasks, tasks.c.id == attempts.c.task_id)
        .where(attempts.c.task_id.in_(of_job(job_id)))
    )
    if last is not None:
        query = query.where(attempts.c.id < last)
    if only.stage is not None:
        query = query.where(tasks.c.stage == only.stage)
    if only.outcome is not None:
        query = query.where(attempts.c.outcome == only.outcome)
    rows = [row._asdict() for row in conn.execute(query.order_by(attempts.c.id.desc()).limit(limit + 1))]
    found = [TaskAttempt(stage=row.pop("stage"), label=row.pop("label"), attempt=Attempt(**row)) for row in rows]
    return page_of(found, [one.attempt.id for one in found], limit)


def _conditions(only: JobFilter) -> Iterator[ColumnElement[bool]]:
    for name in ("status", "kind", "asset_id"):
        if getattr(only, name) is not None:
            yield jobs.c[name] == getattr(only, name)
    if only.dead is not None:
        yield DEAD if only.dead else not_(DEAD)
    if only.created_from_ms is not None:
        yield jobs.c.created_ms >= only.created_from_ms
    if only.created_to_ms is not None:
        yield jobs.c.created_ms < only.created_to_ms


_SEEN = ("id", "organization_id", "asset_id", "status", "kind", "step", "priority", "resume_from")
_ROW = select(*(jobs.c[name] for name in _SEEN)).where(jobs.c.id == bindparam("job"))
_OPEN = exists().where(
    interests.c.job_id == jobs.c.id,
    interests.c.active,
    tasks.c.id == interests.c.task_id,
    tasks.c.status != TaskStatus.DONE,
)
_HOW_FAR = select(*(jobs.c[name] for name in _SEEN), _OPEN.label("is_open")).where(one_of(jobs.c.status, LIVE_JOBS))
_OF_ONE = _HOW_FAR.where(jobs.c.id == bindparam("job"))
_OF_WANTING = _HOW_FAR.where(jobs.c.id.in_(WANTED_BY)).order_by(jobs.c.id)
_ALL_OF_STAGE = (
    select(jobs.c.id, jobs.c.organization_id, jobs.c.asset_id)
    .where(jobs.c.id.in_(WANTED_BY), ~_OPEN.where(tasks.c.stage == bindparam("stage")))
    .order_by(jobs.c.id)
)


def job_row(conn: Connection, job_id: str) -> AnyRow | None:
    """A job's status, step and owner, whoever's it is."""
    return conn.execute(_ROW, {"job": job_id}).one_or_none()


@cache
def _oldest_unplanned() -> Select[Any]:
    columns = [jobs.c[name] for name in Unplanned.__annotations__]
    of_rank = [
        select(*columns, jobs.c.priority, jobs.c.created_ms)
        .where(schema.UNPLANNED, jobs.c.organization_id == bindparam("owner"), jobs.c.priority == rank)
        .order_by(jobs.c.created_ms)
        .limit(bindparam("most"))
        .subquery()
        for rank in PRIORITIES
    ]
    found = union_all(*(select(ranked) for ranked in of_rank)).subquery()
    in_order = select(*(found.c[name] for name in Unplanned.__annotations__))
    return in_order.order_by(found.c.priority.desc(), found.c.created_ms).limit(bindparam("most"))


def unplanned(conn: Connection, limit: int = 50, after: str = "") -> list[Unplanned]:
    """Up to `limit` jobs whose next step is the dispatcher's, most urgent and oldest of each organization first.

    Organizations take turns; those after `after` are first.
    """
    owners = waiting_organizations(conn, jobs, schema.UNPLANNED, after, limit)
    share = -(-limit // max(1, len(owners)))
    found = [conn.execute(_oldest_unplanned(), {"owner": owner, "most": share}).all() for owner in owners]
    in_turn = [row for rows in zip_longest(*found) for row in rows if row is not None]
    return [Unplanned(**row._mapping) for row in in_turn[:limit]]


def overdue(conn: Connection, at_ms: int, limit: int) -> dict[str, VidComputeError]:
    """Up to `limit` live jobs whose deadline, or that of their wait, has passed: with the reason to fail."""
    late = select(jobs.c.id).where(schema.QUEUED_WITH_DEADLINE, jobs.c.queue_deadline_ms <= at_ms).limit(limit)
    waited = VidComputeError(Kind.CANCELLED, "job_waited_too_long", "It had not begun by the deadline for its wait.")
    found = dict.fromkeys(conn.execute(late).scalars(), waited)
    late = select(jobs.c.id).where(schema.LIVE_WITH_DEADLINE, jobs.c.deadline_ms <= at_ms).limit(limit)
    passed = VidComputeError(Kind.CANCELLED, "job_deadline_passed", "It was not done by its deadline.")
    return found | dict.fromkeys(conn.execute(late).scalars(), passed)


_NEXT_DEADLINES = select(
    select(func.min(jobs.c.queue_deadline_ms)).where(schema.QUEUED_WITH_DEADLINE).scalar_subquery(),
    select(func.min(jobs.c.deadline_ms)).where(schema.LIVE_WITH_DEADLINE).scalar_subquery(),
)


def next_deadline_ms(conn: Connection) -> int | None:
    """When the next deadline of a live job passes; None where none has one."""
    return min((at for at in conn.execute(_NEXT_DEADLINES).one() if at is not None), default=None)


def how_far(conn: Connection, job_id: str) -> AnyRow | None:
    """As `job_row`, of a live job, and whether it wants a task that isn't done (`is_open`)."""
    return conn.execute(_OF_ONE, {"job": job_id}).one_or_none()


def how_far_wanting(conn: Connection, task_id: str) -> list[AnyRow]:
    """As `how_far`, of every live job that wants this task, oldest first."""
    return list(conn.execute(_OF_WANTING, {"of_task": task_id}))


_WANTED = select(interests.c.plan_node_id, interests.c.task_id).where(interests.c.job_id == bindparam("job"))


def wanted(conn: Connection, job_id: str) -> dict[str, str]:
    """The tasks that a job has, by the ids of its plan's nodes ("encode/3"; also "fetch" and "probe")."""
    return {row.plan_node_id: row.task_id for row in conn.execute(_WANTED, {"job": job_id})}


def done_with(conn: Connection, task_id: str, stage: str) -> list[AnyRow]:
    """The jobs that want this task and no other of its stage that isn't done: id, owner, asset."""
    return list(conn.execute(_ALL_OF_STAGE, {"of_task": task_id, "stage": stage}))


_INTERESTS = (
    select(
        interests.c.plan_node_id,
        interests.c.position,
        tasks.c.id,
        tasks.c.stage,
        tasks.c.label,
        tasks.c.status,
        tasks.c.content_key,
        tasks.c.attempt,
        tasks.c.error_code,
        tasks.c.error_detail,
        tasks.c.waits_for,
        tasks.c.ready_ms,
        tasks.c.started_ms,
        tasks.c.ended_ms,
    )
    .join_from(interests, tasks, tasks.c.id == interests.c.task_id)
    .where(interests.c.job_id == bindparam("job"))
    .order_by(interests.c.position)
)


def interest_rows(conn: Connection, job_id: str) -> list[AnyRow]:
    """A job's tasks in the order of its plan, with what a stage's view needs of them."""
    return list(conn.execute(_INTERESTS, {"job": job_id}))


def tasks_of(conn: Connection, organization_id: str, job_id: str) -> list[JobTask]:
    """A job's tasks in the order of its plan, each with where its attempts' logs lie, first to last."""
    get_job(conn, organization_id, job_id)
    rows = interest_rows(conn, job_id)
    mine = select(interests.c.task_id).where(interests.c.job_id == job_id)
    query = select(attempts.c.task_id, attempts.c.logs_key).where(attempts.c.task_id.in_(mine))
    logs: dict[str, list[str]] = {}
    for row in conn.execute(query.order_by(attempts.c.number)):
        logs.setdefault(row.task_id, []).append(row.logs_key)
    return [
        JobTask(r.id, r.stage, r.plan_node_id, r.status, r.content_key, r.attempt, tuple(logs.get(r.id, ())))
        for r in rows
    ]


def artifacts_of(conn: Connection, organization_id: str, job_id: str) -> dict[str, Artifact]:
    """The artifacts that a job has by now, by the id of the plan's node ("encode/3"; also "fetch" and "probe")."""
    rows = interest_rows(conn, job_id)
    found = artifacts_by_key(conn, organization_id, [row.content_key for row in rows])
    return {row.plan_node_id: found[row.content_key] for row in rows if row.content_key in found}


def live_attempt(conn: Connection, task_id: str) -> str | None:
    """The attempt that is at a task now."""
    query = select(attempts.c.id).where(attempts.c.task_id == task_id, attempts.c.outcome.is_(None))
    return conn.execute(query).scalar()


def source_of_asset(conn: Connection, asset_id: str) -> Source | None:
    """The source that an asset is made from; None where it isn't fetched yet."""
    query = select(sources).join_from(assets, sources, sources.c.id == assets.c.source_id)
    row = conn.execute(query.where(assets.c.id == asset_id)).one_or_none()
    return None if row is None else Source(**row._mapping)


def events_of_job(
    conn: Connection, organization_id: str, job_id: str, after_seq: int, *, limit: int = 500
) -> list[Event]:
    """Events after `after_seq` of the job, of its asset and of its tasks, oldest first: what SSE sends.

    Tasks that it shares with older jobs are told of from the job's own beginning.
    """
    job = get_job(conn, organization_id, job_id)
    table = schema.events
    mine = select(interests.c.task_id).where(interests.c.job_id == job_id)
    about = or_(table.c.subject_id.in_([job.id, job.asset_id]), table.c.subject_id.in_(mine))
    first = select(func.min(table.c.seq)).where(table.c.subject_id == job.id).scalar_subquery()
    beginning = and_(table.c.subject_id == job.asset_id, table.c.type == "asset.created")
    query = (
        select(table)
        .where(table.c.seq > after_seq, about, or_(table.c.seq >= first, beginning))
        .order_by(table.c.seq)
        .limit(limit)
    )
    return [Event(**row._mapping) for row in conn.execute(query)]


def dead_ids(conn: Connection, organization_id: str, limit: int) -> list[str]:
    """Up to `limit` dead jobs, oldest first."""
    query = select(jobs.c.id).where(jobs.c.organization_id == organization_id, DEAD, _LIVING)
    return list(conn.execute(query.order_by(jobs.c.id).limit(limit)).scalars())


def count_dead(conn: Connection, organization_id: str) -> int:
    """How many dead jobs there are."""
    query = select(func.count()).select_from(jobs).where(jobs.c.organization_id == organization_id, DEAD, _LIVING)
    return conn.execute(query).scalar() or 0


def _to_place() -> Select[Any]:
    oldest = (
        select(interests.c.task_id, func.min(interests.c.job_id).label("job_id"))
        .where(interests.c.task_id.in_(bindparam("task_ids", expanding=True)), interests.c.active)
        .group_by(interests.c.task_id)
        .subquery()
    )
    source = sources.c.digest.label("source_digest"), sources.c.storage_key.label("source_key")
    return select(tasks, oldest.c.job_id, jobs.c.asset_id, *source).select_from(
        oldest.join(tasks, tasks.c.id == oldest.c.task_id)
        .join(jobs, jobs.c.id == oldest.c.job_id)
        .join(assets, assets.c.id == jobs.c.asset_id)
        .outerjoin(sources, sources.c.id == assets.c.source_id)
    )


_TO_PLACE = _to_place()


def to_place(conn: Connection, task_ids: Iterable[str]) -> dict[str, AnyRow]:
    """Those of these tasks that a job wants, by id: all of each, with the oldest such job, its asset and its source."""
    return {row.id: row for row in conn.execute(_TO_PLACE, {"task_ids": list(task_ids)})}


def dependencies(conn: Connection, task_ids: list[str]) -> list[tuple[str, str]]:
    """Pairs of these tasks and what each needs."""
    table = schema.task_dependencies
    found: list[tuple[str, str]] = []
    for batch in batches(task_ids):
        query = select(table.c.task_id, table.c.needs_id).where(table.c.task_id.in_(batch))
        found += [(row.task_id, row.needs_id) for row in conn.execute(query)]
    return found
