"""From the services' values to the wire's."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from vidcompute.api import asset_schemas, job_schemas
from vidcompute.api.wire import Failure
from vidcompute.db.outbox import now_ms
from vidcompute.media.playlists import TEXT_NAME
from vidcompute.pipeline.spec import JobSpec
from vidcompute.ports.executor import Outcome
from vidcompute.services import assets, jobs, text_tracks
from vidcompute.services.assets import Asset
from vidcompute.services.jobs import Job, ListedJob, StageView
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.services.states import AssetStatus, JobStatus, TaskStatus
from vidcompute.services.tasks import Artifact, TaskAttempt

_MEDIA_STAGES = frozenset({"encode", "remux", "audio", "package"})


def at(time_ms: int | None) -> datetime | None:
    """Unix milliseconds as a time of day in UTC; None for None."""
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC)


def when(time_ms: int) -> datetime:
    """Unix milliseconds as a time of day in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def _failure(code: str | None, detail: str | None) -> Failure | None:
    return Failure(code=code, detail=detail or "") if code else None


def links(base_url: str, playback_id: str) -> asset_schemas.Links:
    """Where an asset can be watched; `playback_id` may have a pass after it."""
    handle = quote(playback_id, safe="~")
    return asset_schemas.Links(
        watch=f"{base_url}/watch/{handle}",
        embed=f"{base_url}/embed/{handle}",
        stream=f"{base_url}/stream/{handle}.m3u8",
        dash=f"{base_url}/stream/{handle}.mpd",
        thumbnail=f"{base_url}/image/{handle}/thumbnail.jpg",
    )


def asset_view(asset: Asset, base_url: str) -> asset_schemas.Asset:
    """An asset on the wire."""
    return asset_schemas.Asset(
        id=asset.id,
        status=AssetStatus(asset.status),
        title=asset.title,
        passthrough=asset.passthrough,
        metadata=dict(asset.metadata),
        playback_id=asset.playback_id,
        playback_policy=asset.playback_policy,
        job_id=asset.job_id,
        source_id=asset.source_id,
        duration_ms=asset.duration_ms,
        width_px=asset.width,
        height_px=asset.height,
        frame_rate=asset.frame_rate,
        poster_time_ms=asset.poster_time_ms,
        facts=None if asset.facts is None else dict(asset.facts),
        error=_failure(asset.error_code, asset.error_detail),
        created_at=when(asset.created_ms),
        updated_at=when(asset.updated_ms),
        expires_at=at(asset.expires_ms),
        deleted_at=at(asset.deleted_ms),
        restorable_until=at(asset.purge_ms),
        urls=links(base_url, asset.playback_id),
    )


def summary_view(job: ListedJob, base_url: str) -> job_schemas.JobSummary:
    """A job as lists show it."""
    return job_schemas.JobSummary(**_summary(job, job.playback_id, base_url))


def _summary(job: Job | ListedJob, playback_id: str, base_url: str) -> dict[str, Any]:
    ended_ms = job.ended_ms if job.ended_ms is not None else now_ms()
    return {
        "id": job.id,
        "status": job.status,
        "kind": job.kind,
        "priority": job.priority,
        "asset_id": job.asset_id,
        "passthrough": job.passthrough,
        "error": _failure(job.error_code, job.error_detail),
        "created_at": at(job.created_ms),
        "started_at": at(job.started_ms),
        "ended_at": at(job.ended_ms),
        "duration_ms": None if job.started_ms is None else max(0, ended_ms - job.started_ms),
        "urls": links(base_url, playback_id),
    }


def stage_view(stage: StageView) -> job_schemas.Stage:
    """A stage on the wire."""
    return job_schemas.Stage(
        name=stage.name,
        status=TaskStatus(stage.status),
        progress=job_schemas.Progress(**stage.progress),
        tasks=stage.tasks,
        tasks_done=stage.tasks_done,
        reused=stage.reused,
        attempts=stage.attempts,
        started_at=at(stage.started_ms),
        ended_at=at(stage.ended_ms),
        duration_ms=stage.duration_ms,
        eta_ms=stage.eta_ms,
        waits_for=stage.waits_for,
        error=_failure(stage.error_code, stage.error_detail),
        cost=job_schemas.Effort(**stage.cost),
        spent=job_schemas.Effort(**stage.spent),
        logs_key=stage.logs_keys[-1] if stage.logs_keys else None,
        logs_keys=list(stage.logs_keys),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def attempt_view(found: TaskAttempt) -> job_schemas.Attempt:
    """An attempt on the wire."""
    attempt, metrics = found.attempt, found.attempt.metrics or {}
    return job_schemas.Attempt(
        id=attempt.id,
        task_id=attempt.task_id,
        stage=found.stage,
        task=found.label,
        number=attempt.number,
        node=attempt.node,
        outcome=None if attempt.outcome is None else Outcome(attempt.outcome),
        error=_failure(attempt.error_code, attempt.error_detail),
        placed_at=when(attempt.created_ms),
        started_at=at(attempt.started_ms),
        ended_at=at(attempt.ended_ms),
        spent=job_schemas.Effort(cpu_s=metrics["cpu_s"], wall_s=metrics["wall_s"])
        if metrics.keys() >= {"cpu_s", "wall_s"}
        else None,
        max_rss_bytes=_whole(metrics.get("max_rss_bytes")),
        size_bytes=_whole(metrics.get("size_bytes")),
        logs_key=attempt.logs_key,
    )


def job_progress(job: Job, stages: Sequence[StageView]) -> tuple[job_schemas.Progress, int | None]:
    """How far a whole job is, weighted by what each stage was expected to cost, and how long it will go on (ms)."""
    if job.status == JobStatus.DONE:
        return job_schemas.Progress(fraction=1.0), 0
    if job.plan is None or not stages:
        return job_schemas.Progress(fraction=0.0), None
    weights = [max(stage.cost.get("wall_s", 0.0), 1e-3) for stage in stages]
    fractions = [float(stage.progress.get("fraction", 0.0)) for stage in stages]
    fraction = sum(w * f for w, f in zip(weights, fractions, strict=True)) / sum(weights)
    eta_ms = None
    if job.status == JobStatus.RUNNING and job.started_ms is not None and fraction > 0.01:
        eta_ms = round((now_ms() - job.started_ms) * (1 - fraction) / fraction)
    return job_schemas.Progress(fraction=min(1.0, round(fraction, 4))), eta_ms


def job_view(conn: Connection, organization_id: str, job_id: str, hub: ProgressHub, base_url: str) -> job_schemas.Job:
    """All of a job on the wire: read in one snapshot."""
    return show_job(conn, jobs.get_job(conn, organization_id, job_id), hub, base_url)


def show_job(conn: Connection, job: Job, hub: ProgressHub, base_url: str) -> job_schemas.Job:
    """As `job_view`, of a job that was just read."""
    asset = assets.get(conn, job.organization_id, job.asset_id)
    stages = jobs.list_stages(conn, job, hub.latest)
    progress, eta_ms = job_progress(job, stages)
    made = jobs.artifacts_of(conn, job.organization_id, job.id) if job.plan else {}
    return job_schemas.Job(
        **_summary(job, asset.playback_id, base_url),
        spec=JobSpec.model_validate(job.spec),
        progress=progress,
        eta_ms=eta_ms,
        stages=[stage_view(stage) for stage in stages],
        outputs=outputs(job, asset, made, base_url),
        asset=asset_view(asset, base_url),
    )


def asset_outputs(conn: Connection, organization_id: str, asset_id: str, base_url: str) -> list[asset_schemas.Output]:
    """What an asset has: by its newest job, and the texts that it was given."""
    asset = assets.get(conn, organization_id, asset_id)
    streams = f"{base_url}/stream/{asset.playback_id}"
    texts = [
        asset_schemas.Output(
            type="text", url=f"{streams}/{track.id}/{TEXT_NAME}", ready=True, size_bytes=track.size_bytes
        )
        for track in text_tracks.list_tracks(conn, asset_id)
    ]
    if asset.job_id is None:
        return texts
    job = jobs.get_job(conn, organization_id, asset.job_id)
    return outputs(job, asset, jobs.artifacts_of(conn, organization_id, job.id), base_url) + texts


def outputs(job: Job, asset: Asset, artifacts: Mapping[str, Artifact], base_url: str) -> list[asset_schemas.Output]:
    """What a job makes, as far as its plan says by now."""
    nodes = (job.plan or {}).get("nodes", ())
    streams, images = f"{base_url}/stream/{asset.playback_id}", f"{base_url}/image/{asset.playback_id}"
    found: list[asset_schemas.Output] = []
    for node in nodes:
        name, artifact = str(node["id"]), artifacts.get(str(node["id"]))
        for kind, url in _addresses(node["stage"], name, streams, images, f"{base_url}/api/v1/jobs/{job.id}"):
            size_bytes = None
            if artifact is not None:
                size_bytes = _ladder_bytes(nodes, artifacts) if kind in {"hls", "dash"} else artifact.size_bytes
            found.append(asset_schemas.Output(type=kind, url=url, ready=artifact is not None, size_bytes=size_bytes))
    return found


def _addresses(stage: str, node_id: str, streams: str, images: str, job_url: str) -> list[tuple[Any, str]]:
    """The kinds and URLs of what a plan's node makes; nothing for those that only serve others."""
    number = node_id.partition("/")[2]
    return {
        "package": [("hls", f"{streams}.m3u8"), ("dash", f"{streams}.mpd"), ("manifest", f"{streams}/manifest.json")],
        "mp4": [("mp4", f"{streams}.mp4?height={number}")],
        "audio_file": [("audio", f"{streams}.m4a")],
        "thumbnail": [("thumbnail", f"{images}/thumbnail.jpg")],
        "poster": [("thumbnail", f"{images}/thumbnail.jpg")],
        "storyboard": [("storyboard", f"{images}/storyboard.vtt")],
        "preview": [("preview", f"{images}/preview.webp")],
        "frames": [("frames", f"{job_url}/frames.zip?output={number}")],
    }.get(stage, [])


def _ladder_bytes(nodes: Sequence[Mapping[str, Any]], artifacts: Mapping[str, Artifact]) -> int:
    return sum(artifacts[n["id"]].size_bytes for n in nodes if n["stage"] in _MEDIA_STAGES and n["id"] in artifacts)


def plan_view(conn: Connection, organization_id: str, job_id: str) -> job_schemas.PlanView | None:
    """A job's plan on the wire; None while there is none."""
    plan = jobs.plan_of(jobs.get_job(conn, organization_id, job_id))
    if plan is None:
        return None
    total = job_schemas.Effort(
        cpu_s=round(sum(node.cost.cpu_s for node in plan.nodes), 3),
        wall_s=round(sum(node.cost.wall_s for node in plan.nodes), 3),
    )
    return job_schemas.PlanView.model_validate({**plan.to_json(), "cost": total})
