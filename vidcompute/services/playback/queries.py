"""What is read for playback."""

from sqlalchemy import Connection, select

from vidcompute.db.schema import assets as assets_table
from vidcompute.db.schema import jobs as jobs_table
from vidcompute.db.schema import one_of
from vidcompute.pipeline.plan import Plan
from vidcompute.services import assets, jobs
from vidcompute.services.assets.models import Asset
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.services.jobs.models import Job
from vidcompute.services.playback.models import Progress, Snapshot
from vidcompute.services.states import LIVE_JOBS, AssetStatus, JobStep


def by_playback_id(conn: Connection, playback_id: str) -> Snapshot:
    """The asset of a playback ID as it is now; `playback_not_found` where there is none."""
    return _snapshot(conn, assets.by_playback_id(conn, playback_id))


def by_asset(conn: Connection, organization_id: str, asset_id: str) -> Snapshot:
    """An organization's asset as it is now; `asset_not_found` where there is none."""
    return _snapshot(conn, assets.get(conn, organization_id, asset_id))


def _snapshot(conn: Connection, asset: Asset) -> Snapshot:
    job = jobs.get_job(conn, asset.organization_id, asset.job_id) if asset.job_id else None
    plan = Plan.from_json(job.plan) if job and job.plan else None
    artifacts = jobs.artifacts_of(conn, asset.organization_id, job.id) if job else {}
    return Snapshot(asset, jobs.source_of_asset(conn, asset.id), job, plan, artifacts)


def unopened(conn: Connection) -> list[tuple[str, str, str]]:
    """Organizations, assets and jobs, where nobody can watch the asset yet though its job has its plan."""
    planned = jobs_table.c.step == JobStep.PLANNED
    query = (
        select(assets_table.c.organization_id, assets_table.c.id, jobs_table.c.id.label("job_id"))
        .join_from(assets_table, jobs_table, jobs_table.c.id == assets_table.c.job_id)
        .where(one_of(jobs_table.c.status, LIVE_JOBS), planned, assets_table.c.status == AssetStatus.PREPARING)
        .order_by(assets_table.c.id)
    )
    return [(row.organization_id, row.id, row.job_id) for row in conn.execute(query)]


def progress(conn: Connection, job: Job, hub: ProgressHub) -> Progress:
    """How far a job is over all its stages."""
    stages = jobs.list_stages(conn, job, hub.latest)
    weights = [max(0.05, float(stage.cost.get("cpu_s", 0.0))) for stage in stages]
    done = sum(w * float(s.progress.get("fraction", 0.0)) for w, s in zip(weights, stages, strict=True))
    etas = [stage.eta_ms for stage in stages if stage.eta_ms is not None]
    speeds = [float(s.progress["speed"]) for s in stages if s.status == "running" and s.progress.get("speed")]
    return Progress(done / sum(weights) if weights else 0.0, max(etas, default=None), sum(speeds) or None)
