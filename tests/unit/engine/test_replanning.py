"""A job whose hardware fails is planned again in software; nothing that is done is lost."""

from dataclasses import replace

from sqlalchemy import Connection, select

from tests.unit.engine import toys
from vidcompute.db import schema
from vidcompute.dispatch import planning
from vidcompute.errors import Kind
from vidcompute.media.facts import SourceFacts
from vidcompute.pipeline.plan import Plan
from vidcompute.pipeline.spec import HardwareEncoding, MediaSpec
from vidcompute.ports.executor import AttemptSpec, Finished, Outcome
from vidcompute.services import assets, jobs, tasks


def recipe(found: SourceFacts, spec: MediaSpec) -> Plan:
    """The toy plan, its chunks in hardware unless that is off."""
    plan = toys.recipe(found, spec, toys.PLANNER.probe)
    encoder = "libx264" if spec.hardware_encoding is HardwareEncoding.OFF else "h264_nvenc+libx264"
    return Plan(tuple(replace(n, encoder=encoder) if n.stage == "encode" else n for n in plan.nodes), plan.notes)


def advance(conn: Connection) -> None:
    for job in jobs.unplanned(conn):
        if job.step != "probed":
            jobs.attach_first(conn, toys.PLANNER, job)
            continue
        found = planning.probed(conn, toys.PLANNER, job)
        planning.attach(conn, toys.PLANNER, job, found, recipe(found.facts, found.spec))


def place_all(conn: Connection) -> list[AttemptSpec]:
    advance(conn)
    return toys.place(conn, *(task.id for task in toys.ready(conn)))


def encodes_of(conn: Connection) -> list[AttemptSpec]:
    """The attempts at a job's chunks, its probe and its image being done."""
    placed = place_all(conn)
    while not any(spec.stage == "encode" for spec in placed):
        for spec in placed:
            jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
        placed = place_all(conn)
    for spec in placed:
        if spec.stage != "encode":
            jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
    return [spec for spec in placed if spec.stage == "encode"]


def use_up(conn: Connection, spec: AttemptSpec, end: Finished) -> None:
    """Let every attempt at a task end so."""
    for _ in range(toys.AT_ONCE.max_attempts):
        jobs.finish(conn, replace(end, attempt_id=spec.attempt_id), toys.AT_ONCE)
        again = toys.place(conn, *(t.id for t in toys.ready(conn) if t.id == spec.task_id))
        spec = again[0] if again else spec


def failed(spec: AttemptSpec) -> Finished:
    return toys.failed(spec, Kind.UNAVAILABLE, "hardware_encoder_failed")


def encoders_of(conn: Connection, job_id: str) -> dict[str, set[str]]:
    """The encoders of a job's chunks, by the status of their tasks."""
    query = (
        select(schema.tasks.c.encoder, schema.tasks.c.status)
        .join(schema.interests, schema.interests.c.task_id == schema.tasks.c.id)
        .where(schema.interests.c.job_id == job_id, schema.tasks.c.stage == "encode")
    )
    found: dict[str, set[str]] = {}
    for encoder, status in conn.execute(query):
        found.setdefault(status, set()).add(encoder)
    return found


def finish_all(conn: Connection) -> list[str]:
    ran = []
    while placed := place_all(conn):
        for spec in placed:
            ran.append(spec.stage)
            jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
    return ran


def test_a_job_whose_hardware_fails_is_planned_again_in_software(conn: Connection) -> None:
    job = toys.submit(conn, outputs=["hls", "thumbnail"])
    first, second, third = encodes_of(conn)
    jobs.finish(conn, toys.done(second), toys.AT_ONCE)
    assert encoders_of(conn, job.id).keys() == {"placed", "done"}
    use_up(conn, first, failed(first))
    assert jobs.get_job(conn, toys.ORG, job.id).status == "running"
    assert tasks.owned(conn, [third.attempt_id]) == set()  # nobody wants it any more
    assert sorted(finish_all(conn)) == ["encode", "encode", "encode", "package"]
    done = jobs.get_job(conn, toys.ORG, job.id)
    assert (done.status, done.spec["hardware_encoding"]) == ("done", "off")
    assert encoders_of(conn, job.id) == {"done": {"libx264"}}
    assert assets.get(conn, toys.ORG, job.asset_id).status == "ready"
    told = conn.execute(select(schema.events.c.type).where(schema.events.c.subject_id == job.id)).scalars().all()
    assert "job.replanned" in told
    assert "job.failed" not in told


def test_a_job_that_requires_hardware_fails_with_its_reason(conn: Connection) -> None:
    job = toys.submit(conn, hardware_encoding="required")
    first, *_ = encodes_of(conn)
    use_up(conn, first, failed(first))
    failing = jobs.get_job(conn, toys.ORG, job.id)
    assert (failing.status, failing.error_code) == ("failed", "hardware_encoder_failed")


def test_what_fails_otherwise_fails_as_ever(conn: Connection) -> None:
    job = toys.submit(conn)
    first, *_ = encodes_of(conn)
    use_up(conn, first, toys.failed(first, Kind.REFUSED, "ffmpeg_failed"))
    assert jobs.get_job(conn, toys.ORG, job.id).status == "failed"


def test_chunks_of_different_devices_that_do_not_fit_are_made_again_in_software(conn: Connection) -> None:
    job = toys.submit(conn)
    for spec in encodes_of(conn):
        jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
    (package,) = place_all(conn)
    use_up(conn, package, toys.failed(package, Kind.INTERNAL, "package_mismatch"))
    assert "encode" in finish_all(conn)
    assert jobs.get_job(conn, toys.ORG, job.id).status == "done"


def test_jobs_whose_hardware_is_gone_are_planned_again_in_software(conn: Connection) -> None:
    made = [toys.submit(conn), toys.submit(conn, priority="high")]
    needed = toys.submit(conn, "d1", hardware_encoding="required")
    lost, *others = encodes_of(conn)
    jobs.finish(conn, Finished(lost.attempt_id, Outcome.LOST), toys.AT_ONCE)
    assert jobs.do_without(conn, [spec.task_id for spec in (lost, *others)]) == {job.id for job in made}
    for spec in others:
        jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
    finish_all(conn)
    assert {jobs.get_job(conn, toys.ORG, job.id).status for job in (*made, needed)} == {"done"}
    assert {frozenset(encoders_of(conn, job.id)["done"]) for job in made} == {frozenset({"libx264"})}
    assert encoders_of(conn, needed.id) == {"done": {"h264_nvenc+libx264"}}


def test_two_jobs_of_one_failing_task_are_both_planned_again(conn: Connection) -> None:
    one = toys.submit(conn)
    first, *_ = encodes_of(conn)
    two = toys.submit(conn)
    advance(conn)
    advance(conn)
    use_up(conn, first, failed(first))
    finish_all(conn)
    assert {jobs.get_job(conn, toys.ORG, job.id).status for job in (one, two)} == {"done"}
