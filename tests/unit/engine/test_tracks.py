"""Renditions and sounds are told of when all of each is made, once, and before the job is done."""

import pytest
from sqlalchemy import Connection

from tests.facts import audio_facts, source_facts, video_facts
from tests.fixtures.encoding import RUNGS, encoded, place_all
from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import outbox
from vidcompute.dispatch import planning
from vidcompute.pipeline.plan import Plan, PlanNode
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.tracks import made_by
from vidcompute.services import jobs
from vidcompute.services.jobs import Job


def told(conn: Connection, job: Job) -> list[tuple[str, str]]:
    """The tracks of which was told, and that the job is done."""
    events = outbox.events_since(conn, ORG, 0)
    return [
        (event.type, event.data.get("track", ""))
        for event in events
        if event.type in {"track.ready", "job.done"} and event.data["job_id"] == job.id
    ]


ALL = [*(("track.ready", name) for name in RUNGS), ("job.done", "")]


def test_renditions_are_told_of_when_their_last_part_is_made(conn: Connection) -> None:
    job = toys.submit(conn)
    first, last = place_all(conn)
    jobs.finish(conn, encoded(last), toys.AT_ONCE)
    assert told(conn, job) == []
    jobs.finish(conn, encoded(first), toys.AT_ONCE)
    jobs.finish(conn, encoded(first), toys.AT_ONCE)  # told twice
    assert told(conn, job) == ALL
    (event, _) = [e for e in outbox.events_since(conn, ORG, 0) if e.type == "track.ready"]
    assert event.subject_id == job.asset_id
    assert event.data == {"asset_id": job.asset_id, "job_id": job.id, "track": RUNGS[0], "kind": "video"}
    toys.check_events(conn)


def test_each_job_that_wants_them_is_told_of_by_itself(conn: Connection) -> None:
    one, two = toys.submit(conn), toys.submit(conn)
    for spec in place_all(conn):
        jobs.finish(conn, encoded(spec), toys.AT_ONCE)
    assert told(conn, one) == told(conn, two) == ALL


def test_what_another_job_made_is_told_of_at_once_and_what_is_to_be_made_again_is_not(conn: Connection) -> None:
    toys.submit(conn)
    for spec in place_all(conn):
        jobs.finish(conn, encoded(spec), toys.AT_ONCE)
    later = toys.submit(conn)
    assert place_all(conn) == []
    assert told(conn, later) == ALL
    jobs.retry(conn, ORG, later.id, "encode")
    first, last = place_all(conn)
    assert told(conn, later) == ALL
    for spec in (first, last):
        jobs.finish(conn, encoded(spec), toys.AT_ONCE)
    assert told(conn, later) == ALL * 2


def plan_as(conn: Connection, *nodes: PlanNode) -> None:
    """Plan each job that waits for it with these nodes."""
    while jobs.unplanned(conn):
        for step in jobs.unplanned(conn):
            if step.step != "probed":
                jobs.attach_first(conn, toys.PLANNER, step)
                for spec in toys.place(conn, *(task.id for task in toys.ready(conn))):
                    jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
            else:
                found = planning.probed(conn, toys.PLANNER, step)
                planning.attach(conn, toys.PLANNER, step, found, Plan((toys.PLANNER.probe, *nodes)))


def test_a_sound_is_told_of_by_itself(conn: Connection) -> None:
    job = toys.submit(conn)
    sounds = [toys.node(f"audio/{n}", cut={"track": f"audio-{n}"}) for n in range(2)]
    plan_as(conn, *sounds, toys.node("remux", track="h264-1080"))
    for spec, name in zip(
        toys.place(conn, *(t.id for t in toys.ready(conn))), ("audio-0", "audio-1", "h264-1080"), strict=True
    ):
        jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
        assert told(conn, job)[-1 - (name == "h264-1080")] == ("track.ready", name)
    kinds = [e.data["kind"] for e in outbox.events_since(conn, ORG, 0) if e.type == "track.ready"]
    assert kinds == ["audio", "audio", "video"]
    toys.check_events(conn)


def test_sounds_that_an_encode_makes_as_well_are_told_of_as_such(conn: Connection) -> None:
    job = toys.submit(conn)
    rungs, sounds = [{"name": "h264-480"}], [{"track": "audio-0"}]
    plan_as(conn, toys.node("encode/0", rungs=rungs, copied="h264-720", sounds=sounds))
    (spec,) = toys.place(conn, *(task.id for task in toys.ready(conn)))
    jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
    events = [e.data for e in outbox.events_since(conn, ORG, 0) if e.type == "track.ready"]
    kinds = [("h264-720", "video"), ("h264-480", "video"), ("audio-0", "audio")]
    assert [(data["track"], data["kind"]) for data in events if data["job_id"] == job.id] == kinds


@pytest.mark.parametrize(("frames", "every"), [(1800, 60), (1800, 600), (60, 60)])
def test_the_plan_of_a_source_makes_the_tracks_of_its_layout(frames: int, every: int) -> None:
    facts = source_facts(video_facts(frames=frames, keyframe_every=every), audio_facts(seconds=frames // 30))
    made = plan(facts, MediaSpec(), Capacity(2), toys.PLANNER.probe)
    names = {name for node in made.nodes for name in made_by(node.stage, node.options)}
    package = made.node("package").options
    assert names == {track["name"] for track in (*package["video"], *package["audio"])}
