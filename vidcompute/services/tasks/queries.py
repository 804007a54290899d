"""What is read about tasks, attempts and artifacts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    Table,
    TextClause,
    Update,
    bindparam,
    exists,
    func,
    select,
    true,
    union_all,
)

from vidcompute.db.schema import READY, attempts, interests, jobs, one_of, sources, task_dependencies, tasks
from vidcompute.db.schema import artifacts as artifacts_table
from vidcompute.errors import not_found
from vidcompute.ports.executor import Needs, Outcome
from vidcompute.services.states import LIVE_TASKS, UNBLOCK, TaskStatus
from vidcompute.services.tasks.models import Artifact, Attempt, Placed, Ready, ReadyTask
from vidcompute.services.tasks.moves import batches, update_where

AnyRow = Row[*tuple[Any, ...]]
RANKS = (2, 1, 0)  # high, normal, low
_MADE = (artifacts_table.c.organization_id == tasks.c.organization_id) & (
    artifacts_table.c.content_key == tasks.c.content_key
)


@cache
def _waiting(table: Table, condition: TextClause) -> Select[Any]:
    """The organizations with such rows, those after `after` first: one step in the index for each, not for each row."""
    owner = table.c.organization_id
    after: BindParameter[str] = bindparam("after")
    # Not by min(), for which SQLite goes through all of them; and one lower bound alone, for it could take the other.
    any_ = select(owner).where(condition).order_by(owner).limit(1)
    laps = []
    for lap, first, bound in (("later", owner > after, true()), ("sooner", owner <= after, owner <= after)):
        found = select(any_.where(first).scalar_subquery().label("id")).cte(lap, recursive=True)
        further = any_.where(bound, owner > found.c.id).scalar_subquery()
        found = found.union_all(select(further).where(found.c.id.is_not(None)))
        laps.append(select(found.c.id).where(found.c.id.is_not(None)))
    both = union_all(*laps).subquery()
    return select(both.c.id).limit(bindparam("most"))


def waiting_organizations(
    conn: Connection, table: Table, condition: TextClause, after: str = "", most: int = 64
) -> list[str]:
    """Up to `most` organizations with rows that meet an index's condition, by name: those after `after` first.

    Asked again after the last one, they come round in turn.
    """
    return list(conn.execute(_waiting(table, condition), {"after": after, "most": most}).scalars())


# Who submitted it may have a clock that is ahead, or one that was set back since: it has no time to wait for.
_NEVER_TRIED = tasks.c.failures + tasks.c.losses == 0
_SINCE_MS = tasks.c.ready_ms + 0  # a sum, lest SQLite take the index by time, and sort all of them


@cache
def _oldest_ready() -> Select[Any]:
    columns = [tasks.c[name] for name in ReadyTask.__annotations__]
    of_kind = [
        select(*columns)
        .where(
            READY,
            tasks.c.organization_id == bindparam("owner"),
            tasks.c.background == background,
            tasks.c.priority == rank,
            _NEVER_TRIED | (bindparam("at") >= _SINCE_MS),
        )
        .order_by(tasks.c.created_ms, tasks.c.position)
        .limit(bindparam("most_behind" if background else "most_ahead"))
        .subquery()
        for background in (False, True)
        for rank in RANKS
    ]
    return select(union_all(*(select(one) for one in of_kind)).subquery())


def ready_tasks(conn: Connection, at_ms: int, limit: int, after: str = "") -> Ready:
    """Tasks that may start now: the oldest of each priority, of up to `limit` organizations in turn after `after`.

    Foreground tasks are counted apart from background ones, so that a probe is found behind hours of encoding; they are
    short, so that a quarter as many will do. The more organizations wait, the fewer of each are given, down to 4. The
    cost doesn't grow with the queue.
    """
    owners = waiting_organizations(conn, tasks, READY, after, limit)
    behind = max(4, limit // max(1, len(owners)))
    ahead = max(4, behind // 4)
    found: list[ReadyTask] = []
    more = len(owners) == limit
    for owner in owners:
        asked = {"owner": owner, "at": at_ms, "most_behind": behind, "most_ahead": ahead}
        rows = conn.execute(_oldest_ready(), asked).all()
        alike = Counter((row.background, row.priority) for row in rows)
        more = more or any(count == (behind if background else ahead) for (background, _), count in alike.items())
        found += map(_ready, rows)
    return Ready(found, more)


def _ready(row: AnyRow) -> ReadyTask:
    values = dict(row._mapping)
    inputs = tuple(key for _, keys in values["inputs"] for key in keys)
    return ReadyTask(**{**values, "needs": Needs(**values["needs"]), "inputs": inputs})


def next_ready_ms(conn: Connection, after_ms: int) -> int | None:
    """When the next task that waits for a further attempt may start; None where none does."""
    found = conn.execute(_NEXT_READY, {"after": after_ms}).one()
    return min((at for at in found if at is not None), default=None)


_NEXT_READY = select(
    *(
        select(tasks.c.ready_ms)
        .where(READY, tasks.c.priority == rank, tasks.c.ready_ms > bindparam("after"))
        .order_by(tasks.c.ready_ms)
        .limit(1)
        .scalar_subquery()
        for rank in RANKS
    )
)


def owned(conn: Connection, attempt_ids: Iterable[str]) -> set[str]:
    """Those of these attempts that are still to go on: neither ended nor cancelled in the database."""
    live: set[str] = set()
    for batch in batches(attempt_ids):
        query = select(attempts.c.id).where(attempts.c.id.in_(batch), attempts.c.outcome.is_(None))
        live.update(conn.execute(query).scalars())
    return live


def unwanted(conn: Connection, job_id: str) -> list[str]:
    """The live tasks of a job in which no job has an active interest."""
    wanted = exists().where(interests.c.task_id == tasks.c.id, interests.c.active)
    query = select(tasks.c.id).where(tasks.c.id.in_(of_job(job_id)), one_of(tasks.c.status, LIVE_TASKS), ~wanted)
    return list(conn.execute(query).scalars())


def highest_priority() -> Select[tuple[int]]:
    """The highest priority among a task's active interests, as a subquery of a statement on tasks."""
    return (
        select(func.max(jobs.c.priority))
        .select_from(interests.join(jobs, jobs.c.id == interests.c.job_id))
        .where(interests.c.task_id == tasks.c.id, interests.c.active)
        .correlate(tasks)
    )


def _unblock() -> Update:
    needs = task_dependencies.alias("needs")
    other = tasks.alias("other")
    mine = select(task_dependencies.c.task_id).where(task_dependencies.c.needs_id == bindparam("of_id"))
    open_ = (
        select(needs.c.task_id)
        .select_from(needs.join(other, other.c.id == needs.c.needs_id))
        .where(needs.c.task_id == tasks.c.id, other.c.status != TaskStatus.DONE)
        .correlate(tasks)
    )
    return update_where(UNBLOCK, tasks.c.id.in_(mine) & ~open_.exists(), ["ready_ms"])


UNBLOCK_AFTER = _unblock()
"""Moves what waited for the task `of_id`, and for nothing else that isn't done; sets `to_ready_ms`."""


def by_content_keys(conn: Connection, organization_id: str, keys: Iterable[str]) -> dict[str, AnyRow]:
    """The tasks that exist for content keys: id, status, by key."""
    found: dict[str, AnyRow] = {}
    for batch in batches(keys):
        query = select(tasks.c.content_key, tasks.c.id, tasks.c.status).where(
            tasks.c.organization_id == organization_id, tasks.c.content_key.in_(batch)
        )
        found.update({row.content_key: row for row in conn.execute(query)})
    return found


_ARTIFACTS = select(artifacts_table).where(
    artifacts_table.c.organization_id == bindparam("owner"),
    artifacts_table.c.content_key.in_(bindparam("keys", expanding=True)),
)


def artifacts(conn: Connection, organization_id: str, keys: Iterable[str]) -> dict[str, Artifact]:
    """The artifacts that exist for content keys, by key."""
    found: dict[str, Artifact] = {}
    for batch in batches(keys):
        rows = conn.execute(_ARTIFACTS, {"owner": organization_id, "keys": batch})
        found.update({row.content_key: Artifact(**row._mapping) for row in rows})
    return found


def facts_of(conn: Connection, task_ids: Iterable[str]) -> list[Mapping[str, Any]]:
    """What the artifacts of these tasks say of themselves; nothing for tasks that have none."""
    found: list[Mapping[str, Any]] = []
    for batch in batches(task_ids):
        query = select(artifacts_table.c.facts).join_from(tasks, artifacts_table, _MADE).where(tasks.c.id.in_(batch))
        found += conn.execute(query).scalars()
    return found


def artifact_keys(conn: Connection, organization_id: str, keys: Iterable[str]) -> set[str]:
    """Those of these content keys that have an artifact."""
    found: set[str] = set()
    for batch in batches(keys):
        query = select(artifacts_table.c.content_key).where(
            artifacts_table.c.organization_id == organization_id, artifacts_table.c.content_key.in_(batch)
        )
        found.update(conn.execute(query).scalars())
    return found


def with_artifact(conn: Connection, task_ids: Iterable[str]) -> list[str]:
    """Those of these tasks that have an artifact."""
    found: list[str] = []
    for batch in batches(task_ids):
        query = select(tasks.c.id).join_from(tasks, artifacts_table, _MADE).where(tasks.c.id.in_(batch))
        found += conn.execute(query).scalars()
    return found


def artifact(conn: Connection, organization_id: str, content_key: str) -> Artifact:
    """The artifact of a content key; `artifact_not_found` where there is none."""
    found = artifacts(conn, organization_id, [content_key])
    if content_key not in found:
        raise not_found("artifact", content_key)
    return found[content_key]


_SOURCE_KEY = (
    select(sources.c.storage_key)
    .where(sources.c.organization_id == bindparam("organization"), sources.c.digest == bindparam("digest"))
    .order_by(sources.c.id.desc())
    .limit(1)
)


def source_key(conn: Connection, organization_id: str, digest: str) -> str:
    """Where the bytes of a source with this tree digest lie in storage."""
    found: str | None = conn.execute(_SOURCE_KEY, {"organization": organization_id, "digest": digest}).scalar()
    if found is None:
        raise not_found("source", digest)
    return found


_TASK = select(tasks).where(tasks.c.id == bindparam("task"))
_TASK_OF = select(attempts.c.task_id).where(attempts.c.id == bindparam("attempt"))
_WANTING = select(interests.c.job_id).where(interests.c.task_id == bindparam("task"), interests.c.active).distinct()


WANTED_BY = select(interests.c.job_id).where(interests.c.task_id == bindparam("of_task"), interests.c.active)
"""As a subquery: the jobs with an active interest in the task `of_task`."""


def of_job(job_id: str) -> Select[tuple[str]]:
    """As a subquery: the tasks in which a job has, or had, an interest."""
    return select(interests.c.task_id).where(interests.c.job_id == job_id)


def task_row(conn: Connection, task_id: str) -> AnyRow:
    """All of a task."""
    return conn.execute(_TASK, {"task": task_id}).one()


def task_of_attempt(conn: Connection, attempt_id: str) -> str | None:
    """The task of an attempt; None where there is none (its job was deleted)."""
    return conn.execute(_TASK_OF, {"attempt": attempt_id}).scalar()


def made(conn: Connection, task_id: str, attempt_id: str) -> bool:
    """Whether the artifact of a task is what this attempt made."""
    query = select(artifacts_table.c.attempt_id).join_from(tasks, artifacts_table, _MADE).where(tasks.c.id == task_id)
    return conn.execute(query).scalar() == attempt_id


def live_attempts(conn: Connection) -> list[AnyRow]:
    """The attempts that have no outcome, with their tasks' losses."""
    query = (
        select(attempts.c.id, attempts.c.task_id, attempts.c.number, tasks.c.losses)
        .join_from(attempts, tasks, tasks.c.id == attempts.c.task_id)
        .where(attempts.c.outcome.is_(None))
    )
    return list(conn.execute(query))


def placed(conn: Connection) -> list[Placed]:
    """What is on the nodes now, oldest first."""
    job = (
        select(func.min(interests.c.job_id))
        .where(interests.c.task_id == tasks.c.id, interests.c.active)
        .correlate(tasks)
        .scalar_subquery()
    )
    own = [attempts.c.id, attempts.c.organization_id, attempts.c.node, attempts.c.created_ms]
    query = (
        select(*own, tasks.c.stage, tasks.c.label, tasks.c.needs, job.label("job_id"))
        .join_from(attempts, tasks, tasks.c.id == attempts.c.task_id)
        .where(attempts.c.outcome.is_(None))
        .order_by(attempts.c.created_ms)
    )
    return [Placed(**{**row._mapping, "needs": Needs(**row.needs)}) for row in conn.execute(query)]


_ATTEMPTS = (
    select(*(attempts.c[name] for name in Attempt.__annotations__))
    .where(attempts.c.task_id.in_(bindparam("task_ids", expanding=True)))
    .order_by(attempts.c.task_id, attempts.c.number)
)


def attempts_of(conn: Connection, task_ids: Iterable[str]) -> dict[str, list[Attempt]]:
    """The attempts of tasks, first to last, by task."""
    found: dict[str, list[Attempt]] = {}
    for batch in batches(task_ids):
        for row in conn.execute(_ATTEMPTS, {"task_ids": batch}):
            found.setdefault(row.task_id, []).append(Attempt(**row._mapping))
    return found


def lost_attempts(conn: Connection, attempt_ids: Iterable[str]) -> list[Attempt]:
    """Those of these attempts that are lost."""
    columns = [attempts.c[name] for name in Attempt.__annotations__]
    found: list[Attempt] = []
    for batch in batches(attempt_ids):
        query = select(*columns).where(attempts.c.id.in_(batch), attempts.c.outcome == Outcome.LOST)
        found += [Attempt(**row._mapping) for row in conn.execute(query)]
    return found


def wanting_jobs(conn: Connection, task_id: str) -> list[str]:
    """The jobs with an active interest in a task, oldest first."""
    return sorted(conn.execute(_WANTING, {"task": task_id}).scalars())
