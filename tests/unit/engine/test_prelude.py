"""What jobs begin with: attached as they are submitted, or by the dispatcher; either way the same, and once."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from tests.unit.engine import toys
from vidcompute.db import outbox, schema
from vidcompute.dispatch import planning
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import jobs
from vidcompute.services.jobs import Job, Unplanned

_URL = "https://example.org/a.mp4"


def submit(conn: Connection, digest: str | None = "d0", **wanted: Any) -> Job:
    """A job with its first task, on a source with this digest, or on a URL."""
    source = None if digest is None else toys.add_source(conn, digest)
    video = _URL if source is None else {"source": source.id}
    spec = JobSpec.model_validate({"input": video, "outputs": ["hls"], **wanted})
    return jobs.submit(conn, toys.ORG, spec, source=source, prelude=toys.PLANNER)


def tasks(conn: Connection) -> list[dict[str, Any]]:
    """All that rows say of tasks, but for identifiers and times."""
    own = {"id", "created_ms", "ready_ms"}
    return [
        {name: value for name, value in row._mapping.items() if name not in own}
        for row in conn.execute(select(schema.tasks))
    ]


def before(job: Job, step: str) -> Unplanned:
    """The job as a dispatcher saw it before it had its first task."""
    return Unplanned(job.id, toys.ORG, job.asset_id, step, job.spec)


@pytest.mark.parametrize(("digest", "step", "stage"), [("d0", "probing", "probe"), (None, "fetching", "fetch")])
def test_a_job_has_its_first_task_as_it_is_submitted(
    conn: Connection, digest: str | None, step: str, stage: str
) -> None:
    job = submit(conn, digest, priority="high")
    assert (job.status, job.step) == ("queued", step)
    (task,) = toys.ready(conn)
    assert (task.stage, task.priority) == (stage, 2)
    assert [known.id for known in jobs.tasks_of(conn, toys.ORG, job.id)] == [task.id]
    assert [event.type for event in outbox.all_since(conn, 0)] == ["asset.created", "job.created", "task.ready"]
    assert jobs.unplanned(conn) == []
    assert [spec.stage for spec in toys.run_everything(conn)][-1] == "package"
    assert jobs.get_job(conn, toys.ORG, job.id).status == "done"


def test_it_is_the_same_task_that_the_dispatcher_would_attach(conn: Connection) -> None:
    submit(conn)
    mine = tasks(conn)
    with toys.memory_connection() as other:
        toys.submit(other)
        toys.advance(other)
        assert tasks(other) == mine


@pytest.mark.parametrize(("digest", "step"), [("d0", "fetched"), (None, "arrived")])
def test_a_dispatcher_that_looked_before_changes_nothing(conn: Connection, digest: str | None, step: str) -> None:
    job = submit(conn, digest)
    known, told = tasks(conn), outbox.last_seq(conn)
    jobs.attach_first(conn, toys.PLANNER, before(job, step))
    assert tasks(conn) == known
    assert outbox.last_seq(conn) == told


def test_a_probe_that_runs_is_shared_and_one_that_is_done_is_not_run_again(conn: Connection) -> None:
    submit(conn)
    (probe,) = toys.place(conn, *(task.id for task in toys.ready(conn)))
    jobs.start(conn, probe.attempt_id)
    second = submit(conn, priority="high")
    assert (second.status, second.step) == ("running", "probing")
    assert len(tasks(conn)) == 1
    assert tasks(conn)[0]["priority"] == 2
    jobs.finish(conn, toys.done(probe), toys.AT_ONCE)
    third = submit(conn)
    assert (third.status, third.step) == ("queued", "probed")
    assert third.id in {job.id for job in jobs.unplanned(conn)}
    assert [spec.stage for spec in toys.run_everything(conn)] == [*["encode"] * 3, "package"]


def test_a_probe_of_another_build_than_that_of_the_plan_is_made_anew(conn: Connection) -> None:
    """As after an upgrade: the plan names a probe that nobody has made yet, and that nobody but this job wants."""
    job = submit(conn)
    (probe,) = toys.place(conn, *(task.id for task in toys.ready(conn)))
    jobs.finish(conn, toys.done(probe), toys.AT_ONCE)
    upgraded = replace(toys.PLANNER, ffmpeg_build="10.0")
    (waiting,) = jobs.unplanned(conn)
    found = planning.probed(conn, upgraded, waiting)
    planning.attach(conn, upgraded, waiting, found, toys.recipe(found.facts, found.spec, upgraded.probe))
    ran = toys.run_everything(conn)
    assert sorted(spec.stage for spec in ran) == [*["encode"] * 3, "package", "probe"]
    assert jobs.get_job(conn, toys.ORG, job.id).status == "done"
