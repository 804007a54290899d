"""What the metrics tell of queues, retries, dead letters, nodes and the database."""

import asyncio
import re
from dataclasses import replace
from typing import Any, cast

import httpx2
from sqlalchemy import Connection, event, text

from tests.unit.api.conftest import Platform, until
from tests.unit.engine import toys
from vidcompute.api.app import create_app
from vidcompute.api.metrics import Metrics
from vidcompute.db import outbox
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.services import gauges, jobs
from vidcompute.services.gauges import DispatchState, NodeUse


def sample(text_: str, line: str) -> float | None:
    found = re.search(rf"^{re.escape(line)} (\S+)$", text_, re.MULTILINE)
    return None if found is None else float(found.group(1))


async def metrics_of(client: httpx2.AsyncClient) -> str:
    return (await client.get("/metrics")).text


async def test_the_queue_is_told_by_priority_with_its_age(client: httpx2.AsyncClient, platform: Platform) -> None:
    for digest, priority in (("d1", "high"), ("d2", "low"), ("d3", "low")):
        await platform.deps.db.write(toys.submit, digest, priority=priority)
    await platform.deps.db.write(toys.advance)

    def age(conn: Connection) -> None:
        conn.execute(text("UPDATE tasks SET ready_ms = ready_ms - 90000 WHERE priority = 0"))
        conn.execute(text("UPDATE tasks SET ready_ms = ready_ms + 90000 WHERE priority = 2"))

    await platform.deps.db.write(age)
    told = await metrics_of(client)
    depth, oldest, postponed = (
        [sample(told, f'vidcompute_scheduler_{name}{{priority="{p}"}}') for p in ("high", "normal", "low")]
        for name in ("queue_depth", "oldest_ready_seconds", "postponed")
    )
    assert (depth, postponed) == ([0, 0, 2], [1, 0, 0])
    assert oldest[:2] == [0, 0]
    assert oldest[2] is not None
    assert 90 <= oldest[2] < 120
    assert sample(told, "vidcompute_database_up") == 1


async def test_methods_that_somebody_makes_up_get_no_lines_of_their_own(client: httpx2.AsyncClient) -> None:
    for number in range(3):
        assert (await client.request(f"MADE{number}", "/health")).status_code == 405
    told = await metrics_of(client)
    assert "MADE" not in told
    (counted,) = re.findall(
        r'^vidcompute_http_requests_total\{method="other",.*status="405"\} (\S+)$', told, re.MULTILINE
    )
    assert float(counted) == 3


async def test_retries_losses_and_dead_letters_are_counted_by_reason(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    job = await platform.deps.db.write(toys.submit)
    ends = [
        (Outcome.FAILED, Kind.UNAVAILABLE, "url_unreachable", False),
        (Outcome.LOST, None, "attempt_lost", False),
        (Outcome.LOST, None, "server_stopped", True),
        (Outcome.FAILED, Kind.UNAVAILABLE, "url_unreachable", False),
        (Outcome.FAILED, Kind.UNAVAILABLE, "url_unreachable", False),
    ]
    for outcome, kind, code, draining in ends:
        (spec,) = await platform.run_until("probe")
        ended = Finished(spec.attempt_id, outcome, error_kind=kind, error_code=code, error_detail="No.")
        await platform.deps.db.write(jobs.finish, ended, toys.AT_ONCE, draining=draining)
    assert (await platform.deps.db.read(jobs.get_job, toys.ORG, job.id)).status == "failed"
    metrics = platform.app.state.metrics
    await until(lambda: 'vidcompute_dead_jobs_total{kind="media"} 1.0' in metrics.render().decode())
    told = await metrics_of(client)
    retries = {
        reason: sample(told, f'vidcompute_task_retries_total{{reason="{reason}",stage="probe"}}')
        for reason in ("failed", "lost", "handed_back")
    }
    assert retries == {"failed": 2, "lost": 1, "handed_back": 1}
    assert sample(told, 'vidcompute_attempts_lost_total{stage="probe"}') == 1
    assert sample(told, 'vidcompute_dead_tasks_total{code="url_unreachable",stage="probe"}') == 1
    assert sample(told, 'vidcompute_dead_tasks_current{stage="probe"}') == 1
    assert sample(told, 'vidcompute_dead_jobs_current{kind="media"}') == 1
    await client.post(f"/api/v1/jobs/{job.id}/retry")
    told = await metrics_of(client)
    assert sample(told, 'vidcompute_dead_jobs_current{kind="media"}') is None
    assert sample(told, 'vidcompute_dead_tasks_current{stage="probe"}') is None


async def test_what_happened_just_now_is_counted_when_somebody_asks(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    line = "vidcompute_scheduler_jobs_scheduled_total"
    begun = sample(await metrics_of(client), line) or 0
    for number in range(3):
        await platform.deps.db.write(toys.submit, str(number))
        (spec,) = await platform.run_until("probe")
        await platform.deps.db.write(jobs.start, spec.attempt_id)
        assert sample(await metrics_of(client), line) == begun + number + 1
        await platform.end(toys.done(spec))


async def test_an_attempt_that_was_lost_once_too_often_is_counted_as_lost_and_dead(platform: Platform) -> None:
    await platform.deps.db.write(toys.submit)
    for _ in range(toys.AT_ONCE.max_losses):
        (spec,) = await platform.run_until("probe")
        await platform.end(Finished(spec.attempt_id, Outcome.LOST))
    metrics = platform.app.state.metrics
    await until(
        lambda: 'vidcompute_dead_tasks_total{code="attempt_lost",stage="probe"} 1.0' in metrics.render().decode()
    )
    lost = sample(metrics.render().decode(), 'vidcompute_attempts_lost_total{stage="probe"}')
    assert lost == toys.AT_ONCE.max_losses


async def test_the_wait_for_a_start_is_measured_for_tasks_and_for_jobs(platform: Platform) -> None:
    await platform.deps.db.write(toys.submit)

    def earlier(conn: Connection) -> None:
        conn.execute(text("UPDATE tasks SET ready_ms = ready_ms - 3000"))
        conn.execute(text("UPDATE events SET created_ms = created_ms - 4000 WHERE type = 'job.created'"))

    (spec,) = await platform.run_until("probe")
    await platform.deps.db.write(earlier)
    await platform.deps.db.write(jobs.start, spec.attempt_id)
    metrics = platform.app.state.metrics
    await until(lambda: 'task_wait_seconds_count{stage="probe"} 1.0' in metrics.render().decode())
    told = metrics.render().decode()
    task_s = sample(told, 'vidcompute_scheduler_task_wait_seconds_sum{stage="probe"}')
    job_s = sample(told, 'vidcompute_scheduler_job_wait_seconds_sum{kind="media"}')
    assert task_s is not None
    assert job_s is not None
    assert 3 <= task_s < 4 <= job_s < 30


async def test_scrapes_at_one_time_share_one_look_and_parts_that_are_away_are_told(platform: Platform) -> None:
    looks: list[int] = []

    async def redis() -> str | None:
        looks.append(1)
        await asyncio.to_thread(looks.count, 1)  # it takes a moment
        return "Redis is away"

    async def broken() -> str | None:
        raise RuntimeError("It broke.")

    app = platform.with_others(lesser_checks={"redis": redis, "other": broken})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        told = await asyncio.gather(*(metrics_of(client) for _ in range(5)))
        shared = len(looks)
        assert shared < 5
        assert {sample(text_, 'vidcompute_degraded{part="redis"}') for text_ in told} == {1}
        assert sample(await metrics_of(client), 'vidcompute_degraded{part="other"}') == 1
        assert len(looks) == shared + 1


async def test_the_nodes_are_those_that_the_dispatcher_sees(platform: Platform) -> None:
    there = [NodeUse("one", 2, 8.0, 3.0, 0.5, 100, 40, 2, 1.5, 200, 50), NodeUse("two", *[0] * 10)]

    async def state() -> DispatchState:
        return DispatchState(leads=bool(there), epoch=7 if there else None, nodes=tuple(there))

    app = platform.with_others(dispatch_state=state)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        told = await metrics_of(client)
        assert sample(told, 'vidcompute_node_cpu_used_cores{node="one",work="background"}') == 3
        assert sample(told, 'vidcompute_node_gpus_used{node="one"}') == 1.5
        assert sample(told, 'vidcompute_node_memory_bytes{node="two"}') == 0
        assert (sample(told, "vidcompute_scheduler_leads"), sample(told, "vidcompute_scheduler_lease_epoch")) == (1, 7)
        there.clear()
        told = await metrics_of(client)
        assert "vidcompute_node_cpu_cores{" not in told
        assert sample(told, "vidcompute_scheduler_leads") == 0


async def test_without_the_database_the_rest_is_told_and_counting_goes_on_afterwards(
    platform: Platform, client: httpx2.AsyncClient
) -> None:
    away = [True]
    read = platform.deps.db.read

    class Fickle:
        subscribe = platform.deps.db.subscribe

        async def read(self, step: Any, *args: Any) -> Any:
            if away[0]:
                raise VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "It is away.")
            return await read(step, *args)

    app = create_app(replace(platform.deps, db=cast(Any, Fickle())))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as other,
    ):
        answer = await other.get("/metrics")
        assert (answer.status_code, sample(answer.text, "vidcompute_database_up")) == (200, 0)
        away[0] = False
        await until(lambda: app.state.meter.has_begun)
        await client.post("/api/v1/jobs", json={"input": "https://example.org/a.mp4"})
        await platform.run_until("fetch")
        await until(lambda: 'tasks_placed_total{stage="fetch"} 1.0' in app.state.metrics.render().decode())
        assert sample(await metrics_of(other), "vidcompute_outbox_lag_events") == 0


async def test_what_was_sent_is_counted_by_what_came_of_it(client: httpx2.AsyncClient, platform: Platform) -> None:
    outcomes: Metrics = platform.app.state.metrics
    for outcome in ("delivered", "delivered", "url_timeout"):
        outcomes.webhook_attempted(outcome, 300)
    outcomes.mail_attempted("reset", "postponed")
    outcomes.events_published(7)
    outcomes.broker_failed()
    hook = await client.post("/api/v1/webhooks", json={"url": "https://example.org/", "events": ["*"]})
    await client.post(f"/api/v1/webhooks/{hook.json()['id']}/ping")
    await client.post("/api/v1/invitations", json={"email": "ann@example.org"})
    gone = {"webhook_id": hook.json()["id"], "url": "https://example.org/", "reason": "gone"}
    await platform.deps.db.write(outbox.emit, toys.ORG, "webhook.disabled", gone["webhook_id"], gone)
    await until(lambda: b'vidcompute_webhooks_disabled_total{reason="gone"} 1.0' in outcomes.render())
    told = await metrics_of(client)
    assert sample(told, 'vidcompute_webhook_attempts_total{outcome="delivered"}') == 2
    assert sample(told, 'vidcompute_webhook_attempts_total{outcome="url_timeout"}') == 1
    assert sample(told, "vidcompute_webhook_attempt_duration_seconds_count") == 3
    assert sample(told, 'vidcompute_mail_attempts_total{outcome="postponed",template="reset"}') == 1
    assert sample(told, "vidcompute_broker_events_total") == 7
    assert sample(told, "vidcompute_broker_failures_total") == 1
    assert (sample(told, "vidcompute_webhook_deliveries_waiting"), sample(told, "vidcompute_mails_waiting")) == (1, 1)


def test_what_has_ended_costs_a_sample_nothing() -> None:
    """Every count reads an index that holds only what it counts."""
    conn = toys.memory_connection()
    plans: list[str] = []

    @event.listens_for(conn, "before_cursor_execute")
    def explain(_conn: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        raw = conn.connection.driver_connection
        assert raw is not None
        steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        plans.extend(step for step in steps if step.startswith(("SCAN", "SEARCH")))

    gauges.gauges(conn, now_ms(), 0)
    used = {match.group(1) for plan in plans if (match := re.search(r"INDEX (ix_\w+)", plan))}
    work = {"ix_tasks_postponed", "ix_tasks_dead", "ix_jobs_live", "ix_jobs_failed", "ix_attempts_live"}
    assert used == work | {"ix_deliveries_due", "ix_mails_due"}
    assert [plan for plan in plans if "INDEX" not in plan] == [
        plan for plan in plans if plan.startswith("SEARCH events USING INTEGER PRIMARY KEY") or plan == "SEARCH events"
    ]
    conn.close()
