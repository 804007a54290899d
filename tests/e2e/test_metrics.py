"""Every metric there is, also those that a quiet server has no samples of, passes promtool."""

import shutil
import subprocess

from vidcompute.api.metrics import Metrics
from vidcompute.db.outbox import Event


def _complaints(text: bytes) -> str:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: `make test` gets it"
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    return (done.stdout + done.stderr).decode()


def _event(type_: str, **data: object) -> Event:
    return Event(1, "org_x", type_, "subject", data, 0)


def test_every_metric_passes_promtool() -> None:
    metrics = Metrics()
    metrics.http_requests.labels("GET", "/health", "200").inc()
    metrics.http_duration_s.labels("GET", "/health").observe(0.1)
    metrics.build.labels("1.0", "9.0").set(1)
    metrics.jobs_now.labels("media", "queued").set(1)
    metrics.take(_event("job.started"))
    metrics.take(_event("job.done", kind="media", duration_ms=1500))
    metrics.take(_event("job.failed", kind="media", duration_ms=1500, error_code="url_tls"))
    metrics.take(_event("task.placed", stage="encode"))
    metrics.take(_event("task.done", stage="encode", duration_ms=800))
    metrics.take(_event("task.dead", stage="encode", error_code="ffmpeg_failed"))
    text = metrics.render()
    families = {line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")}
    sampled = {line.partition("{")[0].partition(" ")[0] for line in text.decode().splitlines() if line[:1] != "#"}
    assert [name for name in families if not any(sample.startswith(name) for sample in sampled)] == []
    assert _complaints(text) == ""


def test_promtool_does_complain_where_it_should() -> None:
    assert "no help text" in _complaints(b"# TYPE wrong_count counter\nwrong_count 1\n")
