"""Tells of each rendition and each sound of an asset when all of it is made, which is sooner than all of the job."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from vidcompute.db.outbox import emit
from vidcompute.pipeline.plan import PlanNode
from vidcompute.pipeline.stages.texts import Texts
from vidcompute.pipeline.tracks import TrackKind, made_by, makes_parts
from vidcompute.services import text_tracks
from vidcompute.services.jobs import queries
from vidcompute.services.tasks.queries import AnyRow


def tell_of_task(conn: Connection, task: AnyRow) -> None:
    """A task is done: tell each job that wants it of the tracks of which it made the last part."""
    if task.stage == Texts.name:
        for job in queries.how_far_wanting(conn, task.id):
            text_tracks.bring(conn, job.organization_id, job.asset_id, job.id, task.id)
        return
    made = made_by(task.stage, task.options)
    if not made:
        return
    parts = makes_parts(task.stage)
    jobs = queries.done_with(conn, task.id, task.stage) if parts else queries.how_far_wanting(conn, task.id)
    for job in jobs:
        _tell(conn, job, made.items())


def tell_of_plan(
    conn: Connection, job_id: str, nodes: Sequence[PlanNode], made: Collection[str], tasks: Mapping[str, str]
) -> None:
    """A job was planned, and these of its nodes are made already, for others: tell of the tracks that are there.

    `tasks` are those of its nodes.
    """
    there: dict[tuple[str, TrackKind], bool] = {}
    for node in nodes:
        for track in made_by(node.stage, node.options).items():
            there[track] = there.get(track, True) and node.id in made
    tracks = [track for track, is_there in there.items() if is_there]
    texts = [node for node in nodes if node.stage == Texts.name and node.id in made]
    job = queries.job_row(conn, job_id) if tracks or texts else None
    if job is not None:
        _tell(conn, job, tracks)
        for node in texts:
            text_tracks.bring(conn, job.organization_id, job.asset_id, job.id, tasks[node.id])


def _tell(conn: Connection, job: AnyRow, tracks: Iterable[tuple[str, TrackKind]]) -> None:
    for name, kind in tracks:
        data = {"asset_id": job.asset_id, "job_id": job.id, "track": name, "kind": kind}
        emit(conn, job.organization_id, "track.ready", job.asset_id, data)
