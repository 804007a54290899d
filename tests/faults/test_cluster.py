"""Two Ray nodes, and the deaths of each part of the whole: work goes on, and nothing that lives is done again."""

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, Json
from tests.faults.test_kill import SHORT, _assert_whole
from tests.fixtures.clips import ClipMaker
from tests.fixtures.cluster import RayCluster
from tests.fixtures.platform import Server
from tests.fixtures.processes import alive
from tests.fixtures.waiting import wait_until
from vidcompute.media.run import capture

GOES_ON_S, TAKES_OVER_S = 15.0, 10.0


@dataclass(frozen=True)
class Tried:
    """One attempt as the database has it."""

    id: str
    label: str
    number: int
    node: str
    started: bool
    outcome: str | None


def tried(server: Server) -> list[Tried]:
    """Every attempt so far, first to last."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "vidcompute.db", timeout=10)) as database:
        rows = database.execute(
            "SELECT attempts.id, label, number, node, attempts.started_ms IS NOT NULL, outcome FROM attempts"
            " JOIN tasks ON tasks.id = task_id ORDER BY attempts.created_ms"
        ).fetchall()
    return [Tried(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]


def encoding(server: Server, node: str = "") -> list[Tried]:
    """The chunks that are at work on a node whose name begins so."""
    return [
        one
        for one in tried(server)
        if one.label.startswith("encode/") and one.outcome is None and one.started and one.node.startswith(node)
    ]


def processes_of(attempt_id: str) -> set[int]:
    """The processes that work below an attempt's folder: its ffmpeg among them."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if attempt_id.encode() in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[RayCluster]:
    """A head with one core; tests add nodes."""
    made = RayCluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made.start(cpus=1)
    finally:
        made.stop()


@pytest.fixture
def platform(cluster: RayCluster, tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Starts a server over the cluster; after a kill, the next one with the same data, at another address."""
    data = tmp_path / "data"
    started: list[Server] = []

    def start() -> Server:
        started.append(Server(data, cluster.environment()).prepare().start(timeout_s=90))
        return started[-1]

    yield start
    for server in started:
        if server.process is not None and server.process.poll() is None:
            server.stop()


def test_a_killed_server_costs_no_attempt(cluster: RayCluster, platform: Callable[[], Server], clip: ClipMaker) -> None:
    server = platform()
    driver = Driver(server)
    source = SHORT.source(clip)
    job_id = driver.submit(source, **SHORT.spec)["id"]
    (chunk, *_) = wait_until(lambda: encoding(server), timeout_s=60, what="an encode")
    pids = wait_until(lambda: processes_of(chunk.id), what="its ffmpeg")
    driver.close()
    server.kill()
    assert alive(pids) == sorted(pids)

    server = platform()
    driver = Driver(server)
    job = driver.done(job_id)
    assert {(one.number, one.outcome) for one in tried(server)} == {(1, "ok")}
    _assert_whole(driver, job, SHORT, source)
    notes = (cluster.nodes["head"].data_dir / "cluster" / "cache").rglob("*.note")
    assert any("/sources/" in json.loads(note.read_text())["key"] for note in notes)  # all its attempts share it
    driver.close()


def test_a_killed_node_costs_its_own_chunks_alone(
    cluster: RayCluster, platform: Callable[[], Server], clip: ClipMaker
) -> None:
    node = cluster.join("second", cpus=1)
    server = platform()
    driver = Driver(server)
    source = SHORT.source(clip)
    job_id = driver.submit(source, **SHORT.spec)["id"]
    there = wait_until(lambda: encoding(server, "second"), timeout_s=90, what="an encode on the second node")
    assert {one["name"].partition("-")[0] for one in driver.http.get("/api/v1/nodes").json()["items"]} == {
        "head",
        "second",
    }
    below = node.kill()
    chunks = {one.label for one in there}

    def lost() -> bool:
        return chunks <= {one.label for one in tried(server) if one.outcome == "lost"}

    def again() -> bool:
        return chunks <= {one.label for one in tried(server) if one.number == 2 and one.started}

    wait_until(lost, timeout_s=GOES_ON_S, what="word of the loss")
    wait_until(again, timeout_s=GOES_ON_S + SHORT.seconds, what="second attempts, once the other node has room")
    wait_until(lambda: not alive(below), timeout_s=GOES_ON_S, what="the end of the node's processes")
    job = driver.done(job_id)
    assert {one.node.partition("-")[0] for one in tried(server)} == {"head", "second"}
    for one in tried(server):
        if one.outcome != "ok":
            assert (one.outcome, one.node.partition("-")[0]) == ("lost", "second")
    repeated = {one.label for one in tried(server) if one.number > 1}
    assert repeated == {one.label for one in tried(server) if one.outcome == "lost"}
    _assert_whole(driver, job, SHORT, source)
    driver.close()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_nodes_join_a_head_again_that_was_started_again(tmp_path: Path) -> None:
    made = RayCluster(tmp_path / "ray").start(cpus=1)
    node = made.join("second", cpus=1)
    log = node.data_dir / "cluster" / "node.log"
    (tmp_path / "data").mkdir()
    server = Server(tmp_path / "data", made.environment())
    try:
        server.start(timeout_s=90)
        driver = Driver(server)
        before = wait_until(lambda: two_nodes(driver), timeout_s=60, what="both nodes")
        made.nodes["head"].kill()
        wait_until(
            lambda: "Trying again in" in log.read_text(), timeout_s=90, what="word of tries, one after the other"
        )
        made.start(cpus=1)
        after = wait_until(lambda: two_nodes(driver), timeout_s=120, what="both nodes, back again")
        assert not before & after  # by names that have Ray's number of the node in them
        assert "has joined" in log.read_text()
        driver.close()
        server.stop()
    finally:
        made.stop()


def two_nodes(driver: Driver) -> set[str]:
    found = {node["name"] for node in driver.http.get("/api/v1/nodes").json()["items"]}
    return found if {name.partition("-")[0] for name in found} == {"head", "second"} else set()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_kill_of_all_and_restart_of_all(tmp_path: Path, clip: ClipMaker) -> None:
    made = RayCluster(tmp_path / "ray").start(cpus=1)
    data = tmp_path / "data"
    data.mkdir()
    server = Server(data, made.environment()).start(timeout_s=90)
    source = SHORT.source(clip)
    driver = Driver(server)
    job_id = driver.submit(source, **SHORT.spec)["id"]
    (chunk, *_) = wait_until(lambda: encoding(server), timeout_s=60, what="an encode")
    pids = wait_until(lambda: processes_of(chunk.id), what="its ffmpeg")
    driver.close()
    server.kill()
    below = made.nodes["head"].kill()
    wait_until(lambda: not alive(pids), timeout_s=GOES_ON_S, what="the end of what was at work")

    made.start(cpus=1)  # what Ray's own helpers left of the last one goes with this
    wait_until(lambda: not alive(below), timeout_s=GOES_ON_S, what="the end of every process")
    server.start(timeout_s=90)
    try:
        driver = Driver(server)
        _assert_whole(driver, driver.done(job_id), SHORT, source)
        done_before = {one.label for one in tried(server) if one.outcome == "ok" and one.number == 1}
        assert not done_before & {one.label for one in tried(server) if one.number > 1}
        driver.close()
    finally:
        server.stop()
        made.stop()


@pytest.fixture
def pair(cluster: RayCluster, tmp_path: Path, postgres_url: str) -> Iterator[tuple[Server, Server]]:
    """Two servers over the cluster, of which neither knows the other: the first leads, the second stands by."""
    common = {
        **cluster.environment(),
        "VIDCOMPUTE_DATABASE_URL": postgres_url,
        "VIDCOMPUTE_STORAGE_DIR": str(tmp_path / "storage"),
    }
    servers = []
    for name in ("leader", "standby"):
        (tmp_path / name).mkdir()
        made = Server(tmp_path / name, common)
        servers.append(made.start(timeout_s=90))
    leader, standby = servers
    yield leader, standby
    for server in servers:
        if server.process is not None and server.process.poll() is None:
            server.stop()


def leads_within(server: Server, timeout_s: float) -> None:
    wait_until(lambda: '"event": "leads"' in server.log_text(), timeout_s=timeout_s, what="another leader")


def assert_nothing_was_done_again(job: Json) -> None:
    assert all(stage["attempts"] == stage["tasks"] for stage in job["stages"]), job["stages"]


@pytest.mark.long
@pytest.mark.timeout(400)
def test_where_the_leader_is_killed_the_standby_goes_on_with_what_runs(
    pair: tuple[Server, Server], clip: ClipMaker
) -> None:
    leader, standby = pair
    source = SHORT.source(clip)
    driver = Driver(standby)
    job_id = driver.submit(source, **SHORT.spec)["id"]
    driver.until(job_id, "an encode at work", lambda job: _at_work(job, "encode"))
    leader.kill()
    leads_within(standby, TAKES_OVER_S)
    wait_until(lambda: '"event": "attempts_adopted"' in standby.log_text(), timeout_s=GOES_ON_S, what="the adoption")
    job = driver.done(job_id)
    assert_nothing_was_done_again(job)
    _assert_whole(driver, job, SHORT, source)
    driver.close()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_leader_that_slept_can_neither_write_nor_start(pair: tuple[Server, Server], clip: ClipMaker) -> None:
    leader, standby = pair
    assert leader.process is not None
    source = SHORT.source(clip)
    driver = Driver(leader)
    job_id = driver.submit(source, **SHORT.spec)["id"]
    driver.until(job_id, "an encode at work", lambda job: _at_work(job, "encode"))
    driver.close()
    stopped = [leader.process.pid, *_bridges(leader.process.pid)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    other = Driver(standby)
    leads_within(standby, 30)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "lost_the_lead" in leader.log_text(), timeout_s=30, what="the former leader's insight")
    job = other.done(job_id)
    assert_nothing_was_done_again(job)
    _assert_whole(other, job, SHORT, source)
    other.close()


def _at_work(job: Json, name: str) -> bool:
    return any(stage["name"] == name and stage["status"] == "running" for stage in job["stages"])


def _bridges(pid: int) -> list[int]:
    listing = capture(["/bin/sh", "-c", f"cat /proc/{pid}/task/*/children"])
    return [int(word) for word in listing.split() if b"_ray_bridge" in Path(f"/proc/{word}/cmdline").read_bytes()]
