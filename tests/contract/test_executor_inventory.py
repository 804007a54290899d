"""The local executor with an inventory: its nodes are the declared ones, its work fits on the machine."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.attempts import Events, attempt
from vidcompute.adapters.discovery import Discovery
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.ports.executor import Call, Held, LogLine, Needs, NodeInfo, Outcome

ROOT = Path(__file__).resolve().parents[2]
NODES = [NodeInfo(f"gpu-{n}", 64, 2**38, encoders=("h264_nvenc",), simulated=True) for n in range(3)]


@dataclass
class Bench:
    executor: LocalExecutor
    events: Events

    def begun(self, attempt_id: str) -> bool:
        return any(isinstance(event, LogLine) for event in self.events.of.get(attempt_id, ()))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    argv = [sys.executable, "-m", "tests.runner_entry", str(tmp_path / "storage"), str(tmp_path / "work")]
    executor = LocalExecutor(argv, tmp_path / "work", env={"PYTHONPATH": str(ROOT)}, cores=1, inventory=NODES)
    await executor.open()
    events = Events()
    collecting = asyncio.create_task(events.collect(executor.events()))
    yield Bench(executor, events)
    await executor.close(0)
    await asyncio.wait_for(collecting, 10)


async def test_a_node_tells_what_was_found_on_it_at_once_where_it_must(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.runner_entry", str(tmp_path / "storage"), str(tmp_path / "work")]
    memory = tmp_path / "hardware.json"
    seen = Discovery(memory, lambda: "9.0", lambda: (tmp_path / "renderD128",))
    calls: list[Call] = []

    async def run(call: Call) -> AsyncGenerator[Mapping[str, Any]]:
        calls.append(call)
        yield {"facts": {"encoders": ["h264_vaapi"], "decoders": ["vaapi"], "problems": {}}}

    await seen.look(run)  # it is remembered now
    environment = {"PYTHONPATH": str(ROOT)}
    executor = LocalExecutor(argv, tmp_path / "work", env=environment, discovery=seen, discover_first=True)
    try:
        await executor.open()
        (node,) = await executor.nodes()
    finally:
        await executor.close(0)
    assert (node.encoders, node.decoders, node.simulated) == (("h264_vaapi",), ("vaapi",), False)
    assert len(calls) == 1


async def test_declared_nodes_are_its_nodes(bench: Bench) -> None:
    assert await bench.executor.nodes() == NODES
    await bench.executor.discover()
    assert await bench.executor.nodes() == NODES


async def test_what_waits_for_room_starts_when_there_is_some_and_is_cancelled_at_once(bench: Bench) -> None:
    first, second, third = (attempt("lasting", node="gpu-0", needs=Needs(cpu=1)) for _ in range(3))
    for spec in (first, second, third):
        await bench.executor.start(spec)
    await bench.events.until(lambda: bench.begun(first.attempt_id))
    await bench.events.until(lambda: Held(third.attempt_id, held=True) in bench.events.of.get(third.attempt_id, ()))
    await bench.executor.cancel(second.attempt_id)
    assert (await bench.events.finished(second.attempt_id)).outcome is Outcome.CANCELLED
    await bench.executor.cancel(first.attempt_id)
    await bench.events.until(lambda: bench.begun(third.attempt_id))
    assert Held(third.attempt_id, held=False) in bench.events.of[third.attempt_id]
    assert not bench.begun(second.attempt_id)
    await bench.executor.cancel(third.attempt_id)
    assert (await bench.events.finished(third.attempt_id)).outcome is Outcome.CANCELLED


async def test_who_has_somebody_waiting_for_it_does_not_wait(bench: Bench) -> None:
    long, probe = attempt("lasting", needs=Needs(cpu=1)), attempt("lasting", background=False)
    await bench.executor.start(long)
    await bench.executor.start(probe)
    await bench.events.until(lambda: bench.begun(probe.attempt_id))
