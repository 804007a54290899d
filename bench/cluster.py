"""Two Ray nodes with a core each against one: how far the work spreads, and how soon it goes on after a death.

Every node, with all that it starts, is held on a core of its own; the servers share the first one.
"""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.client import Client
from bench.databases import DATABASES
from bench.processes import Platform, platform
from bench.results import BenchError, Figure, Report
from bench.run import Run
from bench.sources import Source
from tests.fixtures.cluster import RayCluster, free_port
from vidcompute.db.engine import looked_at

NAME = "cluster"
_NODES = 2
_SPREAD_LIMIT, _LOSS_LIMIT_S, _TAKEOVER_LIMIT_S = 1.25, 15.0, 10.0
_SPEC = {"outputs": ["hls"], "renditions": [{"height": 720}, {"height": 480}]}
_SLOWEST = 20  # times real time after which a job is given up
_MEET_S, _POLL_S, _LOOK_S = 120.0, 2.0, 0.05
_TRIED = text(
    "SELECT label, number, node, outcome, attempts.started_ms IS NOT NULL AS started FROM attempts"
    " JOIN tasks ON tasks.id = task_id WHERE label LIKE 'encode/%'"
)
_LEADER = text("SELECT holder FROM leases WHERE name = 'dispatcher'")


def measure(run: Run) -> Report:
    """Medians of the walls; one death of each kind."""
    cores = sorted(os.sched_getaffinity(0))[:_NODES]
    if len(cores) < _NODES:
        raise BenchError("two cores are needed, one for each node")
    source = run.sources.make("usual", 20 if run.quick else 180)
    walls: dict[int, float] = {}
    with tempfile.TemporaryDirectory(dir=run.work, prefix="cluster-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _cluster(folder / "one", cores[:1]) as cluster:
            walls[1] = _wall_s(run, cluster, cores[0], folder, source)
        with _cluster(folder / "two", cores) as cluster:
            walls[2] = _wall_s(run, cluster, cores[0], folder, source)
            takeover = _takeover(run, cluster, cores[0], folder, source)
            loss = _loss(run, cluster, cores[0], folder, source)
    for found in (walls, takeover, loss):
        run.say(str(found))
    return Report(
        NAME,
        (
            Figure("wall x nodes, two nodes / one", 2 * walls[2] / walls[1], "x", _SPREAD_LIMIT),
            Figure("a node killed: its chunks wait for another node after", loss["told_s"], "s", _LOSS_LIMIT_S),
            Figure("a node killed: chunks run again that were not lost", loss["repeated"], "chunks", 0),
            Figure("the leader killed: the standby leads after", takeover["leads_s"], "s", _TAKEOVER_LIMIT_S),
            Figure("the leader killed: chunks run again", takeover["repeated"], "chunks", 0),
        ),
        {"wall_s": walls, "takeover": takeover, "loss": loss, "source_s": source.seconds},
    )


@contextlib.contextmanager
def _on(core: int) -> Iterator[None]:
    """What is started within stays on this core, with all that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _cluster(folder: Path, cores: Sequence[int]) -> Iterator[RayCluster]:
    """A head, and nodes called node-1 and so on, each on one of these cores."""
    cluster = RayCluster(folder)
    try:
        for number, core in enumerate(cores):
            with _on(core):
                if number:
                    cluster.join(f"node-{number}", cpus=1)
                else:
                    cluster.start(cpus=1)
        yield cluster
    finally:
        cluster.stop()


@contextlib.contextmanager
def _server(cluster: RayCluster, core: int, folder: Path, **settings: str) -> Iterator[Platform]:
    """A server over the cluster, once it knows all nodes."""
    ours = {name.removeprefix("VIDCOMPUTE_").lower(): value for name, value in cluster.environment().items()}
    with contextlib.ExitStack() as stack:
        with _on(core):
            server = stack.enter_context(platform(folder / "servers", **ours, **settings))
        with Client(server) as client:
            _await("all nodes", lambda: len(client.json("/api/v1/nodes")["items"]) == len(cluster.nodes))
        yield server


def _await(what: str, condition: Callable[[], bool], timeout_s: float = _MEET_S) -> float:
    """Look again and again until it is so; in how many seconds it was."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > timeout_s:
            raise BenchError(f"{what}: not within {timeout_s:g} s")
        time.sleep(_LOOK_S)
    return time.monotonic() - began_s


def _wall_s(run: Run, cluster: RayCluster, core: int, folder: Path, source: Source) -> float:
    """From the first byte of the upload to the end of the job, by the server's clock for the end."""
    found = []
    with _server(cluster, core, folder) as server, Client(server) as client:
        warm = client.submit(run.sources.short("320x180", 2), _SPEC | {"renditions": [{"height": 180}]})
        client.done(warm.answer["id"], timeout_s=_MEET_S)  # every node has begun by then
        for _ in range(run.times(1)):
            uploaded = client.submit(source, _SPEC)
            job = client.done(uploaded.answer["id"], timeout_s=_SLOWEST * source.seconds, every_s=_POLL_S)
            found.append(datetime.fromisoformat(job["ended_at"]).timestamp() - uploaded.began_ms / 1000)
            client.delete_asset(job["asset_id"])
    run.say(f"{len(cluster.nodes)} nodes: {', '.join(f'{wall_s:.1f} s' for wall_s in found)}")
    return sorted(found)[len(found) // 2]


def _tried(url: str) -> list[Any]:
    with looked_at(url) as connection:
        return list(connection.execute(_TRIED))


def _at_work(url: str) -> list[Any]:
    return [row for row in _tried(url) if row.outcome is None and row.started]


def _loss(run: Run, cluster: RayCluster, core: int, folder: Path, source: Source) -> dict[str, float]:
    """`kill -9` of a node at work."""
    node = cluster.nodes["node-1"]
    with _server(cluster, core, folder) as server, Client(server) as client:
        url = f"sqlite:///{server.data_dir}/vidcompute.db"
        job_id = client.submit(source, _SPEC).answer["id"]

        def there() -> set[str]:
            return {row.label for row in _at_work(url) if row.node.startswith(node.name)}

        def lost() -> set[str]:
            return {row.label for row in _tried(url) if row.outcome == "lost"}

        _await("a chunk at work on the second node", lambda: bool(there()))
        chunks = there()
        node.kill()
        told_s = _await("word of the loss", lambda: chunks <= lost())
        client.done(job_id, timeout_s=_SLOWEST * source.seconds, every_s=_POLL_S)
        again = {row.label for row in _tried(url) if row.number > 1}
        return {"told_s": told_s, "lost": len(lost()), "repeated": len(again - lost())}


def _takeover(run: Run, cluster: RayCluster, core: int, folder: Path, source: Source) -> dict[str, float]:
    """`kill -9` of the server that leads, while both nodes are at work; the other one goes on."""
    ports = [free_port() for _ in range(_NODES)]
    with DATABASES["PostgreSQL"](run.work) as url, contextlib.ExitStack() as stack:
        common = {
            "database_url": url,
            "storage_dir": str(folder / "storage"),
            "node_urls": ",".join(f"http://127.0.0.1:{port}" for port in ports),
        }
        leader, standby = (
            stack.enter_context(_server(cluster, core, folder, **common, port=str(port))) for port in ports
        )
        client = stack.enter_context(Client(standby))
        job_id = client.submit(source, _SPEC).answer["id"]
        _await("both nodes at work", lambda: len(_at_work(url)) == _NODES)
        before = _leader(url)
        os.kill(leader.pid, signal.SIGKILL)
        leads_s = _await("another leader", lambda: _leader(url) != before)
        client.done(job_id, timeout_s=_SLOWEST * source.seconds, every_s=_POLL_S)
        return {"leads_s": leads_s, "repeated": sum(row.number > 1 for row in _tried(url))}


def _leader(url: str) -> str:
    with looked_at(url) as connection:
        return str(connection.execute(_LEADER).scalar())
