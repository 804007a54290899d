"""Planning a job again: where hardware fails, renditions are encoded in software instead."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, update

from vidcompute.db.outbox import emit
from vidcompute.db.schema import interests, jobs
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.encoders import is_hardware
from vidcompute.pipeline.spec import HardwareEncoding
from vidcompute.services import tasks
from vidcompute.services.jobs import queries
from vidcompute.services.states import LIVE_JOBS, JobStep
from vidcompute.services.tasks.queries import wanting_jobs

# A device that fails; or chunks of one rendition that came out with different parameters, from different devices.
# Or a device that has gone with its node.
_OF_HARDWARE = frozenset({"hardware_encoder_failed", "package_mismatch", "hardware_gone"})
_PRELUDE = ("fetch", "probe")  # the nodes that come before the plan


def do_without(conn: Connection, task_ids: Iterable[str]) -> set[str]:
    """Plan the jobs again that want these tasks, for which no node has the hardware any more; which jobs that are.

    Those that require hardware go on waiting for it.
    """
    error = VidComputeError(
        Kind.UNAVAILABLE, "hardware_gone", "No node has the hardware any more that it was planned for."
    )
    wanting = {job_id for task_id in task_ids for job_id in wanting_jobs(conn, task_id)}
    return {job_id for job_id in sorted(wanting) if without_hardware(conn, job_id, error)}


def without_hardware(conn: Connection, job_id: str, error: VidComputeError) -> bool:
    """Send a live job back to where its plan is made, with hardware switched off; False where that can't help.

    What is done and is in the new plan as well is used again. A job that requires hardware fails instead.
    """
    row = queries.job_row(conn, job_id)
    if error.code not in _OF_HARDWARE or row is None or row.status not in LIVE_JOBS or row.step != JobStep.PLANNED:
        return False
    job = queries.get_job(conn, row.organization_id, job_id)
    if job.spec.get("hardware_encoding") == HardwareEncoding.REQUIRED or not _uses_hardware(job.plan):
        return False
    tasks.drop(conn, job_id)
    conn.execute(delete(interests).where(interests.c.job_id == job_id, interests.c.plan_node_id.not_in(_PRELUDE)))
    conn.execute(update(interests).where(interests.c.job_id == job_id).values(active=True))
    spec = {**job.spec, "hardware_encoding": HardwareEncoding.OFF.value}
    fresh = {"spec": spec, "step": JobStep.PROBED, "encode_reserved_ms": 0}
    conn.execute(update(jobs).where(jobs.c.id == job_id).values(fresh))
    data = {"job_id": job_id, "asset_id": row.asset_id, "reason": error.detail}
    emit(conn, row.organization_id, "job.replanned", job_id, data)
    return True


def _uses_hardware(plan: Mapping[str, Any] | None) -> bool:
    names = (node["encoder"].partition(" ")[0] for node in (plan or {}).get("nodes", ()))
    return any(is_hardware(encoder) for name in names for encoder in name.split("+"))
