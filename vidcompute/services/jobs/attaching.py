"""From plan to tasks: existing ones are shared, done ones are not run again, missing ones are made."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, update

from vidcompute.db.outbox import NewEvent, emit, emit_all, now_ms
from vidcompute.db.schema import interests, jobs, task_dependencies, tasks
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode, dependents
from vidcompute.services import assets
from vidcompute.services.jobs import moves, queries, reserving
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
from vidcompute.services.tasks.queries import artifact_keys, by_content_keys

TermsOf = Callable[[PlanNode], Terms]
_FRESH = {"failures": 0, "losses": 0, "error_kind": None, "error_code": None, "error_detail": None, "ended_ms": None}


@dataclass
class _Attached:
    """What has become of the plan's nodes so far: task and status by node id, and rows to be inserted."""

    tasks: dict[str, str]
    by_key: dict[str, str]
    status: dict[str, str]
    rows: list[dict[str, Any]]
    dependencies: list[dict[str, str]]


def attach_prelude(
    conn: Connection, job_id: str, node: PlanNode, key: str, terms: TermsOf, *, step: JobStep, digest: str = ""
) -> bool:
    """Give a job its `fetch` or `probe` task; False where the job doesn't wait for it any more.

    `step` is the one that the job is in from now on; `digest` is the source's where the node reads the source.
    """
    expected = JobStep.ARRIVED if step == JobStep.FETCHING else JobStep.FETCHED
    if not _waits(conn, job_id, expected):
        return False
    moves.set_step(conn, job_id, step)
    position = 0 if step == JobStep.FETCHING else 1
    _attach(conn, job_id, [node], {node.id: key}, terms, digest=digest, first_position=position)
    moves.settle(conn, job_id)
    return True


def attach_plan(
    conn: Connection, job_id: str, plan: Plan, keys: Mapping[str, str], terms: TermsOf, *, digest: str
) -> bool:
    """Record a job's plan and give it its tasks; False where the job doesn't wait for a plan any more.

    Raises `quota_encode_minutes` (forbidden) where it would encode more than its organization may.
    """
    if not _waits(conn, job_id, JobStep.PROBED):
        return False
    row = queries.job_row(conn, job_id)
    again = {node.id for node in dependents(plan, row.resume_from)} if row and row.resume_from else set()
    if row is not None:
        encodes = reserving.to_encode(conn, row.organization_id, plan.nodes, keys, again)
        reserving.reserve(conn, row.organization_id, job_id, encodes)
    conn.execute(update(jobs).where(jobs.c.id == job_id).values(plan=plan.to_json(), step=JobStep.PLANNED))
    if row is not None:
        data = {"job_id": job_id, "asset_id": row.asset_id, "stages": plan.stages(), "tasks": len(plan.nodes)}
        emit(conn, row.organization_id, "job.planned", job_id, data)
    _attach(conn, job_id, plan.nodes, keys, terms, digest=digest, first_position=2, again=again)
    moves.settle(conn, job_id)
    return True


def _waits(conn: Connection, job_id: str, step: JobStep) -> bool:
    row = queries.job_row(conn, job_id)
    return row is not None and row.status in LIVE_JOBS and row.step == step


def _attach(
    conn: Connection,
    job_id: str,
    nodes: Sequence[PlanNode],
    keys: Mapping[str, str],
    terms: TermsOf,
    *,
    digest: str,
    first_position: int,
    again: Collection[str] = (),
) -> None:
    row = queries.job_row(conn, job_id)
    if row is None:
        return
    existing = by_content_keys(conn, row.organization_id, keys.values())
    with_artifact = artifact_keys(conn, row.organization_id, keys.values())
    found = _Attached({}, {}, {}, [], [])
    known = {r.plan_node_id for r in queries.interest_rows(conn, job_id)}  # a plan may name the probe as well
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
            found.rows.append(named | _row(row, node, terms(node)) | {"inputs": _inputs(node, keys, digest)})
            found.dependencies += [{"task_id": task_id, "needs_id": need} for need in dict.fromkeys(needs)]
        found.tasks[node.id] = found.by_key[key] = task_id
    _insert(conn, row.organization_id, found)
    wanted = [
        {"job_id": job_id, "plan_node_id": node_id, "task_id": task_id, "position": position, "active": True}
        for position, (node_id, task_id) in enumerate(found.tasks.items(), first_position)
        if node_id not in known
    ]
    if wanted:
        conn.execute(insert(interests), wanted)
    reprice(conn, job_id)
    for task_id, status in found.status.items():
        if status in OWNED_TASKS:
            moves.begin_wanting(conn, task_id)
            break


def _reconcile(conn: Connection, task_id: str, status: str, *, done: bool, blocked: bool) -> str:
    """Bring an existing task back to life where it has ended without an artifact; the status that it has then."""
    if done or status not in ENDED_TASKS:
        return status
    fresh = {**_FRESH, "ready_ms": None if blocked else now_ms()}
    move(conn, REVIVE_WAITING if blocked else REVIVE, task_id, values=fresh)
    return TaskStatus.WAITING if blocked else TaskStatus.READY


def _row(job: Any, node: PlanNode, terms: Terms) -> dict[str, Any]:
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


def adopt_source(conn: Connection, job_id: str, facts: Mapping[str, Any], storage_prefix: str) -> None:
    """Make the fetched file the source of the job's asset.

    `facts` are those of the `fetch` artifact: digest, size_bytes, name, and `file`, the file's path in it.
    """
    row = queries.job_row(conn, job_id)
    if row is None or row.status not in LIVE_JOBS:
        return
    try:
        source = assets.add_source(
            conn,
            row.organization_id,
            digest=facts["digest"],
            size_bytes=facts["size_bytes"],
            storage_key=f"{storage_prefix}/{facts.get('file', 'source')}",
            name=str(facts.get("name", ""))[:1000],
        )
    except KeyError as error:
        raise VidComputeError(Kind.INTERNAL, "fetch_facts_missing", f"The fetch did not tell {error}.") from error
    assets.use(conn, row.asset_id, source_id=source.id)
