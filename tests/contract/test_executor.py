"""What every executor does, held against each adapter: add a row to `ADAPTERS` for another."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.attempts import Events, attempt, eventually, source
from tests.fixtures.cluster import RayCluster
from tests.fixtures.processes import alive, state
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.adapters.executor_ray import RayExecutor
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.errors import VidComputeError
from vidcompute.ports.attempt_wire import logs_key
from vidcompute.ports.executor import Call, Finished, Heartbeat, Held, InputRef, Interactive, LogLine, Outcome, Progress
from vidcompute.wiring.cluster import authentication

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "orgs/org_1/sources/digest"


async def local(tmp_path: Path, _request: pytest.FixtureRequest) -> LocalExecutor:
    argv = [sys.executable, "-m", "tests.runner_entry", str(tmp_path / "storage"), str(tmp_path / "work")]
    executor = LocalExecutor(argv, tmp_path / "work", env={"PYTHONPATH": str(ROOT)})
    await executor.open()
    return executor


async def ray(tmp_path: Path, request: pytest.FixtureRequest) -> RayExecutor:
    """The cluster is shared; the namespace, and so everything that runs in it, is the test's own."""
    cluster: RayCluster = request.getfixturevalue("ray_cluster")
    executor = on_cluster(cluster, tmp_path)
    await executor.open()
    return executor


def on_cluster(cluster: RayCluster, folder: Path, **more: float) -> RayExecutor:
    bridge = {
        "address": cluster.address,
        "namespace": f"test-{sha256(str(folder).encode()).hexdigest()[:12]}",
        "agent": {
            "argv": ["-m", "tests.runner_entry", str(folder / "storage"), "{work}"],
            "node": {"folder": str(folder)},
            "idle_s": 3,
        },
        **more,
    }
    argv = [sys.executable, "-m", "vidcompute.main", "_ray_bridge", json.dumps(bridge)]
    return RayExecutor(argv, lambda _spec: {}, env={"PYTHONPATH": str(ROOT), **authentication(cluster.token_file)})


ADAPTERS: dict[str, Callable[[Path, pytest.FixtureRequest], Awaitable[LocalExecutor | RayExecutor]]] = {
    "local": local,
    "ray": ray,
}


@dataclass
class Bench:
    executor: LocalExecutor | RayExecutor
    events: Events
    storage: FolderStorage
    folder: Path

    async def put(self, key: str, content: bytes) -> None:
        path = self.folder / "incoming"
        path.write_bytes(content)
        await self.storage.put(key, path)

    async def read(self, key: str) -> bytes:
        return b"".join([piece async for piece in self.storage.read(key)])

    def folders(self, pattern: str) -> list[Path]:
        found = (Path(path) for path, _, _ in os.walk(self.folder / "work"))  # which may go meanwhile
        return [path for path in found if path.match(pattern)]


@pytest.fixture(params=sorted(ADAPTERS))
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    executor = await ADAPTERS[request.param](tmp_path, request)
    events = Events()

    async def collect() -> None:
        async for event in executor.events():
            await events.add(event)
            if isinstance(event, Finished):
                await executor.collected(event.attempt_id)

    collecting = asyncio.create_task(collect())
    bench = Bench(executor, events, FolderStorage(tmp_path / "storage"), tmp_path)
    await bench.put(SOURCE, b"some media")
    yield bench
    await executor.close(0)
    await asyncio.wait_for(collecting, 10)


@pytest.fixture
async def here(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Interactive]:
    """What runs stages at once: on this machine, whatever executor there is."""
    executor = await local(tmp_path, request)
    yield executor
    await executor.close(0)


async def test_an_attempt_publishes_what_its_stage_made(bench: Bench) -> None:
    spec = attempt(inputs=source(SOURCE, width=640), options={"target": "loud.txt"})
    await bench.executor.start(spec)
    finished = await bench.events.finished(spec.attempt_id)

    assert finished.outcome is Outcome.OK, finished
    assert finished.facts == {"pieces": 1, "known": [{"width": 640}], "greeting": "hello"}
    assert await bench.read(f"{spec.output_prefix}/made/loud.txt") == b"SOME MEDIA"
    assert finished.size_bytes == 10
    content = sha256(b"SOME MEDIA").hexdigest()
    assert finished.digest == sha256(f"made/loud.txt\0{content}\0{10}\n".encode()).hexdigest()
    assert finished.metrics["wall_s"] > 0
    assert finished.metrics["cpu_s"] > 0
    assert finished.metrics["max_rss_bytes"] > 2**20
    assert b"info copying" in await bench.read(logs_key(spec))


async def test_events_come_in_order_and_finished_is_the_last(bench: Bench) -> None:
    spec = attempt(inputs=source(SOURCE))
    await bench.executor.start(spec)
    await bench.events.finished(spec.attempt_id)
    beat, log, half, whole, _finished = bench.events.of[spec.attempt_id]
    assert beat == Heartbeat(spec.attempt_id)
    assert log == LogLine(spec.attempt_id, "info", "copying")
    assert half == Progress(spec.attempt_id, 0.5, frame=1, fps=25.0, media_time_ms=40, speed=1.5)
    assert whole == Progress(spec.attempt_id, 1.0)


async def test_an_attempt_that_says_nothing_gives_signs_of_life(bench: Bench) -> None:
    spec = attempt("lasting")
    await bench.executor.start(spec)
    await bench.events.pids(spec.attempt_id)
    at_work = len(bench.events.of[spec.attempt_id])
    await bench.events.until(lambda: Heartbeat(spec.attempt_id) in bench.events.of[spec.attempt_id][at_work:])
    await bench.executor.cancel(spec.attempt_id)


async def test_an_artifact_can_be_an_input(bench: Bench) -> None:
    await bench.put("orgs/org_1/artifacts/a/1/x", b"one ")
    await bench.put("orgs/org_1/artifacts/a/1/y/z", b"two")
    spec = attempt(
        inputs={"source": (InputRef("orgs/org_1/artifacts/a/1", is_tree=True), InputRef(SOURCE, is_tree=False))}
    )
    await bench.executor.start(spec)
    assert (await bench.events.finished(spec.attempt_id)).facts["pieces"] == 3
    assert await bench.read(f"{spec.output_prefix}/made/copy") == b"ONE TWOSOME MEDIA"


async def test_an_artifact_without_files_is_an_input_too(bench: Bench) -> None:
    facts_alone = InputRef("orgs/org_1/artifacts/probe/1", is_tree=True, facts={"height": 480})
    spec = attempt(inputs={"source": (facts_alone,)})
    await bench.executor.start(spec)
    assert (await bench.events.finished(spec.attempt_id)).facts["known"] == [{"height": 480}]


@pytest.mark.parametrize(
    ("way", "kind", "code"),
    [
        ("refuse", "refused", "no_thanks"),
        ("raise", "internal", "stage_error"),
        ("memory", "refused", "memory_limit"),
        ("file", "refused", "output_too_large"),
        ("crash", "refused", "stage_crashed"),
        ("exit", "refused", "stage_failed"),
        ("unplain", "internal", "output_not_plain"),
        ("nan", "internal", "stage_error"),
    ],
)
async def test_a_failure_tells_its_kind_and_publishes_nothing(bench: Bench, way: str, kind: str, code: str) -> None:
    spec = attempt("breaking", options={"way": way})
    await bench.executor.start(spec)
    finished = await bench.events.finished(spec.attempt_id)
    assert (finished.outcome, finished.error_kind, finished.error_code) == (Outcome.FAILED, kind, code), finished
    assert await bench.storage.list(spec.output_prefix) == []
    assert await bench.storage.stat(logs_key(spec))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stage": "nonsense"}, "stage_unknown"),
        ({"version": 4}, "stage_version_unknown"),
        ({"options": {"colour": "red"}}, "stage_options_invalid"),
        ({"options": {"target": 3}}, "stage_options_invalid"),
        ({"inputs": source("orgs/org_1/sources/other")}, "object_not_found"),
        ({"inputs": {}}, "input_missing"),
    ],
)
async def test_a_wrong_specification_fails(bench: Bench, changes: dict[str, Any], code: str) -> None:
    spec = attempt(**{"inputs": source(SOURCE), **changes})
    await bench.executor.start(spec)
    finished = await bench.events.finished(spec.attempt_id)
    assert (finished.outcome, finished.error_code) == (Outcome.FAILED, code), finished


async def test_a_flood_of_log_lines_is_kept_but_not_passed_on(bench: Bench) -> None:
    spec = attempt("breaking", options={"way": "babble"})
    await bench.executor.start(spec)
    assert (await bench.events.finished(spec.attempt_id)).outcome is Outcome.OK
    lines = [e.message for e in bench.events.of[spec.attempt_id] if isinstance(e, LogLine)]
    assert lines[0] == "line 0"
    assert 500 <= len(lines) < 2000
    kept = (await bench.read(logs_key(spec))).decode()
    assert "line 2999" in kept
    assert "and on stderr" in kept


@pytest.mark.parametrize("stubborn", [False, True])
async def test_cancel_ends_every_process_within_two_seconds(bench: Bench, *, stubborn: bool) -> None:
    spec = attempt("lasting", options={"stubborn": stubborn})
    await bench.executor.start(spec)
    pids = await bench.events.pids(spec.attempt_id)
    assert len(alive(pids)) == 3
    began_s = time.monotonic()
    await bench.executor.cancel(spec.attempt_id)
    assert time.monotonic() - began_s < 2.0
    assert alive(pids) == []
    assert (await bench.events.finished(spec.attempt_id)).outcome is Outcome.CANCELLED
    assert await bench.storage.list(spec.output_prefix) == []


async def test_cancel_ends_an_attempt_that_does_not_answer(bench: Bench) -> None:
    spec = attempt("lasting", options={"stubborn": True})
    await bench.executor.start(spec)
    pids = await bench.events.pids(spec.attempt_id)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # all of it hangs
    keep_stopped = asyncio.create_task(_keep_stopped(pids[0]))
    await bench.executor.cancel(spec.attempt_id)
    keep_stopped.cancel()
    assert alive(pids) == []
    assert (await bench.events.finished(spec.attempt_id)).outcome is Outcome.CANCELLED
    await eventually(lambda: not bench.folders("att_*"))


async def _keep_stopped(pid: int) -> None:
    while state(pid):
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0)


async def test_what_an_attempt_writes_is_read_before_it_ends(bench: Bench) -> None:
    spec = attempt("lasting")
    await bench.executor.start(spec)
    await bench.events.pids(spec.attempt_id)
    read = bench.executor.read_output
    assert await read(spec.attempt_id, "so-far", 0) == b"some of it"
    assert await read(spec.attempt_id, "so-far", 5) == b"of it"
    assert await read(spec.attempt_id, "so-far", 10) == b""
    assert await read(spec.attempt_id, "to-come", 0) == b""
    (output,) = bench.folders(f"{spec.attempt_id}/out")
    (output / "link").symlink_to("/etc/passwd")  # the sandbox allows neither, but is not the only thing relied on
    os.mkfifo(output / "pipe")
    assert await read(spec.attempt_id, "link", 0) == b""
    assert await read(spec.attempt_id, "pipe", 0) == b""
    assert await read("att_unknown", "so-far", 0) == b""
    await bench.executor.cancel(spec.attempt_id)
    assert await read(spec.attempt_id, "so-far", 0) == b""


async def test_cancel_of_what_is_not_there_is_fine(bench: Bench) -> None:
    await bench.executor.cancel("att_unknown")


async def test_hold_stops_background_attempts_alone(bench: Bench) -> None:
    behind, ahead = attempt("lasting"), attempt("lasting", background=False)
    await bench.executor.start(behind)
    await bench.executor.start(ahead)
    behind_pids, ahead_pids = await bench.events.pids(behind.attempt_id), await bench.events.pids(ahead.attempt_id)
    assert os.getpriority(os.PRIO_PROCESS, behind_pids[2]) == 19
    assert os.getpriority(os.PRIO_PROCESS, ahead_pids[2]) == 0

    await bench.executor.hold(held=True)
    await eventually(lambda: {state(pid) for pid in behind_pids} == {"T"})
    assert "T" not in {state(pid) for pid in ahead_pids}
    waiting, dropped = attempt(inputs=source(SOURCE)), attempt(inputs=source(SOURCE))
    urgent = attempt(inputs=source(SOURCE), background=False)
    for spec in (waiting, dropped, urgent):
        await bench.executor.start(spec)
    assert (await bench.events.finished(urgent.attempt_id)).outcome is Outcome.OK
    await bench.executor.cancel(dropped.attempt_id)
    assert (await bench.events.finished(dropped.attempt_id)).outcome is Outcome.CANCELLED
    await bench.events.until(lambda: bench.events.of.get(waiting.attempt_id))  # it says nothing, and is vouched for
    assert set(bench.events.of[waiting.attempt_id]) == {Held(waiting.attempt_id, held=True)}

    await bench.executor.hold(held=False)
    await eventually(lambda: "T" not in {state(pid) for pid in behind_pids})
    assert (await bench.events.finished(waiting.attempt_id)).outcome is Outcome.OK
    assert Held(waiting.attempt_id, held=False) in bench.events.of[waiting.attempt_id]


async def test_who_holds_an_attempt_says_so_for_it(bench: Bench) -> None:
    behind, ahead = attempt("lasting"), attempt("lasting", background=False)
    for spec in (behind, ahead):
        await bench.executor.start(spec)
        await bench.events.pids(spec.attempt_id)
    await bench.executor.hold(held=True)
    told = bench.events.of[behind.attempt_id]
    await bench.events.until(lambda: Held(behind.attempt_id, held=True) in told)
    await bench.executor.hold(held=False)
    await bench.events.until(lambda: Held(behind.attempt_id, held=False) in told)
    assert not [event for event in bench.events.of[ahead.attempt_id] if isinstance(event, Held)]


async def test_cancel_ends_a_held_attempt(bench: Bench) -> None:
    spec = attempt("lasting")
    await bench.executor.start(spec)
    pids = await bench.events.pids(spec.attempt_id)
    await bench.executor.hold(held=True)
    await eventually(lambda: state(pids[0]) == "T")
    await bench.executor.cancel(spec.attempt_id)
    assert alive(pids) == []


@pytest.mark.parametrize(
    ("options", "timeout_s", "code"),
    [
        ({}, 1.0, "stage_timeout"),
        ({"silent": True}, 30.0, "stage_stalled"),
        ({"stuck": True}, 30.0, "stage_stalled"),
    ],
)
async def test_time_is_limited(bench: Bench, options: dict[str, object], timeout_s: float, code: str) -> None:
    spec = attempt("lasting", options=options, timeout_s=timeout_s)
    await bench.executor.start(spec)
    pids = await bench.events.pids(spec.attempt_id)
    finished = await bench.events.finished(spec.attempt_id)
    assert (finished.outcome, finished.error_kind, finished.error_code) == (Outcome.FAILED, "timeout", code)
    assert alive(pids) == []


async def test_a_killed_attempt_is_lost(bench: Bench) -> None:
    spec = attempt("lasting")
    await bench.executor.start(spec)
    pids = await bench.events.pids(spec.attempt_id)
    os.kill(pids[0], signal.SIGKILL)
    finished = await bench.events.finished(spec.attempt_id)
    assert (finished.outcome, finished.error_code) == (Outcome.LOST, "attempt_lost")
    assert alive(pids) == []


async def test_a_lost_node_loses_its_attempts_and_work_goes_on(bench: Bench) -> None:
    spec = attempt("lasting")
    await bench.executor.start(spec)
    pids = await bench.events.pids(spec.attempt_id)
    os.kill(_parent(pids[0]), signal.SIGKILL)
    finished = await bench.events.finished(spec.attempt_id)
    assert (finished.outcome, finished.error_code) == (Outcome.LOST, "runner_lost")
    await eventually(lambda: not alive(pids))

    again = attempt(inputs=source(SOURCE))
    await bench.executor.start(again)
    assert (await bench.events.finished(again.attempt_id)).outcome is Outcome.OK


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_many_attempts_at_once_each_end_once(bench: Bench) -> None:
    specs = [attempt(inputs=source(SOURCE, number=n)) for n in range(12)]
    await asyncio.gather(*(bench.executor.start(spec) for spec in specs))
    ended = [await bench.events.finished(spec.attempt_id) for spec in specs]
    assert [finished.facts["known"][0]["number"] for finished in ended] == list(range(12))


async def test_the_same_attempt_is_not_started_twice(bench: Bench) -> None:
    spec = attempt("lasting")
    await bench.executor.start(spec)
    with pytest.raises(VidComputeError, match="attempt_exists"):
        await bench.executor.start(spec)


async def test_large_facts_pass(bench: Bench) -> None:
    grid = [[n, n * 512] for n in range(60_000)]
    spec = attempt(inputs=source(SOURCE, grid=grid))
    await bench.executor.start(spec)
    assert (await bench.events.finished(spec.attempt_id)).facts["known"][0]["grid"] == grid


async def test_close_waits_for_the_grace_and_ends_the_rest(bench: Bench) -> None:
    short, long = attempt(inputs=source(SOURCE)), attempt("lasting")
    await bench.executor.start(long)
    pids = await bench.events.pids(long.attempt_id)
    await bench.executor.start(short)
    await bench.executor.close(1.0)
    assert (await bench.events.finished(short.attempt_id)).outcome is Outcome.OK
    assert (await bench.events.finished(long.attempt_id)).outcome is Outcome.CANCELLED
    assert alive(pids) == []
    with pytest.raises(VidComputeError, match="executor_closing"):
        await bench.executor.start(attempt())


async def test_nodes_have_cores_and_memory(bench: Bench) -> None:
    (node,) = await bench.executor.nodes()
    assert 0 < node.cpu <= (os.cpu_count() or 1)
    assert 2**28 < node.memory_bytes < 2**50


async def test_a_stage_cannot_leave_its_sandbox(bench: Bench) -> None:
    secret = bench.folder / "secret"
    secret.write_text("nobody's business")
    os.environ["VIDCOMPUTE_TEST_SECRET"] = "hidden"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        options = {"secret": str(secret), "port": listener.getsockname()[1]}
        spec = attempt("escaping", inputs=source(SOURCE), options=options)
        await bench.executor.start(spec)
        finished = await bench.events.finished(spec.attempt_id)
        with pytest.raises(BlockingIOError):
            listener.accept()
    del os.environ["VIDCOMPUTE_TEST_SECRET"]
    assert finished.outcome is Outcome.OK, finished
    assert finished.facts["forbidden"] == []
    assert finished.facts["allowed"] == ["read an input", "write an output", "write to scratch", "run ffmpeg"]
    assert not [name for name in finished.facts["environment"] if name.startswith("VIDCOMPUTE")]
    assert secret.stat().st_mode & 0o077 == 0o044
    assert not (bench.folder / "mine").exists()


def call(stage: str, folder: Path, **changes: Any) -> Call:
    media = folder / "media"
    media.write_bytes(b"media")
    version = {"copying": 3}.get(stage, 1)
    usual = Call(stage, version, {}, {"source": (str(media),)}, str(folder / "answer"), timeout_s=10.0)
    return replace(usual, **changes)


async def test_a_call_answers_with_facts_and_files(here: Interactive, tmp_path: Path) -> None:
    answers = [answer async for answer in here.call(call("copying", tmp_path))]
    assert answers == [{"facts": {"pieces": 1, "known": [{}], "greeting": "hello"}}]
    assert (tmp_path / "answer" / "made" / "copy").read_bytes() == b"MEDIA"
    await eventually(lambda: not list((tmp_path / "work").glob("call_*")))


async def test_a_call_brings_facts(here: Interactive, tmp_path: Path) -> None:
    wanted = call("copying", tmp_path, facts={"source": {"width": 640}})
    (answer,) = [a async for a in here.call(wanted)]
    assert answer["facts"]["known"] == [{"width": 640}]
    alone = replace(wanted, inputs={}, output=str(tmp_path / "second"))
    (answer,) = [a async for a in here.call(alone)]
    assert answer["facts"] == {"pieces": 0, "known": [{"width": 640}], "greeting": "hello"}


async def test_closing_a_call_ends_its_processes(here: Interactive, tmp_path: Path) -> None:
    async with aclosing(here.call(call("lasting", tmp_path, options={"stubborn": True}))) as answers:
        pids = (await anext(answers))["pids"]
        assert pids[0] == pids[1]  # the stage leads its own group
        assert alive(pids) == pids
    assert alive(pids) == []


@pytest.mark.parametrize(
    ("way", "code"), [("refuse", "no_thanks"), ("memory", "memory_limit"), ("crash", "stage_crashed")]
)
async def test_a_call_raises_its_stages_error(here: Interactive, tmp_path: Path, way: str, code: str) -> None:
    with pytest.raises(VidComputeError, match=code):
        await anext(here.call(call("breaking", tmp_path, options={"way": way})))


async def test_a_call_is_limited_in_time(here: Interactive, tmp_path: Path) -> None:
    answers = here.call(call("lasting", tmp_path, timeout_s=1.0))
    pids = (await anext(answers))["pids"]
    with pytest.raises(VidComputeError, match="stage_timeout"):
        await anext(answers)
    assert alive(pids) == []


async def test_a_call_has_no_more_rights_than_an_attempt(here: Interactive, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("nobody's business")
    options = {"secret": str(secret), "port": 9}
    (answer,) = [a async for a in here.call(call("escaping", tmp_path, options=options))]
    assert answer["facts"]["forbidden"] == []
    assert len(answer["facts"]["allowed"]) == 4


def test_a_specification_survives_json() -> None:
    from vidcompute.ports.attempt_wire import spec_from_json, spec_to_json

    spec = attempt(inputs=source(SOURCE, rate="30/1"))
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec
