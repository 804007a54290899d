"""Going on with a job that has ended: what failed, or a stage over again with all that depends on it."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, update

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import interests
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.pipeline.plan import Plan, dependents
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import assets, quotas
from vidcompute.services.jobs import attaching, moves, queries, reserving
from vidcompute.services.jobs.models import Deadlines, Job, Requeued, Resumed
from vidcompute.services.quotas import Quota
from vidcompute.services.states import ENDED_JOBS, REQUEUE, JobKind, JobStatus, TaskStatus


def retry(
    conn: Connection, organization_id: str, job_id: str, resume_from: str | None = None, traceparent: str | None = None
) -> Resumed:
    """Queue a job that has ended again. What is done stays done; everything else gets its full number of attempts.

    With `resume_from`, that stage and what depends on it run again, done or not. What was made before is served until
    it is made anew. Raises `job_not_ended` (conflict) for a live job, `job_done` (conflict) for one that has nothing
    left to do, `stage_unknown` for a stage that the job doesn't have, and `quota_jobs` or `quota_encode_minutes`.
    """
    job = queries.get_job(conn, organization_id, job_id)
    if resume_from is not None:
        _check(job, resume_from)
    elif job.status == JobStatus.DONE:
        detail = "The job is done: there is nothing to try again. Name a stage in resume_from to do a part over."
        raise VidComputeError(Kind.CONFLICT, "job_done", detail)
    if job.status in ENDED_JOBS:
        quotas.take(conn, organization_id, {Quota.JOBS: 1})
    resumed = _queue_again(conn, job, resume_from, traceparent)
    if job.plan:
        open_ids = {row.plan_node_id for row in queries.interest_rows(conn, job_id) if row.status != TaskStatus.DONE}
        nodes = [node for node in Plan.from_json(job.plan).nodes if node.id in open_ids]
        reserving.reserve(conn, organization_id, job_id, nodes)
    return resumed


def remake(conn: Connection, organization_id: str, job_id: str) -> Resumed:
    """Queue a job again that was done, and of whose outputs some are lost: what is there stays.

    What the platform has lost is held against nobody's limits.
    """
    return _queue_again(conn, queries.get_job(conn, organization_id, job_id), None, None)


def _queue_again(conn: Connection, job: Job, resume_from: str | None, traceparent: str | None) -> Resumed:
    organization_id, job_id = job.organization_id, job.id
    cleared = {"error_kind": None, "error_code": None, "error_detail": None}
    fresh = {
        "started_ms": None,
        "ended_ms": None,
        "resume_from": resume_from,
        "encode_reserved_ms": 0,
        "traceparent": traceparent,  # what follows belongs to the request that asked for it
        **asdict(Deadlines.of(job.spec, now_ms())),
    }
    if not moves.move(conn, REQUEUE, job_id, **fresh, **cleared):
        raise VidComputeError(Kind.CONFLICT, "job_not_ended", f"The job is {job.status}; cancel it first.")
    if job.kind == JobKind.MEDIA:
        assets.mark_preparing(conn, job.asset_id)
        assets.use(conn, job.asset_id, job_id=job_id)
    conn.execute(update(interests).where(interests.c.job_id == job_id).values(active=True))
    again = {node.id for node in dependents(Plan.from_json(job.plan), resume_from)} if job.plan and resume_from else ()
    attaching.revive(conn, organization_id, job_id, again)
    rows = queries.interest_rows(conn, job_id)
    runs = _once(row.stage for row in rows if row.status != TaskStatus.DONE)
    reused = _once(row.stage for row in rows if row.stage not in runs)
    moves.settle(conn, job_id)
    return Resumed(queries.get_job(conn, organization_id, job_id), runs, reused)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def requeue_dead(conn: Connection, organization_id: str, limit: int, traceparent: str | None = None) -> Requeued:
    """Queue up to `limit` dead jobs again, oldest first, each with its full number of attempts."""
    places = quotas.standing(conn, organization_id).uses[Quota.JOBS].left
    most = limit if places is None else min(limit, max(1, places))  # where there is none, the first one says so
    ids = tuple(queries.dead_ids(conn, organization_id, most))
    for job_id in ids:
        retry(conn, organization_id, job_id, traceparent=traceparent)
    return Requeued(ids, queries.count_dead(conn, organization_id))


def _check(job: Job, stage: str) -> None:
    """Only stages of the plan can be resumed from: what comes before decides what the plan is."""
    known = [name for name in Plan.from_json(job.plan).stages() if name != "probe"] if job.plan else []
    if stage not in known:
        detail = f"The job can't be resumed from {stage!r}. Its stages are: {', '.join(known) or 'none yet'}."
        raise invalid("stage_unknown", detail, FieldProblem("/resume_from", detail, "stage_unknown"))


def follow(conn: Connection, organization_id: str, spec: JobSpec, earlier_id: str) -> JobSpec:
    """The spec of a job on the video of an earlier one, by its source: what it leaves out is as it was there.

    Raises `job_not_found`, `stage_unknown` where it resumes from a stage that the earlier job doesn't have, and
    `source_missing` (conflict) where that took frames out of an asset whose source is not kept any more.
    """
    earlier = queries.get_job(conn, organization_id, earlier_id)
    if spec.resume_from is not None:
        _check(earlier, spec.resume_from)
    source = queries.source_of_asset(conn, earlier.asset_id)
    if source is None and earlier.kind == JobKind.FRAMES:
        raise VidComputeError(Kind.CONFLICT, "source_missing", "The source of its asset is not kept any more.")
    video = earlier.spec["input"] if source is None else {"source": source.id}
    given = spec.model_dump(mode="json", exclude_unset=True, exclude={"resume_from"})
    return JobSpec.model_validate({**earlier.spec, "expires_at": None, **given, "input": video})
