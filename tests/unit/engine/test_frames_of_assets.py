"""Jobs that take frames out of an asset: the asset stays as it is, whatever becomes of them."""

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection

from tests.unit.engine import toys
from tests.unit.engine.toys import AT_ONCE, ORG
from vidcompute.db import outbox
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import assets, jobs
from vidcompute.services.jobs import JobFilter


def take(conn: Connection, asset_id: str, **wanted: Any) -> jobs.Job:
    spec = {"input": {"asset": asset_id}, "outputs": ["frames"], **wanted}
    return jobs.submit(conn, ORG, JobSpec.model_validate(spec))


def standing(conn: Connection, asset_id: str) -> tuple[str, str | None]:
    asset = assets.get(conn, ORG, asset_id)
    return asset.status, asset.job_id


def test_frames_are_taken_of_an_asset_that_stays_as_it_is(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    told = outbox.last_seq(conn)
    frames = take(conn, made.asset_id, priority="high")
    assert (frames.status, frames.kind, frames.asset_id) == ("queued", "frames", made.asset_id)
    assert [spec.stage for spec in toys.run_everything(conn)] == ["image"], "what was probed is not probed again"
    assert jobs.get_job(conn, ORG, frames.id).status == "done"
    assert standing(conn, made.asset_id) == ("ready", made.id)
    assert not [event for event in outbox.events_since(conn, ORG, told) if event.type.startswith("asset.")]
    of_asset = JobFilter(kind="frames", asset_id=made.asset_id)
    assert [job.id for job in jobs.list_jobs(conn, ORG, of_asset).items] == [frames.id]
    assert len(assets.list_assets(conn, ORG).items) == 1


def test_an_asset_follows_the_job_that_makes_it_and_no_other(conn: Connection) -> None:
    made = toys.submit(conn, vmaf=True)
    (vmaf,) = toys.run_until(conn, "vmaf")
    take(conn, made.asset_id)
    cancelled = take(conn, made.asset_id, outputs=[{"type": "frames", "pick": "all"}])
    jobs.cancel(conn, ORG, cancelled.id)
    assert standing(conn, made.asset_id) == ("preparing", made.id)
    toys.run_everything(conn)
    assert standing(conn, made.asset_id) == ("preparing", made.id), "frames alone make no video"
    jobs.cancel(conn, ORG, made.id)
    assert standing(conn, made.asset_id) == ("errored", made.id)
    assert not jobs.finish(conn, toys.done(vmaf), AT_ONCE).accepted
    jobs.retry(conn, ORG, cancelled.id)
    assert standing(conn, made.asset_id) == ("errored", made.id)
    toys.run_everything(conn)
    assert jobs.get_job(conn, ORG, cancelled.id).status == "done"
    assert standing(conn, made.asset_id) == ("errored", made.id)


def test_an_asset_without_a_source_has_no_frames_to_take(conn: Connection) -> None:
    made = toys.submit_url(conn)
    with pytest.raises(VidComputeError, match="source_missing"):
        take(conn, made.asset_id)
    with pytest.raises(VidComputeError, match="asset_not_found"):
        take(conn, new_id("asset"))


def test_the_video_of_such_a_job_is_that_of_its_asset(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    frames = take(conn, made.asset_id)
    spec = JobSpec.model_validate({"input": {"job": frames.id}, "outputs": ["hls"]})
    again = jobs.submit(conn, ORG, spec)
    assert (again.kind, again.asset_id == made.asset_id) == ("media", False)
    source = jobs.source_of_asset(conn, again.asset_id)
    assert source is not None
    assert source == jobs.source_of_asset(conn, made.asset_id)


@pytest.mark.parametrize("outputs", [None, ["hls"], ["frames", "thumbnail"]])
def test_nothing_else_is_made_of_an_asset(outputs: list[str] | None) -> None:
    spec: dict[str, Any] = {"input": {"asset": new_id("asset")}} | ({"outputs": outputs} if outputs else {})
    with pytest.raises(ValidationError, match="frames are taken"):
        JobSpec.model_validate(spec)
