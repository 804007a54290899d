"""Prometheus metrics: one registry for each application, fed by the middleware and by `sampling`."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from vidcompute.db.outbox import Event
from vidcompute.errors import Kind
from vidcompute.pipeline.spec import Priority
from vidcompute.ports.outcomes import MailOutcome
from vidcompute.services.gauges import DispatchState, Gauges, NodeUse

CONTENT_TYPE = CONTENT_TYPE_LATEST

_HTTP_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORK_S = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
_WAIT_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_SENT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60)
_ENDS = {"job.done": "done", "job.failed": "failed", "job.cancelled": "cancelled"}
_RETRIES = {"postpone": "failed", "lose": "lost", "hand_back": "handed_back"}
_CLEANED = ("expired", "purged", "sources", "frames", "logs")


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
        self._add_trouble(registry)
        self._add_scheduler(registry)
        self._add_nodes(registry)
        self._add_outbox(registry)
        self._add_cleanup(registry)
        self._add_quotas(registry)
        self._add_sent(registry)

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

    def _add_trouble(self, registry: CollectorRegistry) -> None:
        self.retries = Counter(
            "vidcompute_task_retries_total",
            "Attempts whose task is tried again, by why: failed, lost, handed_back.",
            ["stage", "reason"],
            registry=registry,
        )
        self.lost = Counter(
            "vidcompute_attempts_lost_total", "Attempts whose process or node was lost.", ["stage"], registry=registry
        )
        self.dead_tasks = Counter(
            "vidcompute_dead_tasks_total",
            "Tasks that became dead letters, by the code of their last error.",
            ["stage", "code"],
            registry=registry,
        )
        self.dead_jobs = Counter(
            "vidcompute_dead_jobs_total",
            "Jobs that failed because a task used up its attempts.",
            ["kind"],
            registry=registry,
        )
        self.dead_tasks_now = Gauge(
            "vidcompute_dead_tasks_current", "Dead tasks there are now.", ["stage"], registry=registry
        )
        self.dead_jobs_now = Gauge(
            "vidcompute_dead_jobs_current", "Dead jobs there are now.", ["kind"], registry=registry
        )

    def _add_scheduler(self, registry: CollectorRegistry) -> None:
        self.queue_depth = Gauge(
            "vidcompute_scheduler_queue_depth", "Tasks that are ready to be placed.", ["priority"], registry=registry
        )
        self.oldest_ready_s = Gauge(
            "vidcompute_scheduler_oldest_ready_seconds",
            "How long the task that has been ready longest has been so; 0 where none is ready.",
            ["priority"],
            registry=registry,
        )
        self.postponed = Gauge(
            "vidcompute_scheduler_postponed",
            "Tasks that wait for the time of their next attempt.",
            ["priority"],
            registry=registry,
        )
        self.tasks_live = Gauge("vidcompute_tasks_running", "Tasks that are placed or running.", registry=registry)
        self.jobs_now = Gauge(
            "vidcompute_jobs_current", "Jobs that have not ended, by status.", ["kind", "status"], registry=registry
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
        self.task_wait_s = Histogram(
            "vidcompute_scheduler_task_wait_seconds",
            "Time from a task being ready to the start of its attempt.",
            ["stage"],
            buckets=_WAIT_S,
            registry=registry,
        )
        self.job_wait_s = Histogram(
            "vidcompute_scheduler_job_wait_seconds",
            "Time from a job being submitted, or queued again, to the start of its first attempt.",
            ["kind"],
            buckets=_WAIT_S,
            registry=registry,
        )
        self.leads = Gauge(
            "vidcompute_scheduler_leads", "1 where this server's dispatcher leads, 0 on standby.", registry=registry
        )
        self.epoch = Gauge(
            "vidcompute_scheduler_lease_epoch", "Epoch of the lease by which it leads; 0 on standby.", registry=registry
        )

    def _add_nodes(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"vidcompute_node_{name}", meaning, ["node", *labels], registry=registry)

        self.node_attempts = gauge("attempts", "Attempts on a node.")
        self.node_cpu = gauge("cpu_cores", "Cores of a node.")
        self.node_cpu_used = gauge(
            "cpu_used_cores", "Cores that attempts hold; background and foreground ones apart.", "work"
        )
        self.node_memory = gauge("memory_bytes", "Memory of a node.")
        self.node_memory_used = gauge("memory_used_bytes", "Memory that attempts hold.")
        self.node_gpus = gauge("gpus", "GPUs of a node.")
        self.node_gpus_used = gauge("gpus_used", "GPUs that attempts hold; fractions where they are shared.")
        self.node_gpu_memory = gauge("gpu_memory_bytes", "Memory of a node's GPUs.")
        self.node_gpu_memory_used = gauge("gpu_memory_used_bytes", "Memory of GPUs that attempts hold.")

    def _add_outbox(self, registry: CollectorRegistry) -> None:
        self.outbox_lag = Gauge(
            "vidcompute_outbox_lag_events", "Events that this server has not taken up yet.", registry=registry
        )
        self.outbox_lag_s = Gauge(
            "vidcompute_outbox_lag_seconds", "Age of the oldest of them; 0 where there is none.", registry=registry
        )
        self.degraded = Gauge(
            "vidcompute_degraded",
            "1 where a part is away that the platform can do without, by part.",
            ["part"],
            registry=registry,
        )
        self.database_up = Gauge(
            "vidcompute_database_up",
            "1 where the database answered; where it did not, what is counted in it is not told.",
            registry=registry,
        )

    def _add_cleanup(self, registry: CollectorRegistry) -> None:
        self.cleanups = Counter(
            "vidcompute_cleanups_total",
            "Clean-ups, by how they ended.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("done", "failed"):  # from 0 on: the first one that fails is to be seen
            self.cleanups.labels(outcome)
        self.cleaned = Counter(
            "vidcompute_cleanup_taken_total",
            "What clean-ups took: assets that expired or went for good, sources, frames, logs.",
            ["what"],
            registry=registry,
        )
        self.freed = Counter("vidcompute_cleanup_freed_bytes_total", "Room that clean-ups made.", registry=registry)
        self.cleanup_s = Gauge(
            "vidcompute_cleanup_duration_seconds", "How long the last clean-up took.", registry=registry
        )

    def _add_quotas(self, registry: CollectorRegistry) -> None:
        self.delivered_bytes = Counter(
            "vidcompute_delivered_bytes_total", "Bytes that were sent to viewers.", registry=registry
        )
        self.quota_refusals = Counter(
            "vidcompute_quota_refusals_total",
            "Requests that were refused because of an organization's limit, by limit.",
            ["quota"],
            registry=registry,
        )
        self.quotas_near = Counter(
            "vidcompute_quotas_near_total",
            "Limits of which most was used up; counted once for each organization and month.",
            ["quota"],
            registry=registry,
        )

    def _add_sent(self, registry: CollectorRegistry) -> None:
        self.webhook_attempts = Counter(
            "vidcompute_webhook_attempts_total",
            "Attempts at deliveries: delivered, or the code of what was wrong.",
            ["outcome"],
            registry=registry,
        )
        self.webhook_attempt_s = Histogram(
            "vidcompute_webhook_attempt_duration_seconds",
            "Time from the beginning of an attempt at a delivery to its end.",
            buckets=_SENT_S,
            registry=registry,
        )
        self.webhooks_disabled = Counter(
            "vidcompute_webhooks_disabled_total",
            "Webhooks that the platform switched off, by why: failing, gone.",
            ["reason"],
            registry=registry,
        )
        self.deliveries_waiting = Gauge(
            "vidcompute_webhook_deliveries_waiting", "Deliveries that wait for an attempt.", registry=registry
        )
        self.mail_attempts = Counter(
            "vidcompute_mail_attempts_total",
            "Attempts to hand mails over: sent, postponed (tried again later), failed (for good).",
            ["template", "outcome"],
            registry=registry,
        )
        self.mails_waiting = Gauge("vidcompute_mails_waiting", "Mails that wait for an attempt.", registry=registry)
        self.broker_events = Counter(
            "vidcompute_broker_events_total", "Events that the broker has taken.", registry=registry
        )
        self.broker_failures = Counter(
            "vidcompute_broker_failures_total", "Times that the broker did not take events.", registry=registry
        )

    def webhook_attempted(self, outcome: str, latency_ms: int) -> None:
        """See `ports.outcomes.Outcomes`, which this implements."""
        self.webhook_attempts.labels(outcome).inc()
        self.webhook_attempt_s.observe(latency_ms / 1000)

    def mail_attempted(self, template: str, outcome: MailOutcome) -> None:
        """See `Outcomes`."""
        self.mail_attempts.labels(template, outcome).inc()

    def events_published(self, count: int) -> None:
        """See `Outcomes`."""
        self.broker_events.inc(count)

    def broker_failed(self) -> None:
        """See `Outcomes`."""
        self.broker_failures.inc()

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def take(self, event: Event, queued_ms: Mapping[str, int] | None = None) -> None:
        """Count what an event tells. `queued_ms` is when the jobs that it may speak of were queued."""
        data = event.data
        if event.type in _ENDS:
            self._job_ended(_ENDS[event.type], data)
        elif event.type == "job.started":
            self.jobs_scheduled.inc()
            since_ms = (queued_ms or {}).get(event.subject_id)
            if since_ms is not None:
                self.job_wait_s.labels(data["kind"]).observe(max(0, event.created_ms - since_ms) / 1000)
        elif event.type == "quota.near":
            self.quotas_near.labels(data["quota"]).inc()
        elif event.type == "webhook.disabled":
            self.webhooks_disabled.labels(data["reason"]).inc()
        elif event.type.startswith("task."):
            self._take_task(event, data["stage"])
        elif event.type.startswith("cleanup."):
            self._take_cleanup(event)

    def _take_cleanup(self, event: Event) -> None:
        self.cleanups.labels(event.type.partition(".")[2]).inc()
        for what in _CLEANED:
            self.cleaned.labels(what).inc(event.data[what])
        self.freed.inc(event.data["freed_bytes"])
        self.cleanup_s.set(event.data["duration_ms"] / 1000)

    def _take_task(self, event: Event, stage: str) -> None:
        data = event.data
        if event.type == "task.placed":
            self.tasks_scheduled.labels(stage).inc()
        elif event.type == "task.running" and data.get("ready_ms") is not None:
            self.task_wait_s.labels(stage).observe(max(0, event.created_ms - data["ready_ms"]) / 1000)
        elif event.type == "task.done" and "duration_ms" in data:
            self.stage_duration_s.labels(stage).observe(data["duration_ms"] / 1000)
        if "error_code" in data:
            self.stage_failures.labels(stage, data["error_code"]).inc()
        if event.type == "task.dead":
            self.dead_tasks.labels(stage, data["error_code"]).inc()
        reason = _RETRIES.get(data.get("reason", ""))
        if reason is not None:
            self.retries.labels(stage, reason).inc()
        if "lost" in {reason, data.get("outcome")}:
            self.lost.labels(stage).inc()

    def _job_ended(self, status: str, data: Any) -> None:
        self.jobs.labels(data["kind"], status).inc()
        if "duration_ms" in data:
            self.job_duration_s.labels(data["kind"], status).observe(data["duration_ms"] / 1000)
        if status == "failed":
            self.jobs_failed.labels(data["kind"], data.get("error_code", "unknown")).inc()
            kind = data.get("error_kind")
            if kind in set(Kind) and Kind(kind).retryable:
                self.dead_jobs.labels(data["kind"]).inc()

    def show(self, now: Gauges, at_ms: int) -> None:
        """Set the gauges of what is in the database."""
        for priority in Priority:
            self.queue_depth.labels(priority).set(now.ready.get(priority, 0))
            age_ms = at_ms - now.oldest_ready_ms.get(priority, at_ms)
            self.oldest_ready_s.labels(priority).set(max(0, age_ms) / 1000)
            self.postponed.labels(priority).set(now.postponed.get(priority, 0))
        self.tasks_live.set(now.owned)
        for gauge in (self.jobs_now, self.dead_tasks_now, self.dead_jobs_now):
            gauge.clear()
        for (kind, status), number in now.jobs.items():
            self.jobs_now.labels(kind, status).set(number)
        for stage, number in now.dead_tasks.items():
            self.dead_tasks_now.labels(stage).set(number)
        for kind, number in now.dead_jobs.items():
            self.dead_jobs_now.labels(kind).set(number)
        self.deliveries_waiting.set(now.deliveries_waiting)
        self.mails_waiting.set(now.mails_waiting)
        self.outbox_lag.set(now.lag.events)
        since_ms = now.lag.since_ms if now.lag.since_ms is not None else at_ms
        self.outbox_lag_s.set(max(0, at_ms - since_ms) / 1000)

    def show_dispatch(self, state: DispatchState) -> None:
        """Set the gauges of the dispatcher and of its nodes; a node that is gone is not told of any more."""
        self.leads.set(int(state.leads))
        self.epoch.set(state.epoch or 0)
        for name, gauge in vars(self).items():
            if name.startswith("node_"):
                gauge.clear()
        for node in state.nodes:
            self._show_node(node)

    def _show_node(self, node: NodeUse) -> None:
        self.node_attempts.labels(node.name).set(node.attempts)
        self.node_cpu.labels(node.name).set(node.cpu)
        self.node_cpu_used.labels(node.name, "background").set(node.cpu_background)
        self.node_cpu_used.labels(node.name, "foreground").set(node.cpu_foreground)
        self.node_memory.labels(node.name).set(node.memory_bytes)
        self.node_memory_used.labels(node.name).set(node.memory_used_bytes)
        self.node_gpus.labels(node.name).set(node.gpus)
        self.node_gpus_used.labels(node.name).set(node.gpus_used)
        self.node_gpu_memory.labels(node.name).set(node.gpu_memory_bytes)
        self.node_gpu_memory_used.labels(node.name).set(node.gpu_memory_used_bytes)
