"""What becomes of rows whose bytes are gone. All run in the caller's transaction, and say in words what was done."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete

from vidcompute.db.schema import artifacts
from vidcompute.pipeline.stages.fetch import Fetch
from vidcompute.services import assets, jobs, retention, text_tracks
from vidcompute.services.assets import Source
from vidcompute.services.housekeeping import queries
from vidcompute.services.states import LIVE_JOBS, JobStatus
from vidcompute.services.tasks import Artifact
from vidcompute.services.text_tracks import TextTrack

_AGAIN, _SAID, _FORGOTTEN = "it is made again", "its assets say so", "it is forgotten"
_TAKEN = "its asset goes on without it"


def lose_source(conn: Connection, source: Source) -> str | None:
    """Its assets go on without it; None where it is gone meanwhile."""
    if not queries.has_source(conn, source.id):
        return None
    retention.lose_source(conn, source)
    return "its assets go on without it"


def lose_track(conn: Connection, track: TextTrack) -> str:
    """A text that nobody can make again is taken away from its asset."""
    text_tracks.lose(conn, track)
    return _TAKEN


def lose_artifacts(conn: Connection, lost: Sequence[Artifact]) -> dict[str, str]:
    """They are made again where their sources are there; else their assets say so. What was done, by their places."""
    there = queries.still_there(conn, lost)
    for made in there:
        mine = (artifacts.c.organization_id == made.organization_id) & (artifacts.c.content_key == made.content_key)
        conn.execute(delete(artifacts).where(mine))
    return {made.storage_prefix: _mend(conn, made) for made in there}


def _mend(conn: Connection, made: Artifact) -> str:
    if made.stage == Fetch.name:  # what was made from it is there, or is found to be lost by itself
        return _FORGOTTEN
    done = [_make_again(conn, made, row) for row in queries.wanting(conn, made.organization_id, made.content_key)]
    return next((words for words in (_AGAIN, _SAID) if words in done), _FORGOTTEN)


def _make_again(conn: Connection, made: Artifact, row: queries.AnyRow) -> str:
    if row.status in LIVE_JOBS:
        jobs.revive(conn, made.organization_id, row.id)
        return _AGAIN
    if row.status != JobStatus.DONE or row.id != row.newest_id:
        return _FORGOTTEN  # it is made again where somebody tries the job again
    assets.mark_spoiled(conn, row.asset_id, f"An output of the stage {made.stage} is gone from storage.")
    if row.source_id is None or row.purge_ms is not None:
        return _SAID
    jobs.remake(conn, made.organization_id, row.id)
    return _AGAIN
