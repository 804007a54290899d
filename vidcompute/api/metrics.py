"""Prometheus metrics: one registry for each application, fed by the middleware and by the outbox."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.services import jobs
from vidcompute.services.tasks import queries as tasks

CONTENT_TYPE = CONTENT_TYPE_LATEST
_log = logs.get(__name__)

_HTTP_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORK_S = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
_ENDS = {"job.done": "done", "job.failed": "failed", "job.cancelled": "cancelled"}
_BATCH = 1000


class Metrics:
    """Every metric of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.http_requests = Counter(
            "vidcompute_http_requests_total", "HTTP requests.", ["method", "route", "status"], registry=registry
        )
        self.http_duration_s = Histogram(
            "vidcompute_http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer; streams of events are left out.",
            ["method", "route"],
            buckets=_HTTP_S,
            registry=registry,
        )
        self.http_in_flight = Gauge(
            "vidcompute_http_requests_in_flight", "HTTP requests that are being answered.", registry=registry
        )
        self.build = Gauge("vidcompute_build_info", "What is running.", ["version", "ffmpeg"], registry=registry)
        self._add_work(registry)
        self._add_scheduler(registry)

    def _add_work(self, registry: CollectorRegistry) -> None:
        self.jobs = Counter("vidcompute_jobs_total", "Jobs that ended, by how.", ["kind", "status"], registry=registry)
        self.jobs_failed = Counter(
            "vidcompute_jobs_failed_total",
            "Jobs that failed, by the code of their error.",
            ["kind", "code"],
            registry=registry,
        )
        self.job_duration_s = Histogram(
            "vidcompute_job_duration_seconds",
            "Time from a job's creation to its end.",
            ["kind", "status"],
            buckets=_WORK_S,
            registry=registry,
        )
        self.stage_duration_s = Histogram(
            "vidcompute_stage_duration_seconds",
            "Time from the start to the end of a task that succeeded.",
            ["stage"],
            buckets=_WORK_S,
            registry=registry,
        )
        self.stage_failures = Counter(
            "vidcompute_stage_failures_total",
            "Attempts that failed, by stage and code.",
            ["stage", "code"],
            registry=registry,
        )
        self.encoded_media_s = Counter(
            "vidcompute_encoded_media_seconds_total",
            "Seconds of media that were encoded; a second counts once for each rendition.",
            registry=registry,
        )

    def _add_scheduler(self, registry: CollectorRegistry) -> None:
        self.queue_depth = Gauge(
            "vidcompute_scheduler_queue_depth", "Tasks that are ready to be placed.", registry=registry
        )
        self.tasks_live = Gauge("vidcompute_tasks_running", "Tasks that are placed or running.", registry=registry)
        self.jobs_now = Gauge(
            "vidcompute_jobs_current", "Jobs there are now, by status.", ["kind", "status"], registry=registry
        )
        self.jobs_scheduled = Counter(
            "vidcompute_scheduler_jobs_scheduled_total", "Jobs whose first task was started.", registry=registry
        )
        self.tasks_scheduled = Counter(
            "vidcompute_scheduler_tasks_placed_total",
            "Attempts that were placed, by stage.",
            ["stage"],
            registry=registry,
        )

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def take(self, event: outbox.Event) -> None:
        """Count what an event tells."""
        data = event.data
        if event.type in _ENDS:
            self._job_ended(_ENDS[event.type], data)
        elif event.type == "job.started":
            self.jobs_scheduled.inc()
        elif event.type == "task.placed":
            self.tasks_scheduled.labels(data["stage"]).inc()
        elif event.type == "task.done" and "duration_ms" in data:
            self.stage_duration_s.labels(data["stage"]).observe(data["duration_ms"] / 1000)
        elif event.type.startswith("task.") and "error_code" in data:
            self.stage_failures.labels(data["stage"], data["error_code"]).inc()

    def _job_ended(self, status: str, data: Any) -> None:
        self.jobs.labels(data["kind"], status).inc()
        if "duration_ms" in data:
            self.job_duration_s.labels(data["kind"], status).observe(data["duration_ms"] / 1000)
        if status == "failed":
            self.jobs_failed.labels(data["kind"], data.get("error_code", "unknown")).inc()

    async def sample(self, db: Database) -> None:
        """Bring the gauges up to date with the database."""
        jobs_now, tasks_now = await db.read(_counts)
        self.queue_depth.set(tasks_now.get("ready", 0))
        self.tasks_live.set(tasks_now.get("placed", 0) + tasks_now.get("running", 0))
        self.jobs_now.clear()
        for (kind, status), number in jobs_now.items():
            self.jobs_now.labels(kind, status).set(number)


def _counts(conn: Connection) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    return jobs.counts(conn), tasks.count_by_status(conn)


async def follow(metrics: Metrics, db: Database, started: asyncio.Event) -> None:
    """Count every event that is emitted from now on, until cancelled; `started` is set when it listens."""
    with db.subscribe() as subscription:
        seq = await db.read(outbox.last_seq)
        started.set()
        while True:
            await subscription.wait()
            while True:
                events, media_s = await db.read(_after, seq)
                if not events:
                    break
                seq = events[-1].seq
                _take_all(metrics, events)
                metrics.encoded_media_s.inc(media_s)


def _take_all(metrics: Metrics, events: Iterable[outbox.Event]) -> None:
    for event in events:
        try:
            metrics.take(event)
        except (KeyError, TypeError):
            _log.exception("event_not_counted", event_type=event.type, seq=event.seq)


def _after(conn: Connection, seq: int) -> tuple[list[outbox.Event], float]:
    """The events after `seq`, and the seconds of media that were encoded by the tasks that they say are done."""
    events = outbox.all_since(conn, seq, limit=_BATCH)
    done = [e.subject_id for e in events if e.type == "task.done" and e.data.get("stage") == "encode"]
    return events, sum(_media_s(facts) for facts in tasks.facts_of(conn, done))


def _media_s(facts: Mapping[str, Any]) -> float:
    """The length of all tracks that an encode made, each rendition for itself."""
    tracks = [track for track in facts.get("tracks", {}).values() if track]
    return sum((sum(s["duration"] for s in track["segments"]) / track["timescale"] for track in tracks), start=0.0)
