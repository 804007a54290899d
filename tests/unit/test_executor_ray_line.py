"""The line between a server and its bridge to the cluster: where it breaks, no attempt is left behind."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.attempts import Events, attempt, eventually
from vidcompute.adapters.executor_ray import RayExecutor
from vidcompute.ports.executor import Outcome

BRIDGE = """
import json, os, pathlib, socket, sys

folder, lines = pathlib.Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])).makefile("rwb")

def tell(message):
    lines.write(json.dumps(message).encode() + b"\\n")
    lines.flush()

tell({"event": "ready"})
for line in lines:
    asked = json.loads(line)
    attempt_id = asked.get("attempt_id") or asked.get("spec", {}).get("attempt_id", "")
    with (folder / "journal").open("a") as journal:
        journal.write(f"{os.getpid()} {asked['op']} {attempt_id}\\n")
    if (folder / f"die-at-{asked['op']}").exists():
        (folder / f"die-at-{asked['op']}").unlink()
        sys.exit(1)
    if (folder / f"fail-at-{asked['op']}").exists():
        (folder / f"fail-at-{asked['op']}").unlink()
        tell({"n": asked["n"], "error": {"kind": "unavailable", "code": "cluster_failed", "detail": "Not now."}})
        continue
    tell({"n": asked["n"], "node": "n", "attempts": []})
    if asked["op"] == "start" and asked["spec"]["options"].get("ends"):
        tell({"event": "attempt", "data": {"event": "finished", "attempt_id": attempt_id, "outcome": "ok"}})
"""


@dataclass
class Line:
    executor: RayExecutor
    events: Events
    folder: Path

    def asked(self) -> list[tuple[str, str]]:
        """What bridges were asked for, and of which attempts; those of the newest one alone."""
        lines = [line.split(" ") for line in (self.folder / "journal").read_text().splitlines()]
        return [(op, attempt_id) for pid, op, attempt_id in lines if pid == lines[-1][0]]

    def break_at(self, op: str) -> None:
        """The bridge dies as it is asked for this."""
        (self.folder / f"die-at-{op}").touch()

    def fail_at(self, op: str) -> None:
        """The cluster can't do this the next time that it is asked for."""
        (self.folder / f"fail-at-{op}").touch()

    async def until_asked(self, op: str, attempt_id: str) -> None:
        await eventually(lambda: (op, attempt_id) in self.asked())


@asynccontextmanager
async def line(folder: Path, silent_s: float = 30.0) -> AsyncIterator[Line]:
    executor = RayExecutor([sys.executable, "-c", BRIDGE, str(folder)], lambda _spec: {}, silent_s=silent_s)
    await executor.open()
    events = Events()
    collecting = asyncio.create_task(events.collect(executor.events()))
    try:
        await executor.adopt(1)
        yield Line(executor, events, folder)
    finally:
        await executor.let_go()
        await executor.close(0)
        await asyncio.wait_for(collecting, 10)


async def test_an_attempt_whose_start_broke_the_line_is_lost_and_thrown_away(tmp_path: Path) -> None:
    """It may have begun, and nobody would hear of it any more."""
    async with line(tmp_path) as it:
        spec = attempt()
        it.break_at("start")
        await it.executor.start(spec)
        assert (await it.events.finished(spec.attempt_id)).outcome is Outcome.LOST
        await it.until_asked("collected", spec.attempt_id)
        assert ("start", spec.attempt_id) not in it.asked()


async def test_what_was_collected_while_the_line_was_broken_is_thrown_away_later(tmp_path: Path) -> None:
    """Until then it holds what it had of its node."""
    async with line(tmp_path) as it:
        spec, other = attempt(options={"ends": True}), attempt(options={"ends": True})
        for started in (spec, other):
            await it.executor.start(started)
            assert (await it.events.finished(started.attempt_id)).outcome is Outcome.OK
        it.break_at("collected")
        await it.executor.collected(spec.attempt_id)
        await it.executor.collected(other.attempt_id)
        await it.until_asked("collected", spec.attempt_id)
        await it.until_asked("collected", other.attempt_id)


async def test_what_was_cancelled_while_the_line_was_broken_is_cancelled_later(tmp_path: Path) -> None:
    async with line(tmp_path) as it:
        spec = attempt()
        await it.executor.start(spec)
        it.break_at("read")
        assert await it.executor.read_output(spec.attempt_id, "frames.zip", 0) == b""
        await it.executor.cancel(spec.attempt_id)
        await it.until_asked("cancel", spec.attempt_id)
        assert it.asked().index(("follow", spec.attempt_id)) < it.asked().index(("cancel", spec.attempt_id))


@pytest.mark.parametrize("op", ["hold", "adopt"])
async def test_what_lives_is_heard_of_again_though_the_cluster_fails_at_first(tmp_path: Path, op: str) -> None:
    async with line(tmp_path) as it:
        spec = attempt()
        await it.executor.start(spec)
        it.fail_at(op)
        it.break_at("read")
        assert await it.executor.read_output(spec.attempt_id, "frames.zip", 0) == b""
        await it.until_asked("follow", spec.attempt_id)


async def test_a_bridge_that_hangs_is_started_anew_and_costs_no_attempt(tmp_path: Path) -> None:
    """This one says nothing between answers, which a real one does."""
    async with line(tmp_path, silent_s=1.0) as it:
        spec = attempt()
        await it.executor.start(spec)
        await it.until_asked("follow", spec.attempt_id)
        assert ("start", spec.attempt_id) not in it.asked()


async def test_a_bridge_that_can_not_be_started_is_started_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program, fresh = tmp_path / "bridge", tmp_path / "fresh"
    executor = RayExecutor([str(program), str(tmp_path)], lambda _spec: {})
    opening = asyncio.create_task(executor.open())
    fresh.write_text(f"#!{sys.executable}\n{BRIDGE}")
    fresh.chmod(0o700)
    await eventually(lambda: "can be started" in caplog.text)
    fresh.rename(program)
    await asyncio.wait_for(opening, 20)
    await executor.close(0)
