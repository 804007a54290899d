"""What jobs do, told in single stories; random histories are in test_job_machine."""

from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update

from tests.unit.engine import toys
from tests.unit.engine.toys import AT_ONCE, ORG
from vidcompute.db import outbox, schema
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.spec import JobSpec, Priority
from vidcompute.ports.executor import InputRef, Progress
from vidcompute.services import assets, gauges, jobs, tasks
from vidcompute.services.jobs import JobFilter


def job(conn: Connection, job_id: str) -> jobs.Job:
    return jobs.get_job(conn, ORG, job_id)


def task(conn: Connection, label: str) -> Any:
    return conn.execute(select(schema.tasks).where(schema.tasks.c.label == label)).one()


def types(conn: Connection, subject: str | None = None) -> list[str]:
    subjects = None if subject is None else [subject]
    return [e.type for e in outbox.events_since(conn, ORG, 0, subjects=subjects)]


def test_submit_makes_a_queued_job_and_a_preparing_asset(conn: Connection) -> None:
    made = toys.submit(conn, title="T", passthrough="mine", metadata={"k": "v"}, priority="high")
    asset = assets.get(conn, ORG, made.asset_id)
    assert (made.status, made.priority, made.passthrough) == ("queued", Priority.HIGH, "mine")
    assert (asset.status, asset.title, asset.passthrough, asset.metadata) == ("preparing", "T", "mine", {"k": "v"})
    assert asset.job_id == made.id
    assert JobSpec.model_validate(made.spec).title == "T"
    assert types(conn) == ["asset.created", "job.created"]


def test_a_jobs_events_begin_with_its_assets_creation(conn: Connection) -> None:
    for number in range(20):  # the two are told of within a millisecond, mostly
        made = toys.submit(conn, f"d{number}")
        assert made.created_ms == assets.get(conn, ORG, made.asset_id).created_ms
        told = [event.type for event in jobs.events_of_job(conn, ORG, made.id, 0)]
        assert told[:2] == ["asset.created", "job.created"]


def test_an_unknown_source_is_refused_at_submit(conn: Connection) -> None:
    spec = JobSpec.model_validate({"input": {"source": "src_" + "0" * 26}})
    with pytest.raises(VidComputeError, match="source_not_found"):
        jobs.submit(conn, ORG, spec)


def test_titles_come_from_the_file_or_the_url_where_none_is_given(conn: Connection) -> None:
    assert assets.get(conn, ORG, toys.submit(conn).asset_id).title == "d0.mp4"
    assert assets.get(conn, ORG, toys.submit_url(conn).asset_id).title == "a b.mp4"


def test_a_job_on_a_url_is_fetched_probed_planned_and_done(conn: Connection) -> None:
    made = toys.submit_url(conn, outputs=["hls", "thumbnail"])
    ran = toys.run_everything(conn)
    assert [spec.stage for spec in ran] == ["fetch", "probe", *["encode"] * 3, "image", "package"]
    assert (job(conn, made.id).status, job(conn, made.id).step) == ("done", "planned")
    asset = assets.get(conn, ORG, made.asset_id)
    assert (asset.status, asset.duration_ms) == ("ready", 10_000)
    told = types(conn, made.id)
    assert told == ["job.created", "job.started", "job.planned", "job.done"]
    assert types(conn, made.asset_id) == ["asset.created", "asset.ready"]


def test_the_fetched_file_is_the_source_of_what_follows(conn: Connection) -> None:
    made = toys.submit_url(conn)
    (fetch,) = toys.run_until(conn, "fetch")
    assert fetch.inputs == {}
    jobs.finish(conn, toys.done(fetch), AT_ONCE)
    (probe,) = toys.run_until(conn, "probe")
    fetched = InputRef(f"{fetch.output_prefix}/source", is_tree=False, content_key=f"source:d-{fetch.options['url']}")
    assert probe.inputs == {"source": (fetched,)}
    source = jobs.source_of_asset(conn, made.asset_id)
    assert source is not None
    assert (source.name, source.size_bytes) == ("a b.mp4", 5)


def test_inputs_are_artifacts_with_their_facts_in_the_plans_order(conn: Connection) -> None:
    toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    for spec in reversed(encodes):
        jobs.finish(conn, toys.done(spec), AT_ONCE)
    (package,) = toys.run_until(conn, "package")
    refs = package.inputs["chunks"]
    assert [ref.key for ref in refs] == [spec.output_prefix for spec in encodes]
    assert all(ref.is_tree and ref.facts == {"stage": "encode"} for ref in refs)
    assert package.output_prefix.endswith(package.attempt_id)


def test_the_same_source_and_spec_again_runs_nothing(conn: Connection) -> None:
    toys.submit(conn)
    assert len(toys.run_everything(conn)) == 5
    again = toys.submit(conn)
    assert toys.run_everything(conn) == []
    assert job(conn, again.id).status == "done"
    stages = jobs.list_stages(conn, job(conn, again.id))
    assert [(s.name, s.reused, s.attempts) for s in stages] == [("probe", 1, 0), ("encode", 3, 0), ("package", 1, 0)]
    assert all(s.spent == {"cpu_s": 0.0, "wall_s": 0.0} and s.logs_keys for s in stages)
    assert assets.get(conn, ORG, again.asset_id).status == "ready"


def test_another_spec_on_the_same_source_runs_only_what_is_new(conn: Connection) -> None:
    toys.submit(conn)
    toys.run_everything(conn)
    toys.submit(conn, vmaf=True)
    assert [spec.stage for spec in toys.run_everything(conn)] == ["vmaf"]


def test_live_tasks_are_shared_at_the_highest_priority(conn: Connection) -> None:
    low = toys.submit(conn, priority="low")
    encodes = toys.run_until(conn, "encode")
    assert task(conn, "package").priority == 0
    high = toys.submit(conn, priority="high")
    toys.advance(conn)
    toys.advance(conn)
    assert len(encodes) == 3
    assert task(conn, "package").priority == 2
    assert job(conn, high.id).status == "running"
    jobs.cancel(conn, ORG, high.id)
    assert task(conn, "package").priority == 0
    assert task(conn, "encode/0").status == "placed"
    assert job(conn, low.id).status == "running"


def test_a_cancel_stops_what_nobody_else_wants_in_the_same_transaction(conn: Connection) -> None:
    made = toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    jobs.start(conn, encodes[0].attempt_id)
    assert jobs.cancel(conn, ORG, made.id).status == "cancelled"
    assert tasks.owned(conn, [spec.attempt_id for spec in encodes]) == set()
    assert {task(conn, f"encode/{n}").status for n in range(3)} == {"cancelled"}
    assert not jobs.finish(conn, toys.done(encodes[0]), AT_ONCE).accepted
    assert types(conn, encodes[0].task_id)[-1] == "task.cancelled"
    asset = assets.get(conn, ORG, made.asset_id)
    assert (asset.status, asset.error_code) == ("errored", "job_cancelled")
    assert jobs.cancel(conn, ORG, made.id).status == "cancelled"


def test_ended_jobs_cannot_be_cancelled(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    with pytest.raises(VidComputeError) as caught:
        jobs.cancel(conn, ORG, made.id)
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "job_ended")


def test_a_recipe_that_refuses_fails_the_job(conn: Connection) -> None:
    made = toys.submit(conn)
    (probe,) = toys.run_until(conn, "probe")
    jobs.finish(conn, toys.done(probe, empty=True), AT_ONCE)
    toys.run_everything(conn)
    assert job(conn, made.id).error_code == "source_empty"
    assert jobs.retry(conn, ORG, made.id).job.status == "queued"
    toys.run_everything(conn)
    assert job(conn, made.id).error_code == "source_empty"


def test_a_retry_runs_what_failed_and_keeps_what_is_done(conn: Connection) -> None:
    made = toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    jobs.finish(conn, toys.done(encodes[0]), AT_ONCE)
    jobs.finish(conn, toys.failed(encodes[1], Kind.REFUSED), AT_ONCE)
    assert job(conn, made.id).status == "failed"
    assert task(conn, "encode/2").status == "cancelled"
    again = jobs.retry(conn, ORG, made.id)
    assert (again.job.status, again.job.error_code) == ("queued", None)
    assert (again.runs, again.reused) == (("encode", "package"), ("probe",))
    assert assets.get(conn, ORG, made.asset_id).status == "preparing"
    ran = toys.run_everything(conn)
    assert sorted(spec.options.get("chunk", -1) for spec in ran) == [-1, 1, 2]
    assert job(conn, made.id).status == "done"
    assert task(conn, "encode/1").failures == 0


@pytest.mark.parametrize(("end", "code"), [(True, "job_done"), (False, "job_not_ended")])
def test_only_failed_and_cancelled_jobs_can_be_retried(conn: Connection, end: bool, code: str) -> None:
    made = toys.submit(conn)
    if end:
        toys.run_everything(conn)
    with pytest.raises(VidComputeError) as caught:
        jobs.retry(conn, ORG, made.id)
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, code)


@pytest.mark.parametrize(
    ("stage", "ran"),
    [
        ("package", ["package", "vmaf"]),
        ("vmaf", ["vmaf"]),
        ("encode", ["encode", "encode", "encode", "package", "vmaf"]),
    ],
)
def test_a_done_job_does_a_stage_over_with_what_depends_on_it(conn: Connection, stage: str, ran: list[str]) -> None:
    made = toys.submit(conn, vmaf=True)
    toys.run_everything(conn)
    again = jobs.retry(conn, ORG, made.id, stage)
    assert list(again.runs) == list(dict.fromkeys(ran))
    assert set(again.runs) | set(again.reused) == {"probe", "encode", "package", "vmaf"}
    assert assets.get(conn, ORG, made.asset_id).status == "ready"  # what was made is served meanwhile
    assert sorted(spec.stage for spec in toys.run_everything(conn)) == sorted(ran)
    assert job(conn, made.id).status == "done"
    assert toys.run_everything(conn) == []


def test_an_unknown_stage_is_refused_with_those_that_there_are(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    with pytest.raises(VidComputeError, match=r"Its stages are: encode, package\.") as caught:
        jobs.retry(conn, ORG, made.id, "transcribe")
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "stage_unknown")
    assert job(conn, made.id).status == "done"


def test_a_redo_that_is_cancelled_leaves_what_was_made_before(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    jobs.retry(conn, ORG, made.id, "encode")
    (encode, *_) = toys.run_until(conn, "encode")
    jobs.cancel(conn, ORG, made.id)
    assert not jobs.finish(conn, toys.done(encode), AT_ONCE).accepted
    assert assets.get(conn, ORG, made.asset_id).status == "ready"
    again = toys.submit(conn)
    assert toys.run_everything(conn) == []
    assert job(conn, again.id).status == "done"


def test_a_new_job_takes_an_earlier_ones_video_and_spec_and_resumes_from_a_stage(conn: Connection) -> None:
    earlier = toys.submit(conn, vmaf=True, title="first")
    toys.run_everything(conn)
    spec = JobSpec.model_validate({"input": {"job": earlier.id}, "resume_from": "package", "title": "second"})
    made = jobs.submit(conn, ORG, spec)
    assert made.spec["vmaf"] is True
    assert made.spec["input"] == earlier.spec["input"]
    assert assets.get(conn, ORG, made.asset_id).title == "second"
    assert [spec.stage for spec in toys.run_everything(conn)] == ["package", "vmaf"]
    assert (job(conn, made.id).status, job(conn, earlier.id).status) == ("done", "done")


def test_a_new_job_on_an_earlier_ones_video_alone_runs_what_is_new(conn: Connection) -> None:
    earlier = toys.submit_url(conn)
    toys.run_everything(conn)
    spec = JobSpec.model_validate({"input": {"job": earlier.id}, "vmaf": True})
    jobs.submit(conn, ORG, spec)
    assert [spec.stage for spec in toys.run_everything(conn)] == ["vmaf"]


def test_a_new_job_can_not_resume_from_what_the_earlier_one_did_not_have(conn: Connection) -> None:
    earlier = toys.submit(conn)
    spec = JobSpec.model_validate({"input": {"job": earlier.id}, "resume_from": "package"})
    with pytest.raises(VidComputeError, match="stage_unknown"):
        jobs.submit(conn, ORG, spec)


def test_jobs_have_deadlines_until_they_end(conn: Connection) -> None:
    plain = toys.submit(conn, "d1")
    hasty = toys.submit(conn, "d2", deadline_s=60, queue_deadline_s=10)
    begun = toys.submit(conn, "d3", deadline_s=60, queue_deadline_s=10)
    assert plain.deadline_ms is plain.queue_deadline_ms is None
    assert (hasty.deadline_ms, hasty.queue_deadline_ms) == (hasty.created_ms + 60_000, hasty.created_ms + 10_000)
    toys.advance(conn)
    (spec,) = toys.place(conn, *(t.id for t in toys.ready(conn) if jobs.tasks_of(conn, ORG, begun.id)[0].id == t.id))
    jobs.start(conn, spec.attempt_id)
    at = max(hasty.created_ms, begun.created_ms)
    assert jobs.overdue(conn, hasty.created_ms, 9) == {}
    assert jobs.next_deadline_ms(conn) == hasty.queue_deadline_ms
    waited = jobs.overdue(conn, at + 10_000, 9)
    assert {key: error.code for key, error in waited.items()} == {hasty.id: "job_waited_too_long"}
    late = jobs.overdue(conn, at + 60_000, 9)
    assert {key: error.code for key, error in late.items()} == dict.fromkeys(
        (hasty.id, begun.id), "job_deadline_passed"
    )
    for job_id, error in late.items():
        jobs.fail(conn, job_id, error)
    assert jobs.next_deadline_ms(conn) is None
    again = jobs.retry(conn, ORG, hasty.id).job
    assert again.deadline_ms is not None
    assert again.deadline_ms >= outbox.now_ms() + 59_000


def _dies(conn: Connection, digest: str, kind: Kind = Kind.INTERNAL) -> str:
    made = toys.submit(conn, digest)
    while job(conn, made.id).status != "failed":
        (probe,) = toys.run_until(conn, "probe")
        jobs.finish(conn, toys.failed(probe, kind), AT_ONCE)
    return made.id


def test_dead_jobs_are_listed_and_requeued(conn: Connection) -> None:
    dead = [_dies(conn, "d1"), _dies(conn, "d2")]
    refused = _dies(conn, "d3", Kind.REFUSED)
    done = toys.submit(conn, "d4")
    toys.run_everything(conn)
    listed = [found.id for found in jobs.list_jobs(conn, ORG, JobFilter(dead=True)).items]
    assert listed == [*reversed(dead)]
    rest = [found.id for found in jobs.list_jobs(conn, ORG, JobFilter(dead=False)).items]
    assert rest == [done.id, refused]
    first = jobs.requeue_dead(conn, ORG, 1)
    assert (first.job_ids, first.left) == ((dead[0],), 1)
    assert jobs.requeue_dead(conn, ORG, 10).job_ids == (dead[1],)
    toys.run_everything(conn)
    assert [job(conn, made).status for made in dead] == ["done", "done"]
    assert jobs.requeue_dead(conn, ORG, 10) == jobs.Requeued((), 0)


def test_stages_sum_up_their_tasks(conn: Connection) -> None:
    made = toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    jobs.finish(conn, toys.done(encodes[0]), AT_ONCE)
    for spec in encodes[1:]:
        jobs.start(conn, spec.attempt_id)
    begun = outbox.now_ms()
    conn.execute(update(schema.attempts).values(started_ms=begun - 1000))
    progress = Progress(encodes[1].attempt_id, 0.5, frame=50, fps=25.0)
    jobs.record_progress(conn, {progress.attempt_id: progress})
    now = jobs.list_stages(
        conn, job(conn, made.id), lambda _: {encodes[2].task_id: {"fraction": 0.25, "frame": 25, "fps": 20.0}}, begun
    )
    assert [s.name for s in now] == ["probe", "encode", "package"]
    encode = now[1]
    assert (encode.status, encode.tasks, encode.tasks_done, encode.attempts) == ("running", 3, 1, 3)
    assert encode.progress == {"fraction": round(1.75 / 3, 4), "frame": 75, "fps": 45.0}
    assert encode.duration_ms == 1000
    assert encode.eta_ms == round(1000 * (3 - 1.75) / 1.75, 0)
    assert encode.cost == {"cpu_s": 3.0, "wall_s": 3.0}
    assert encode.spent["cpu_s"] == 0.5
    assert len(encode.logs_keys) == 3
    assert (now[2].status, now[2].eta_ms, now[2].duration_ms) == ("waiting", None, None)


def test_lists_are_newest_first_with_cursors_and_filters(conn: Connection) -> None:
    made = [toys.submit(conn, f"d{n}").id for n in range(5)]
    conn.execute(update(schema.jobs).where(schema.jobs.c.id == made[0]).values(created_ms=5))
    jobs.cancel(conn, ORG, made[3])
    first = jobs.list_jobs(conn, ORG, limit=3)
    rest = jobs.list_jobs(conn, ORG, limit=3, cursor=first.next_cursor)
    assert sorted(j.id for j in (*first.items, *rest.items)) == sorted(made)
    assert [j.id for j in first.items] == sorted(made, reverse=True)[:3]
    assert rest.next_cursor is None

    def found(**only: Any) -> set[str]:
        return {j.id for j in jobs.list_jobs(conn, ORG, JobFilter(**only)).items}

    assert found(status="cancelled") == {made[3]}
    assert found(kind="media") == set(made)
    assert found(kind="other") == set()
    assert found(created_to_ms=6) == {made[0]}
    assert found(created_from_ms=6) == set(made[1:])
    with pytest.raises(VidComputeError, match="invalid_cursor"):
        jobs.list_jobs(conn, ORG, cursor="x")


def test_jobs_of_others_answer_like_jobs_that_do_not_exist(conn: Connection) -> None:
    made = toys.submit(conn)
    for call in (jobs.get_job, jobs.cancel, jobs.retry, jobs.tasks_of):
        with pytest.raises(VidComputeError, match="job_not_found"):
            call(conn, "org_other", made.id)
    assert jobs.list_jobs(conn, "org_other").items == ()


def test_events_of_a_job_are_those_of_itself_its_asset_and_its_tasks(conn: Connection) -> None:
    toys.submit(conn, "other")
    made = toys.submit(conn)
    toys.run_everything(conn)
    seen = jobs.events_of_job(conn, ORG, made.id, 0)
    mine = {t.id for t in jobs.tasks_of(conn, ORG, made.id)} | {made.id, made.asset_id}
    assert {e.subject_id for e in seen} == mine
    assert jobs.events_of_job(conn, ORG, made.id, seen[-2].seq) == seen[-1:]


def test_ready_tasks_come_by_priority_then_age_then_plan(conn: Connection) -> None:
    toys.submit(conn, "d1", priority="low")
    toys.submit(conn, "d2", priority="high")
    toys.submit(conn, "d3")
    toys.submit(conn, "d4")
    toys.advance(conn)
    assert [t.priority for t in toys.ready(conn)] == [2, 1, 1, 0]
    created = [t.created_ms for t in toys.ready(conn)[1:3]]
    assert created == sorted(created)
    toys.run_until(conn, "encode")
    now = gauges.gauges(conn, outbox.now_ms(), 0)
    assert (dict(now.ready), now.owned) == ({}, 12)


def test_plans_are_kept_as_they_were_made(conn: Connection) -> None:
    made = toys.submit(conn)
    assert jobs.plan_of(job(conn, made.id)) is None
    toys.run_everything(conn)
    plan = jobs.plan_of(job(conn, made.id))
    assert plan is not None
    assert plan.stages() == ["probe", "encode", "package"]
    assert set(jobs.artifacts_of(conn, ORG, made.id)) == {n.id for n in plan.nodes}


def test_a_long_queue_does_not_hide_the_tasks_of_others(conn: Connection) -> None:
    for number in range(30):
        toys.submit(conn, f"d{number}", priority="high")
    others = ["org_a", "org_z"]
    for name in others:
        conn.execute(insert(schema.organizations).values(id=name, name=name, created_ms=1))
        spec = JobSpec.model_validate({"input": "https://example.org/x.mp4", "outputs": ["hls"]})
        jobs.submit(conn, name, spec)
    assert [found.organization_id for found in jobs.unplanned(conn, 4)].count(ORG) == 2
    assert jobs.unplanned(conn, 3, after="org_a")[0].organization_id != "org_a"
    while toys.advance(conn):
        pass
    found = tasks.ready_tasks(conn, 2**62, 9).tasks
    assert {task.organization_id for task in found} == {ORG, *others}
    assert len(found) < 12
    assert tasks.ready_tasks(conn, 2**62, 1, after=ORG).tasks[0].organization_id == "org_a"


def test_looking_for_work_goes_along_the_queue_and_sorts_nothing(conn: Connection) -> None:
    asked: list[tuple[str, Any]] = []

    @event.listens_for(conn, "before_cursor_execute")
    def keep(_conn: Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    toys.submit(conn)
    toys.run_until(conn, "probe")
    toys.submit(conn, "d1")
    toys.advance(conn)
    asked.clear()
    assert len(tasks.ready_tasks(conn, 2**62, 64).tasks) == 1
    plans = [
        row[3]
        for statement, parameters in list(asked)
        for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        if "tasks" in row[3] or "SORT" in row[3] or "B-TREE" in row[3]
    ]
    assert plans
    assert all("ix_tasks_ready" in plan for plan in plans), plans
