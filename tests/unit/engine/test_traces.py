"""What the database keeps of jobs becomes spans: job, plan, tasks and attempts, each within what it is part of."""

import asyncio
from typing import Any

from sqlalchemy import Connection, text

from tests.fixtures.attempts import eventually
from tests.fixtures.waiting import wait_until
from tests.unit.engine import toys
from tests.unit.engine.toys import AT_ONCE, ORG
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch import tracing
from vidcompute.errors import Kind
from vidcompute.pipeline.spec import JobSpec
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.ports.tracing import Span, begin, within
from vidcompute.services import jobs, traces


def submit(conn: Connection, traceparent: str | None, digest: str = "d0") -> jobs.Job:
    source = toys.add_source(conn, digest)
    spec = JobSpec.model_validate({"input": {"source": source.id}, "outputs": ["hls"]})
    return jobs.submit(conn, ORG, spec, source=source, traceparent=traceparent)


def told(conn: Connection, seq: int = 0) -> list[Span]:
    spans: list[Span] = []
    while (ended := traces.ended_since(conn, seq, limit=3)).seq != seq:
        seq = ended.seq
        spans += ended.spans
    return spans


def of(spans: list[Span], traceparent: str) -> dict[str, Span]:
    """The spans of one trace by name; there are no two of a name."""
    mine = [span for span in spans if span.context[3:35] == traceparent[3:35]]
    assert len({span.context for span in mine}) == len({span.name for span in mine}) == len(mine)
    return {span.name: span for span in mine}


def test_a_job_is_a_tree_of_spans(conn: Connection) -> None:
    request = begin(None, 1.0)
    job = submit(conn, request)
    toys.run_everything(conn)
    found = of(told(conn), request)
    encodes = [f"encode/{n}" for n in range(3)]
    names = ["probe", *encodes, "package"]
    assert set(found) == {"job", "plan", *(f"task {n}" for n in names), *(f"attempt {n} 1" for n in names)}
    assert found["job"].parent == request
    assert found["job"].context == within(request, job.id)
    for name in names:
        assert found[f"task {name}"].parent == found["job"].context
        assert found[f"attempt {name} 1"].parent == found[f"task {name}"].context
        assert found[f"attempt {name} 1"].attributes["vidcompute.attempt.outcome"] == "ok"
        assert found[f"attempt {name} 1"].attributes["vidcompute.cpu_s"] == 0.5
        assert found[f"attempt {name} 1"].attributes["vidcompute.node"] == "local"
    assert found["plan"].attributes == {"vidcompute.tasks": 5, "vidcompute.stages": "probe encode package"}
    assert found["job"].attributes["vidcompute.job.status"] == "done"
    for span in found.values():
        assert found["job"].start_ms <= span.start_ms <= span.end_ms <= found["job"].end_ms
        assert span.error == ""


def test_each_attempt_is_told_with_its_end_and_the_dead_task_with_its_reason(conn: Connection) -> None:
    request = begin(None, 1.0)
    submit(conn, request)
    toys.advance(conn)
    for outcome in (Outcome.FAILED, Outcome.LOST, Outcome.CANCELLED, Outcome.FAILED, Outcome.FAILED):
        (spec,) = toys.place(conn, *(task.id for task in toys.ready(conn)))
        broken: dict[str, Any] = {"error_kind": Kind.INTERNAL, "error_code": "boom", "error_detail": "It broke."}
        jobs.finish(conn, Finished(spec.attempt_id, outcome, **broken), AT_ONCE)
    found = of(told(conn), request)
    outcomes = [found[f"attempt probe {n}"].attributes["vidcompute.attempt.outcome"] for n in range(1, 6)]
    assert outcomes == ["failed", "lost", "cancelled", "failed", "failed"]
    assert [bool(found[f"attempt probe {n}"].error) for n in range(1, 6)] == [True, True, False, True, True]
    assert found["task probe"].error == found["job"].error == "It broke."
    assert found["task probe"].attributes["vidcompute.task.attempts"] == 5
    assert found["task probe"].attributes["error.type"] == "boom"


def test_work_that_jobs_share_is_in_each_ones_trace_and_older_work_in_none(conn: Connection) -> None:
    first, second, late = (begin(None, 1.0) for _ in range(3))
    for request in (first, second):
        submit(conn, request)
    submit(conn, None)  # nobody traces this one
    toys.run_everything(conn)
    over_ms = outbox.now_ms()
    wait_until(lambda: outbox.now_ms() > over_ms, what="the next millisecond: what ends in it may be its own")
    submit(conn, late)
    toys.run_everything(conn)
    spans = told(conn)
    assert set(of(spans, first)) == set(of(spans, second))
    assert len(of(spans, first)) == 12
    assert set(of(spans, late)) == {"job", "plan"}
    assert len(spans) == 26


def test_a_cancelled_job_tells_of_what_ran(conn: Connection) -> None:
    request = begin(None, 1.0)
    job = submit(conn, request)
    toys.run_until(conn, "encode")
    jobs.cancel(conn, ORG, job.id)
    found = of(told(conn), request)
    assert found["job"].attributes["vidcompute.job.status"] == "cancelled"
    assert found["attempt encode/1 1"].attributes["vidcompute.attempt.outcome"] == "cancelled"
    assert "attempt package 1" not in found
    assert [span.error for span in found.values() if span.error] == []


def test_a_job_that_is_tried_again_belongs_to_the_request_that_said_so(conn: Connection) -> None:
    first, again = begin(None, 1.0), begin(None, 1.0)
    job = submit(conn, first)
    toys.advance(conn)
    (spec,) = toys.place(conn, *(task.id for task in toys.ready(conn)))
    jobs.finish(conn, toys.failed(spec, Kind.REFUSED), AT_ONCE)
    before, seq = told(conn), outbox.last_seq(conn)
    conn.execute(text("UPDATE events SET created_ms = created_ms - 5000"))
    conn.execute(text("UPDATE jobs SET created_ms = created_ms - 5000"))
    jobs.retry(conn, ORG, job.id, traceparent=again)
    toys.run_everything(conn)
    found = of(told(conn, seq), again)
    assert set(of(before, first)) == {"job", "task probe", "attempt probe 1"}
    assert found["job"].end_ms - found["job"].start_ms < 4000  # not from the first submit on
    assert {"attempt probe 2", "attempt package 1"} <= set(found)


class Kept:
    """Keeps spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(self, span: Span) -> None:
        self.spans.append(span)

    async def trouble(self) -> str | None:
        return None

    async def close(self) -> None:
        pass


async def test_only_the_one_that_leads_tells_and_from_then_on(db: Database) -> None:
    leads, looks = [False], [0]
    kept = Kept()

    def asked() -> bool:
        looks[0] += 1
        return leads[0]

    following = asyncio.create_task(tracing.follow(db, kept, asked))

    def one_more(conn: Connection, digest: str) -> None:
        submit(conn, begin(None, 1.0), digest)
        toys.run_everything(conn)

    await db.write(one_more, "d1")
    before = looks[0]
    await db.write(toys.submit, "d2")
    await eventually(lambda: looks[0] > before)
    leads[0] = True
    await db.write(one_more, "d3")
    await eventually(lambda: "job" in [span.name for span in kept.spans])
    assert [span.name for span in kept.spans].count("job") == 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
