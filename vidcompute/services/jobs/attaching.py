"""From plan to tasks: existing ones are shared, done ones are not run again, missing ones are made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from vidcompute.db.outbox import NewEvent, emit, emit_all, now_ms
from vidcompute.db.schema import interests, jobs, task_dependencies, tasks
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode, dependents
from vidcompute.services import assets
from vidcompute.services.assets import Source
from vidcompute.services.jobs import moves, queries, reserving, tracks
from vidcompute.services.jobs.models import Unplanned
from vidcompute.services.jobs.prelude import First, Prelude, TermsOf
from vidcompute.services.states import (
    ENDED_TASKS,
    LIVE_JOBS,
    OWNED_TASKS,
    REVIVE,
    REVIVE_WAITING,
    JobStep,
    TaskStatus,
)
from vidcompute.services.tasks.interests import reprice
from vidcompute.services.tasks.models import Terms
from vidcompute.services.tasks.moves import move
from vidcompute.services.tasks.queries import AnyRow, artifact_keys, by_content_keys

_FRESH = {"failures": 0, "losses": 0, "error_kind": None, "error_code": None, "error_detail": None, "ended_ms": None}
_FIRST_OF_PLAN = 2  # the position of a plan's first node: those of what comes before it are less
_CHANGED = (
    update(interests)
    .where(interests.c.job_id == bindparam("of_job"), interests.c.plan_node_id == bindparam("of_node"))
    .values(task_id=bindparam("to_task"), active=True)
)


@dataclass(frozen=True)
class Wanting:
    """A job as those see it who give it tasks. `tasks` are those that it has, by the ids of its plan's nodes."""

    id: str
    organization_id: str
    priority: int
    tasks: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Attached:
    """What has become of the plan's nodes so far: task and status by node id, and rows to be inserted."""

    tasks: dict[str, str]
    by_key: dict[str, str]
    status: dict[str, str]
    rows: list[dict[str, Any]]
    dependencies: list[dict[str, str]]


def attach_first(conn: Connection, prelude: Prelude, job: Unplanned) -> None:
    """Give a job its fetch task, or its probe task where its source is there; nothing where it doesn't wait for it."""
    row = _waiting(conn, job.id, job.step)
    if row is None:
        return
    source = queries.source_of_asset(conn, row.asset_id)
    if source is None and row.step == JobStep.FETCHED:
        source = _adopt_source(conn, row, prelude.fetching(job.spec).id)
    first = prelude.first(row.organization_id, job.id, job.spec, source.digest if source else None)
    moves.set_step(conn, job.id, first.step)
    attach_task(conn, _wanting(conn, row), first)


def attach_task(conn: Connection, job: Wanting, first: First) -> None:
    """Give a job, which is in the step `first.step`, this task."""
    position = 0 if first.step == JobStep.FETCHING else 1
    keys = {first.node.id: first.key}
    _attach(conn, job, [first.node], keys, first.terms, digest=first.digest, first_position=position)


def attach_plan(
    conn: Connection, job_id: str, plan: Plan, keys: Mapping[str, str], terms: TermsOf, *, digest: str
) -> bool:
    """Record a job's plan and give it its tasks; False where the job doesn't wait for a plan any more.

    Raises `quota_encode_minutes` (forbidden) where it would encode more than its organization may.
    """
    row = _waiting(conn, job_id, JobStep.PROBED)
    if row is None:
        return False
    again = {node.id for node in dependents(plan, row.resume_from)} if row.resume_from else set()
    encodes = reserving.to_encode(conn, row.organization_id, plan.nodes, keys, again)
    reserving.reserve(conn, row.organization_id, job_id, encodes)
    conn.execute(update(jobs).where(jobs.c.id == job_id).values(plan=plan.to_json(), step=JobStep.PLANNED))
    data = {"job_id": job_id, "asset_id": row.asset_id, "stages": plan.stages(), "tasks": len(plan.nodes)}
    emit(conn, row.organization_id, "job.planned", job_id, data)
    _attach(
        conn,
        _wanting(conn, row),
        plan.nodes,
        keys,
        terms,
        digest=digest,
        first_position=_FIRST_OF_PLAN,
        again=again,
    )
    return True


def _waiting(conn: Connection, job_id: str, step: str) -> AnyRow | None:
    """The row of a live job that is in this step; None where it has gone on, or has ended."""
    row = queries.job_row(conn, job_id)
    return row if row is not None and row.status in LIVE_JOBS and row.step == step else None


def _wanting(conn: Connection, row: AnyRow) -> Wanting:
    return Wanting(row.id, row.organization_id, row.priority, queries.wanted(conn, row.id))


def _attach(
    conn: Connection,
    job: Wanting,
    nodes: Sequence[PlanNode],
    keys: Mapping[str, str],
    terms: TermsOf,
    *,
    digest: str,
    first_position: int,
    again: Collection[str] = (),
) -> None:
    existing = by_content_keys(conn, job.organization_id, keys.values())
    with_artifact = artifact_keys(conn, job.organization_id, existing)
    found = _Attached({}, {}, {}, [], [])
    for node in nodes:
        key = keys[node.id]
        needs = [found.tasks[i] for i in node.needs_nodes]
        blocked = any(found.status[task] != TaskStatus.DONE for task in needs)
        if key in found.by_key:  # two nodes of one plan that ask for the very same thing
            found.tasks[node.id] = found.by_key[key]
            continue
        if key in existing:
            task_id = existing[key].id
            done = existing[key].status == TaskStatus.DONE and key in with_artifact and node.id not in again
            found.status[task_id] = _reconcile(conn, task_id, existing[key].status, done=done, blocked=blocked)
        else:
            task_id = new_id("task")
            found.status[task_id] = TaskStatus.WAITING if blocked else TaskStatus.READY
            position = first_position + len(found.tasks)
            named = {"id": task_id, "content_key": key, "status": found.status[task_id], "position": position}
            found.rows.append(named | _row(job, node, terms(node)) | {"inputs": _inputs(node, keys, digest)})
            found.dependencies += [{"task_id": task_id, "needs_id": need} for need in dict.fromkeys(needs)]
        found.tasks[node.id] = found.by_key[key] = task_id
    _insert(conn, job.organization_id, found)
    _want(conn, job, found, first_position)
    if existing:  # what is new has the job's own priority
        reprice(conn, job.id)
    _follow(conn, job.id, nodes, found)


def _want(conn: Connection, job: Wanting, found: _Attached, first_position: int) -> None:
    """Record the job's interests. Where a node is another task now (another ffmpeg probes), that one is wanted."""
    wanted = [
        {"job_id": job.id, "plan_node_id": node_id, "task_id": task_id, "position": position, "active": True}
        for position, (node_id, task_id) in enumerate(found.tasks.items(), first_position)
        if node_id not in job.tasks
    ]
    if wanted:
        conn.execute(insert(interests), wanted)
    for node_id, task_id in found.tasks.items():
        if job.tasks.get(node_id, task_id) != task_id:
            conn.execute(_CHANGED, {"of_job": job.id, "of_node": node_id, "to_task": task_id})


def _follow(conn: Connection, job_id: str, nodes: Sequence[PlanNode], found: _Attached) -> None:
    """See how far the job is with what others have begun, or done, of its tasks."""
    made = {node_id for node_id, task_id in found.tasks.items() if found.status[task_id] == TaskStatus.DONE}
    tracks.tell_of_plan(conn, job_id, nodes, made, found.tasks)
    for task_id, status in found.status.items():
        if status in OWNED_TASKS:
            moves.begin_wanting(conn, task_id)
            break
    if all(status == TaskStatus.DONE for status in found.status.values()):
        moves.settle(conn, job_id)


def _reconcile(conn: Connection, task_id: str, status: str, *, done: bool, blocked: bool) -> str:
    """Bring an existing task back to life where it has ended without an artifact; the status that it has then."""
    if done or status not in ENDED_TASKS:
        return status
    fresh = {**_FRESH, "ready_ms": None if blocked else now_ms()}
    move(conn, REVIVE_WAITING if blocked else REVIVE, task_id, values=fresh)
    return TaskStatus.WAITING if blocked else TaskStatus.READY


def _row(job: Wanting, node: PlanNode, terms: Terms) -> dict[str, Any]:
    at = now_ms()
    return {
        "organization_id": job.organization_id,
        "stage": node.stage,
        "label": node.id,
        "version": node.version,
        "options": dict(node.options),
        "encoder": node.encoder,
        "needs": asdict(terms.needs),
        "timeout_s": terms.timeout_s,
        "background": terms.background,
        "priority": job.priority,
        "attempt": 0,
        "failures": 0,
        "losses": 0,
        "created_ms": at,
        "ready_ms": at,  # where it has to wait, this is set again when it needn't
    }


def _inputs(node: PlanNode, keys: Mapping[str, str], digest: str) -> list[Any]:
    return [
        [name, [f"{SOURCE}:{digest}" if i == SOURCE else keys[i] for i in ids]] for name, ids in node.inputs.items()
    ]


def _insert(conn: Connection, organization_id: str, found: _Attached) -> None:
    if found.rows:
        conn.execute(insert(tasks), found.rows)
    if found.dependencies:
        conn.execute(insert(task_dependencies), found.dependencies)
    emit_all(
        conn,
        [
            NewEvent(
                organization_id,
                f"task.{row['status']}",
                row["id"],
                {"task_id": row["id"], "stage": row["stage"], "label": row["label"], "status": str(row["status"])},
            )
            for row in found.rows
        ],
    )


def revive(conn: Connection, organization_id: str, job_id: str, again: Collection[str] = ()) -> None:
    """Bring the ended tasks of a job that is tried again back to life, except those whose artifact is there.

    `again` are plan nodes whose tasks run even so.
    """
    rows = queries.interest_rows(conn, job_id)
    with_artifact = artifact_keys(conn, organization_id, [row.content_key for row in rows])
    needed = _dependencies(conn, [row.id for row in rows])
    status: dict[str, str] = {}
    for row in rows:
        blocked = any(status.get(need, TaskStatus.DONE) != TaskStatus.DONE for need in needed.get(row.id, ()))
        made = row.status == TaskStatus.DONE and row.content_key in with_artifact
        done = made and row.plan_node_id not in again
        status[row.id] = _reconcile(conn, row.id, row.status, done=done, blocked=blocked)
    reprice(conn, job_id)


def _dependencies(conn: Connection, task_ids: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for task_id, needs_id in queries.dependencies(conn, task_ids):
        found.setdefault(task_id, []).append(needs_id)
    return found


def _adopt_source(conn: Connection, job: AnyRow, node_id: str) -> Source:
    """Make what this node of a job fetched the source of its asset; `source_missing` where it isn't there any more.

    The facts of a `fetch` artifact are digest, size_bytes, name, and `file`, the file's path in it.
    """
    artifact = queries.artifacts_of(conn, job.organization_id, job.id).get(node_id)
    if artifact is None:
        raise VidComputeError(Kind.INTERNAL, "source_missing", "The fetched source is not there any more.")
    facts = artifact.facts
    try:
        source = assets.add_source(
            conn,
            job.organization_id,
            digest=facts["digest"],
            size_bytes=facts["size_bytes"],
            storage_key=f"{artifact.storage_prefix}/{facts.get('file', 'source')}",
            name=str(facts.get("name", ""))[:1000],
        )
    except KeyError as error:
        raise VidComputeError(Kind.INTERNAL, "fetch_facts_missing", f"The fetch did not tell {error}.") from error
    assets.use(conn, job.asset_id, source_id=source.id)
    return source
