"""From a request to the attempts that it set going: one trace, over the processes that took part."""

import time
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, Json, running
from tests.e2e.numbered import picture, tone
from tests.fixtures.clips import ClipMaker
from tests.fixtures.collector import Collector, Told
from tests.fixtures.waiting import wait_until

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SMALL: Json = {"outputs": ["hls"], "renditions": [{"height": 144}]}


@pytest.fixture
def short(clip: ClipMaker) -> Path:
    return clip(
        "numbered-traced",
        [*picture(seconds="3"), *tone("3"), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    )


def _within(child: Told, parent: Told) -> bool:
    return (child.trace, child.parent) == (parent.trace, parent.span)


def test_a_trace_leads_from_the_request_to_every_attempt(tmp_path: Path, short: Path, collector: Collector) -> None:
    with running(tmp_path / "data", VIDCOMPUTE_OTLP_ENDPOINT=collector.url) as driver:
        assert "_upb" in _mapped(driver)
        driver.http.headers["traceparent"] = CALLER
        job = driver.submit(short, **SMALL)
        del driver.http.headers["traceparent"]
        stages = driver.done(job["id"])["stages"]
        wait_until(lambda: collector.named("job"), what="the job's span")
    (request,) = collector.named("POST /api/v1/jobs")
    assert (request.trace, request.parent) == (CALLER[3:35], CALLER[36:52])
    assert request.attributes["http.response.status_code"] == 201
    logged = [line for line in driver.server.log_text().splitlines() if request.trace in line]
    assert any(request.attributes["vidcompute.request.id"] in line for line in logged)
    (whole,) = collector.named("job")
    assert _within(whole, request)
    assert whole.attributes["vidcompute.job.id"] == job["id"]
    assert whole.attributes["vidcompute.job.status"] == "done"
    (planning,) = collector.named("plan")
    assert _within(planning, whole)
    tasks, attempts = collector.named("task"), collector.named("attempt")
    assert len(tasks) == len(attempts) == sum(stage["attempts"] for stage in stages)
    assert {task.attributes["vidcompute.stage"] for task in tasks} == {stage["name"] for stage in stages}
    assert all(_within(task, whole) for task in tasks)
    parents = {task.span: task for task in tasks}
    for attempt in attempts:
        assert _within(attempt, parents[attempt.parent])
        assert attempt.attributes["vidcompute.attempt.outcome"] == "ok"
        assert attempt.attributes["vidcompute.node"]
        assert attempt.attributes["vidcompute.cpu_s"] > 0
    spent = sum(attempt.end_ns - attempt.start_ns for attempt in attempts) / 1e9
    assert spent >= 0.5 * sum(stage["spent"]["wall_s"] for stage in stages)
    assert {span.trace for span in collector.named("GET /api/v1/jobs")} & {request.trace} == set()


def test_a_collector_that_is_away_changes_nothing(tmp_path: Path, short: Path) -> None:
    with running(tmp_path / "data", VIDCOMPUTE_OTLP_ENDPOINT="http://127.0.0.1:1") as driver:
        assert driver.done(driver.submit(short, **SMALL)["id"])["status"] == "done"
        began_s = time.monotonic()
        for _ in range(50):
            assert driver.http.get("/api/v1/version").status_code == 200
        assert time.monotonic() - began_s < 5
        assert driver.get("/ready").json()["status"] == "ready"
        began_s = time.monotonic()
        assert driver.server.stop() == 0
        assert time.monotonic() - began_s < 10
    assert driver.server.log_text().count("spans_not_sent") == 1


def test_without_a_collector_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    with running(tmp_path / "data") as driver:
        assert "_upb" not in _mapped(driver)  # of Protocol Buffers
        assert "hiredis" not in _mapped(driver)


def _mapped(driver: Driver) -> str:
    """The files that the server has loaded."""
    assert driver.server.process is not None
    return Path(f"/proc/{driver.server.process.pid}/maps").read_text()
