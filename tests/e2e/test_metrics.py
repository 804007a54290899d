"""Every metric there is, also those that a quiet server has no samples of, passes promtool; so do the alerts."""

import json
import shutil
import subprocess
from pathlib import Path

from vidcompute.api.metrics import Metrics
from vidcompute.db.outbox import Event
from vidcompute.pipeline.spec import Priority
from vidcompute.services.gauges import DispatchState, Gauges, Lag, NodeUse

_RULES = Path(__file__).parents[2] / "deploy" / "prometheus"


def _promtool(*arguments: str, text: bytes = b"") -> tuple[int, str]:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: `make test` gets it"
    done = subprocess.run([promtool, *arguments], input=text, capture_output=True, timeout=60, check=False, cwd=_RULES)
    return done.returncode, (done.stdout + done.stderr).decode()


def _complaints(text: bytes) -> str:
    return _promtool("check", "metrics", text=text)[1]


def _event(type_: str, **data: object) -> Event:
    return Event(1, "org_x", type_, "subject", data, 0)


def test_every_metric_passes_promtool() -> None:
    metrics = Metrics()
    metrics.http_requests.labels("GET", "/health", "200").inc()
    metrics.http_duration_s.labels("GET", "/health").observe(0.1)
    metrics.build.labels("1.0", "9.0").set(1)
    one = {Priority.HIGH: 1}
    metrics.show(Gauges({("media", "queued"): 1}, one, one, one, 1, {"encode": 1}, {"media": 1}, Lag(1, 0)), 1000)
    metrics.show_dispatch(DispatchState(True, 3, (NodeUse("local", 1, 2.0, 1.0, 0.5, 2, 1, 1, 0.5, 2, 1),)))
    metrics.degraded.labels("redis").set(1)
    metrics.take(_event("job.started", kind="media"), {"subject": 0})
    metrics.take(_event("job.done", kind="media", duration_ms=1500))
    metrics.take(_event("job.failed", kind="media", duration_ms=1500, error_code="url_tls", error_kind="unavailable"))
    metrics.take(_event("task.placed", stage="encode"))
    metrics.take(_event("task.running", stage="encode", ready_ms=0))
    metrics.take(_event("task.ready", stage="encode", reason="lose", error_code="attempt_lost"))
    metrics.take(_event("task.done", stage="encode", duration_ms=800))
    metrics.take(_event("task.dead", stage="encode", error_code="ffmpeg_failed"))
    metrics.take(_event("quota.near", quota="jobs"))
    metrics.quota_refusals.labels("jobs").inc()
    metrics.take(_event("webhook.disabled", reason="gone"))
    metrics.webhook_attempted("delivered", 20)
    metrics.mail_attempted("reset", "sent")
    metrics.cleaned.labels("purged").inc()
    text = metrics.render()
    families = {line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")}
    sampled = {line.partition("{")[0].partition(" ")[0] for line in text.decode().splitlines() if line[:1] != "#"}
    assert [name for name in families if not any(sample.startswith(name) for sample in sampled)] == []
    assert _complaints(text) == ""


def test_promtool_does_complain_where_it_should() -> None:
    assert "no help text" in _complaints(b"# TYPE wrong_count counter\nwrong_count 1\n")


def test_every_query_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    board = json.loads((_RULES.parent / "grafana" / "vidcompute.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    code, said = _promtool("check", "rules", str(file))
    assert code == 0, said
    assert f"{len(queries)} rules found" in said


def test_the_alerts_are_sound_and_come_when_they_should() -> None:
    for command in (("check", "rules", "vidcompute.yml"), ("test", "rules", "tests.yml")):
        code, said = _promtool(*command)
        assert code == 0, said
