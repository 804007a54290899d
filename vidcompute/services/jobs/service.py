"""Requests of users: submit, cancel, and where what was made lies. All run inside the caller's transaction."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, insert

from vidcompute.db.outbox import emit, now_ms, together
from vidcompute.db.schema import jobs
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.ids import new_id
from vidcompute.media.titles import title_of
from vidcompute.pipeline.plan import Plan
from vidcompute.pipeline.spec import AssetInput, JobInput, JobSpec, UploadInput, UrlInput
from vidcompute.pipeline.stages.frames import ZIP_NAME
from vidcompute.services import assets, quotas
from vidcompute.services.assets import Asset, Source
from vidcompute.services.jobs import attaching, moves, queries, resuming
from vidcompute.services.jobs.models import RANKS, Deadlines, Job, OutputPlace
from vidcompute.services.jobs.prelude import Prelude
from vidcompute.services.quotas import Quota
from vidcompute.services.states import ENDED_JOBS, JobKind, JobStatus, JobStep
from vidcompute.services.tasks.queries import artifacts

_NEW = insert(jobs)


def submit(
    conn: Connection,
    organization_id: str,
    spec: JobSpec,
    *,
    source: Source | None = None,
    traceparent: str | None = None,
    prelude: Prelude | None = None,
) -> Job:
    """A new job, queued. `source` is the uploaded one where the spec's input names it (looked up if not).

    It has an asset of its own, but for frames of one that is there.

    `traceparent` is the request's W3C trace context, where that is traced. With a `prelude` the job has its first task
    at once, and only waits for a place; else the dispatcher gives it that.
    Raises `source_not_found` or `job_not_found` where the spec names one that this organization doesn't have,
    `stage_unknown` where it resumes from a stage that the earlier job doesn't have, and `expiry_past`; `quota_jobs`,
    `quota_encode_minutes` or, where the video is still to be fetched, `quota_stored_bytes`; `asset_not_found`, and
    `source_missing` (conflict) where the asset has no source (yet, or any more).
    """
    resume_from = spec.resume_from
    if isinstance(spec.input, JobInput):
        spec = resuming.follow(conn, organization_id, spec, spec.input.job)
    if isinstance(spec.input, AssetInput):
        return _take_frames(conn, organization_id, spec, spec.input.asset, traceparent=traceparent, prelude=prelude)
    if source is None and isinstance(spec.input, UploadInput):
        source = assets.get_source(conn, organization_id, spec.input.source)
    wanted = {Quota.JOBS: 1, Quota.ENCODE_MINUTES: 1}  # how much it will encode is known when it is planned
    quotas.take(conn, organization_id, wanted if source else {**wanted, Quota.STORED_BYTES: 1})
    job_id = new_id("job")
    with together(conn):
        asset = assets.create(
            conn,
            organization_id,
            title=spec.title or _name_of(spec, source),
            passthrough=spec.passthrough,
            metadata=spec.metadata,
            source_id=source.id if source else None,
            job_id=job_id,
            playback_policy=spec.playback_policy,
            expires_ms=round(spec.expires_at.timestamp() * 1000) if spec.expires_at else None,
        )
        # one instant for both: the job's events begin with the asset's
        values = _row(job_id, asset, spec, kind=JobKind.MEDIA, created_ms=asset.created_ms, traceparent=traceparent)
        values |= {"step": JobStep.ARRIVED if source is None else JobStep.FETCHED, "resume_from": resume_from}
        _begin(conn, values, source, prelude)
    return queries.get_job(conn, organization_id, job_id)


def _take_frames(
    conn: Connection,
    organization_id: str,
    spec: JobSpec,
    asset_id: str,
    *,
    traceparent: str | None,
    prelude: Prelude | None,
) -> Job:
    """A job that takes frames out of an asset, which stays as it is, whatever becomes of the job."""
    asset = assets.get(conn, organization_id, asset_id)
    if asset.source_id is None:
        detail = "The source of this asset is not here: it is still to be fetched, or is not kept any more."
        raise VidComputeError(Kind.CONFLICT, "source_missing", detail)
    quotas.take(conn, organization_id, {Quota.JOBS: 1})
    job_id = new_id("job")
    values = _row(job_id, asset, spec, kind=JobKind.FRAMES, created_ms=now_ms(), traceparent=traceparent)
    values["step"] = JobStep.FETCHED
    with together(conn):
        _begin(conn, values, assets.get_source(conn, organization_id, asset.source_id), prelude)
    return queries.get_job(conn, organization_id, job_id)


def _row(
    job_id: str, asset: Asset, spec: JobSpec, *, kind: JobKind, created_ms: int, traceparent: str | None
) -> dict[str, Any]:
    """The row of a new job, but for how far it is."""
    return {
        "id": job_id,
        "organization_id": asset.organization_id,
        "asset_id": asset.id,
        "status": JobStatus.QUEUED,
        "kind": str(kind),
        "priority": RANKS[spec.priority],
        "resume_from": None,
        "spec": spec.model_dump(mode="json"),
        "passthrough": spec.passthrough,
        "traceparent": traceparent,
        "created_ms": created_ms,
        **asdict(Deadlines.of(spec.model_dump(), created_ms)),
    }


def _begin(conn: Connection, values: Mapping[str, Any], source: Source | None, prelude: Prelude | None) -> None:
    """Record a job, with its first task where a prelude says what that is."""
    job = attaching.Wanting(values["id"], values["organization_id"], values["priority"])
    digest = source.digest if source else None
    first = prelude.first(job.organization_id, job.id, values["spec"], digest) if prelude else None
    conn.execute(_NEW, {**values, "step": first.step} if first else values)
    data = {"job_id": job.id, "asset_id": values["asset_id"], "kind": values["kind"], "status": str(JobStatus.QUEUED)}
    emit(conn, job.organization_id, "job.created", job.id, data)
    if first is not None:
        attaching.attach_task(conn, job, first)


def _name_of(spec: JobSpec, source: Source | None) -> str | None:
    """A title for people: the uploaded file's name, or the last part of the URL's path."""
    if source is not None:
        return source.name[:500] or None
    if not isinstance(spec.input, UrlInput):
        return None
    return title_of(unquote(urlsplit(str(spec.input.url)).path)) or None


def cancel(conn: Connection, organization_id: str, job_id: str) -> Job:
    """Cancel a live job. A cancelled one stays as it is; `job_ended` (conflict) for one that is done or failed."""
    job = queries.get_job(conn, organization_id, job_id)
    if job.status in {JobStatus.DONE, JobStatus.FAILED}:
        raise VidComputeError(Kind.CONFLICT, "job_ended", f"The job is {job.status} and can't be cancelled any more.")
    moves.cancel(conn, job_id)
    return queries.get_job(conn, organization_id, job_id)


def plan_of(job: Job) -> Plan | None:
    """The job's plan; None while there is none."""
    return None if job.plan is None else Plan.from_json(job.plan)


def place_of_frames(conn: Connection, organization_id: str, job_id: str, output: int | None = None) -> OutputPlace:
    """Where the frames are that a job's output number `output` asked for (left out: the first such output).

    Raises `frames_not_found` where it asked for none, or where they will not come any more: the job has ended
    without them.
    """
    job = queries.get_job(conn, organization_id, job_id)
    wanted = [n for n, asked in enumerate(job.spec["outputs"]) if asked["type"] == "frames" and output in {None, n}]
    if not wanted:
        raise not_found("frames", job_id)
    node_id = f"frames/{wanted[0]}"
    row = next((row for row in queries.interest_rows(conn, job_id) if row.plan_node_id == node_id), None)
    made = artifacts(conn, organization_id, [row.content_key] if row else [])
    if row is not None and row.content_key in made:
        return OutputPlace(f"{made[row.content_key].storage_prefix}/{ZIP_NAME}")
    if job.status in ENDED_JOBS:
        raise not_found("frames", job_id)
    return OutputPlace(attempt_id=queries.live_attempt(conn, row.id) if row else None)
