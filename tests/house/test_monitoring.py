"""Dashboards and alerts name metrics that there are."""

import json
import re
from pathlib import Path

from tests.house import tree
from vidcompute.api.metrics import Metrics

_NAME = re.compile(r"\bvidcompute_\w+")


def _samples() -> set[str]:
    """Every name that a query can use."""
    endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {f.name + end for f in Metrics().registry.collect() for end in endings[f.type]}


def _expressions() -> dict[str, list[str]]:
    board = json.loads(tree.text_of(Path("deploy/grafana/vidcompute.json")))
    alerts = tree.text_of(Path("deploy/prometheus/vidcompute.yml"))
    return {
        "grafana": [target["expr"] for panel in board["panels"] for target in panel["targets"]],
        "prometheus": [line for line in alerts.splitlines() if not line.lstrip().startswith("#")],
        "tests": tree.text_of(Path("deploy/prometheus/tests.yml")).splitlines(),
    }


def test_every_metric_that_a_dashboard_or_an_alert_names_exists() -> None:
    known = _samples()
    assert "vidcompute_jobs_total" in known
    for where, expressions in _expressions().items():
        named = {name for expression in expressions for name in _NAME.findall(expression)}
        assert len(named) > 2, where
        assert named <= known, (where, named - known)


def test_a_sum_over_servers_never_counts_work_twice() -> None:
    """Every server counts all work; only what is a server's own may be added up over them."""
    own = ("vidcompute_http_", "vidcompute_outbox_", "vidcompute_scheduler_leads", "vidcompute_database_up")
    for expression in _expressions()["grafana"]:
        work = [name for name in _NAME.findall(expression) if not name.startswith((*own, "vidcompute_node_"))]
        assert not work or "max" in expression, expression
