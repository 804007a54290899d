"""What only the executor of this machine does: the process that all others are forked from is watched."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.contract.test_executor import ROOT
from tests.fixtures.attempts import Events, attempt, eventually
from tests.fixtures.processes import alive, parent
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.ports.executor import Outcome


async def test_a_forkserver_that_hangs_is_replaced_and_what_it_ran_is_lost(tmp_path: Path) -> None:
    """Nothing that it runs could end, and nothing could begin."""
    argv = [sys.executable, "-m", "tests.runner_entry", str(tmp_path / "storage"), str(tmp_path / "work")]
    executor = LocalExecutor(argv, tmp_path / "work", env={"PYTHONPATH": str(ROOT)}, silent_s=3.0)
    await executor.open()
    events = Events()
    collecting = asyncio.create_task(events.collect(executor.events()))
    try:
        spec, again = attempt("lasting"), attempt("lasting")
        await executor.start(spec)
        pids = await events.pids(spec.attempt_id)
        os.kill(parent(pids[0]), signal.SIGSTOP)
        finished = await events.finished(spec.attempt_id)
        assert (finished.outcome, finished.error_code) == (Outcome.LOST, "runner_lost")
        await eventually(lambda: not alive(pids))
        await executor.start(again)
        await events.pids(again.attempt_id)
    finally:
        await executor.close(0)
        await asyncio.wait_for(collecting, 10)
