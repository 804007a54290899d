"""What only executors over a cluster do: attempts outlive who started them, are adopted, and former leaders refused."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.test_executor import ROOT, SOURCE, on_cluster
from tests.contract.test_storage_cached import Remote
from tests.fixtures.attempts import Events, attempt, eventually, source
from tests.fixtures.cluster import RayCluster
from tests.fixtures.processes import alive, descendants
from vidcompute.adapters.executor_ray import RayExecutor
from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.errors import VidComputeError
from vidcompute.ports.executor import Finished, Needs, Outcome


@asynccontextmanager
async def server(cluster: RayCluster, folder: Path, **more: float) -> AsyncIterator[tuple[RayExecutor, Events]]:
    """An executor as a server has one; in the same folder they are servers of one installation."""
    executor = on_cluster(cluster, folder, **more)
    await executor.open()
    events = Events()
    collecting = asyncio.create_task(events.collect(executor.events()))
    try:
        yield executor, events
    finally:
        await executor.let_go()
        await executor.close(0)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)


async def put_source(folder: Path) -> None:
    (folder / "incoming").write_bytes(b"some media")
    await FolderStorage(folder / "storage").put(SOURCE, folder / "incoming")


def bridge_of(executor: RayExecutor) -> int:
    (pid,) = [pid for pid in descendants(os.getpid()) if is_bridge(pid, executor)]
    return pid


def is_bridge(pid: int, executor: RayExecutor) -> bool:
    with contextlib.suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return executor._argv[-1].encode() in line
    return False


async def test_the_next_leader_adopts_what_runs_and_the_former_can_do_nothing(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    await put_source(tmp_path)
    async with server(ray_cluster, tmp_path) as (former, heard), server(ray_cluster, tmp_path) as (leader, events):
        assert await former.adopt(1) == []
        spec = attempt("lasting")
        (node,) = await former.nodes()
        await former.start(spec)
        pids = await heard.pids(spec.attempt_id)

        (adopted,) = await leader.adopt(2)
        assert adopted.spec == spec
        assert adopted.node == node.name
        assert adopted.since_ms > 0
        with pytest.raises(VidComputeError, match="epoch_over"):
            await former.start(attempt(inputs=source(SOURCE)))
        await former.cancel(spec.attempt_id)
        assert len(alive(pids)) == 3
        with pytest.raises(VidComputeError, match="epoch_over"):
            await former.adopt(1)
        assert former._line is not None
        await former._line.ask("follow", attempt_id=spec.attempt_id, epoch=1)  # as one that woke up amid adopting
        await former.let_go()
        assert (await heard.finished(spec.attempt_id)).error_code == "leader_changed"
        assert len(alive(pids)) == 3

        await leader.cancel(spec.attempt_id)
        assert (await events.finished(spec.attempt_id)).outcome is Outcome.CANCELLED
        assert alive(pids) == []
        await leader.collected(spec.attempt_id)
        assert await leader.adopt(3) == []


async def test_an_end_that_nobody_collected_is_told_to_the_next_leader(ray_cluster: RayCluster, tmp_path: Path) -> None:
    await put_source(tmp_path)
    spec = attempt(inputs=source(SOURCE))
    async with server(ray_cluster, tmp_path) as (former, heard):
        await former.adopt(1)
        await former.start(spec)
        told = await heard.finished(spec.attempt_id)
    async with server(ray_cluster, tmp_path) as (leader, events):
        (adopted,) = await leader.adopt(2)
        assert adopted.spec.attempt_id == spec.attempt_id
        assert await events.finished(spec.attempt_id) == told
        await leader.collected(spec.attempt_id)
        assert await leader.adopt(3) == []


async def test_of_what_a_server_ends_with_itself_nothing_stays_in_the_cluster(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """It would hold the cores that it had, from every installation of the cluster, until a server comes again."""
    leader, events, spec = on_cluster(ray_cluster, tmp_path), Events(), attempt("lasting")
    await leader.open()

    async def record() -> None:
        async for event in leader.events():
            await events.add(event)
            if isinstance(event, Finished):
                await leader.collected(event.attempt_id)

    recording = asyncio.create_task(record())
    await leader.adopt(1)
    await leader.start(spec)
    await events.pids(spec.attempt_id)
    await leader.close(0)
    await recording
    assert (await events.finished(spec.attempt_id)).outcome is Outcome.CANCELLED
    async with server(ray_cluster, tmp_path) as (next_leader, _):
        assert await next_leader.adopt(2) == []


async def test_ray_sets_aside_what_an_attempt_needs(ray_room: RayCluster, tmp_path: Path) -> None:
    """Who needs a core that another one has waits for it; who has somebody waiting for it does not."""
    await put_source(tmp_path)
    both, one = (Needs(cpu=cores, memory_bytes=64 * 2**20) for cores in (1.5, 1.0))  # of the two that there are
    async with server(ray_room, tmp_path) as (executor, events):
        await executor.adopt(1)
        first, second = attempt("lasting", needs=both), attempt(inputs=source(SOURCE), needs=one)
        urgent = attempt(inputs=source(SOURCE), needs=both, background=False)
        await executor.start(first)
        waiting = asyncio.create_task(executor.start(second))
        await executor.start(urgent)
        assert (await events.finished(urgent.attempt_id)).outcome is Outcome.OK
        assert not waiting.done()
        given_up = attempt(inputs=source(SOURCE), needs=one)
        beginning = asyncio.create_task(executor.start(given_up))
        await eventually(lambda: given_up.attempt_id in executor._running)
        await executor.cancel(given_up.attempt_id)
        assert (await events.finished(given_up.attempt_id)).outcome is Outcome.CANCELLED
        await beginning
        await executor.cancel(first.attempt_id)
        await executor.collected(first.attempt_id)
        await waiting
        assert (await events.finished(second.attempt_id)).outcome is Outcome.OK
        for spec in (second, urgent):
            await executor.collected(spec.attempt_id)


async def test_a_broken_line_to_the_cluster_costs_no_attempt(ray_cluster: RayCluster, tmp_path: Path) -> None:
    async with server(ray_cluster, tmp_path) as (executor, events):
        await executor.adopt(1)
        spec = attempt("lasting")
        await executor.start(spec)
        pids = await events.pids(spec.attempt_id)
        os.kill(bridge_of(executor), signal.SIGKILL)
        await eventually(lambda: not executor._connected.is_set())
        assert await executor.nodes() == []
        await eventually(executor._connected.is_set)
        assert len(alive(pids)) == 3
        await executor.cancel(spec.attempt_id)
        assert (await events.finished(spec.attempt_id)).outcome is Outcome.CANCELLED
        assert alive(pids) == []
        await executor.collected(spec.attempt_id)


async def test_a_killed_worker_loses_its_attempt_and_no_process_is_left(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    async with server(ray_cluster, tmp_path) as (executor, events):
        await executor.adopt(1)
        spec = attempt("lasting")
        await executor.start(spec)
        pids = await events.pids(spec.attempt_id)
        os.kill(worker(ray_cluster, b"AttemptActor"), signal.SIGKILL)
        finished = await events.finished(spec.attempt_id)
        assert (finished.outcome, finished.error_code) == (Outcome.LOST, "node_lost")
        await eventually(lambda: not alive(pids))


async def test_a_killed_agent_loses_its_attempts_and_work_goes_on(ray_cluster: RayCluster, tmp_path: Path) -> None:
    await put_source(tmp_path)
    async with server(ray_cluster, tmp_path) as (executor, events):
        await executor.adopt(1)
        spec = attempt("lasting")
        await executor.start(spec)
        pids = await events.pids(spec.attempt_id)
        os.kill(agent_above(pids[0]), signal.SIGKILL)
        finished = await events.finished(spec.attempt_id)
        assert (finished.outcome, finished.error_code) == (Outcome.LOST, "agent_lost")
        await eventually(lambda: not alive(pids))

        again = attempt(inputs=source(SOURCE))
        await executor.start(again)
        assert (await events.finished(again.attempt_id)).outcome is Outcome.OK
        for ended in (spec, again):
            await executor.collected(ended.attempt_id)


def worker(cluster: RayCluster, name: bytes) -> int:
    """The newest process of the cluster's head that is an actor of this class."""
    found = [pid for pid in cluster.nodes["head"].processes() if name in title(pid)]
    return max(found, key=lambda pid: Path(f"/proc/{pid}").stat().st_ctime)


def title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def agent_above(pid: int) -> int:
    """The agent whose runner the attempt's process came from."""
    for _ in range(2):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


async def test_a_node_tells_what_lies_in_its_cache(ray_cluster: RayCluster, tmp_path: Path) -> None:
    """Sources and artifacts that were fetched there, or made there: by these it is preferred."""
    cache = CachedStorage(Remote(tmp_path / "remote"), tmp_path / "cache", 2**20)
    async with server(ray_cluster, tmp_path) as (executor, _):
        for key in ("orgs/org_1/sources/abc/obj_1", "orgs/org_1/artifacts/def/att_1/h264-720/0.m4s"):
            (tmp_path / "made").write_bytes(b"bytes")
            await cache.put(key, tmp_path / "made")
        await eventually(lambda: [node.holds for node in executor._nodes] == [("def", "source:abc")])


NO_NODE = """
import socket, sys
from vidcompute.adapters.ray_cluster.bridge import refuse
sys.exit(refuse(socket.socket(fileno=int(sys.argv[1])), "10.0.0.5:6379"))
"""


async def test_a_server_on_a_machine_that_is_no_node_is_told_what_to_do() -> None:
    executor = RayExecutor([sys.executable, "-c", NO_NODE], lambda _spec: {}, env={"PYTHONPATH": str(ROOT)})
    with pytest.raises(VidComputeError, match=r"cluster_node_missing: .*vidctl cluster join 10.0.0.5:6379 --cpus 0"):
        await executor.open()
    assert await executor.nodes() == []


async def test_room_that_another_installation_has_costs_an_attempt_nothing(
    ray_room: RayCluster, tmp_path: Path
) -> None:
    """Nobody here knows of it: what is placed there waits for a while, and is handed back."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    needs = Needs(cpu=1.5, memory_bytes=64 * 2**20)  # of the two cores that there are
    async with server(ray_room, first) as (one, heard), server(ray_room, second, accept_s=2.0) as (other, events):
        await one.adopt(1)
        await other.adopt(1)
        spec, waiting = attempt("lasting", needs=needs), attempt("lasting", needs=needs)
        await one.start(spec)
        await heard.pids(spec.attempt_id)
        await other.start(waiting)
        finished = await events.finished(waiting.attempt_id)
        assert (finished.outcome, finished.error_code) == (Outcome.CANCELLED, "cluster_busy")
        await one.cancel(spec.attempt_id)
        await one.collected(spec.attempt_id)


async def test_installations_share_a_node_and_do_not_see_each_other(ray_cluster: RayCluster, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (tmp_path / "shared").mkdir()
    for folder in (first, second):
        folder.mkdir()
        (folder / "work").symlink_to(tmp_path / "shared", target_is_directory=True)  # one node, one folder
    async with server(ray_cluster, first) as (one, heard), server(ray_cluster, second) as (other, _):
        assert len(await one.nodes()) == len(await other.nodes()) == 1
        await one.adopt(1)
        spec = attempt("lasting")
        await one.start(spec)
        await heard.pids(spec.attempt_id)
        assert await other.adopt(7) == []
        await one.cancel(spec.attempt_id)
        assert (await heard.finished(spec.attempt_id)).outcome is Outcome.CANCELLED
        await one.collected(spec.attempt_id)
