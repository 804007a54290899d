"""Jobs: list, read, cancel, retry, plan."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api import job_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import OptionalJson
from vidcompute.api.declared import Cursor, JobId, Limit, problems
from vidcompute.api.deps import Given
from vidcompute.api.idempotency import response_of
from vidcompute.api.times import Asked, milliseconds
from vidcompute.api.tracing import traceparent_of
from vidcompute.api.views import attempt_view, job_view, plan_view, summary_view
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import Outcome
from vidcompute.services import jobs
from vidcompute.services.idempotency import Answer
from vidcompute.services.jobs import AttemptFilter, JobFilter
from vidcompute.services.states import JobStatus

router = APIRouter(prefix="/api/v1", tags=["jobs"])

Since = Annotated[
    Asked | None,
    Query(description="Only jobs created at this time or later (RFC 3339).", examples=["2026-11-21T00:00:00Z"]),
]
Before = Annotated[
    Asked | None,
    Query(description="Only jobs created before this time (RFC 3339).", examples=["2026-11-22T00:00:00Z"]),
]


async def _filter(
    *,
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state.")] = None,
    kind: Annotated[str | None, Query(max_length=40, description='Only jobs of this kind, such as "media".')] = None,
    asset_id: Annotated[str | None, Query(max_length=100, description="Only jobs of this asset.")] = None,
    created_from: Since = None,
    created_to: Before = None,
    dead: Annotated[
        bool | None,
        Query(description="Only jobs that used up the attempts at one of their tasks, or (false) none of them."),
    ] = None,
) -> JobFilter:
    return JobFilter(status, kind, milliseconds(created_from), milliseconds(created_to), asset_id, dead)


async def _attempt_filter(
    stage: Annotated[str | None, Query(max_length=40, description="Only attempts of this stage.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only attempts that ended so.")] = None,
) -> AttemptFilter:
    return AttemptFilter(stage, outcome)


@router.get("/jobs", operation_id="list_jobs", summary="List jobs", responses=problems(400, 401, 422))
async def list_jobs(
    caller: Caller, deps: Given, only: Annotated[JobFilter, Depends(_filter)], limit: Limit = 20, cursor: Cursor = None
) -> schemas.JobPage:
    """Jobs, newest first."""

    def read(conn: Connection) -> schemas.JobPage:
        page = jobs.list_jobs(conn, caller.organization_id, only, limit=limit, cursor=cursor)
        items = [summary_view(job, deps.base_url) for job in page.items]
        return schemas.JobPage(items=items, next_cursor=page.next_cursor)

    return await deps.db.read(read)


@router.get("/jobs/{job_id}", operation_id="get_job", summary="Read a job", responses=problems(401, 404))
async def get_job(job_id: JobId, caller: Caller, deps: Given) -> schemas.Job:
    """The job with its stages, progress and outputs."""
    return await deps.db.read(job_view, caller.organization_id, job_id, deps.hub, deps.base_url)


@router.delete("/jobs/{job_id}", operation_id="cancel_job", summary="Cancel a job", responses=problems(401, 404, 409))
async def cancel_job(job_id: JobId, caller: Caller, deps: Given) -> schemas.Job:
    """Cancel a job that has not ended. Its processes are gone within 2 s; what is done stays."""

    def work(conn: Connection) -> schemas.Job:
        jobs.cancel(conn, caller.organization_id, job_id)
        return job_view(conn, caller.organization_id, job_id, deps.hub, deps.base_url)

    return await deps.db.write(work)


@router.post(
    "/jobs/{job_id}/retry",
    operation_id="retry_job",
    summary="Try a job again",
    response_class=Response,
    responses=problems(
        400,
        401,
        404,
        409,
        413,
        422,
        own={200: {"model": schemas.ResumedJob, "description": "The job is queued again; what of it runs."}},
    ),
)
async def retry_job(
    request: Request,
    wanted: OptionalJson[schemas.Resumption],
    job_id: JobId,
    caller: Caller,
    deps: Given,
) -> Response:
    """Queue a job that has ended again. What is done is not done again, but for a stage that is named."""

    def work(conn: Connection) -> Answer:
        resumed = jobs.retry(conn, caller.organization_id, job_id, wanted.resume_from, traceparent_of(request))
        view = job_view(conn, caller.organization_id, job_id, deps.hub, deps.base_url)
        return Answer(200, {**view.model_dump(mode="json"), "runs": resumed.runs, "reused": resumed.reused})

    return response_of(await deps.db.write(work))


@router.post(
    "/jobs/requeue",
    operation_id="requeue_dead_jobs",
    summary="Try dead jobs again",
    response_class=Response,
    responses=problems(
        401, 409, own={200: {"model": schemas.Requeued, "description": "Up to `limit` dead jobs, oldest first."}}
    ),
)
async def requeue_dead(request: Request, caller: Caller, deps: Given, limit: Limit = 100) -> Response:
    """Queue the jobs again that used up the attempts at one of their tasks. For a single one there is its `retry`."""

    def work(conn: Connection) -> Answer:
        return Answer(200, asdict(jobs.requeue_dead(conn, caller.organization_id, limit, traceparent_of(request))))

    return response_of(await deps.db.write(work))


@router.get(
    "/jobs/{job_id}/attempts",
    operation_id="list_attempts",
    summary="List the attempts of a job",
    responses=problems(400, 401, 404, 422),
)
async def list_attempts(
    job_id: JobId,
    caller: Caller,
    deps: Given,
    *,
    only: Annotated[AttemptFilter, Depends(_attempt_filter)],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> schemas.AttemptPage:
    """The history of its tasks, newest first: each execution with its node, its times, and why it did not succeed."""
    page = await deps.db.read(jobs.list_attempts, caller.organization_id, job_id, only, limit=limit, cursor=cursor)
    return schemas.AttemptPage(items=[attempt_view(found) for found in page.items], next_cursor=page.next_cursor)


@router.get(
    "/jobs/{job_id}/plan", operation_id="get_job_plan", summary="Read a job's plan", responses=problems(401, 404, 409)
)
async def get_plan(job_id: JobId, caller: Caller, deps: Given) -> schemas.PlanView:
    """The graph of tasks, with what each is expected to cost. There is none before the source was probed."""
    plan = await deps.db.read(plan_view, caller.organization_id, job_id)
    if plan is None:
        raise VidComputeError(Kind.CONFLICT, "not_planned_yet", "The job has no plan before its source was probed.")
    return plan
