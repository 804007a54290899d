"""A server's half of the runner in a process of its own, to be killed: starts one attempt and prints its pids."""

import asyncio
import sys
from pathlib import Path

from tests.fixtures.attempts import attempt
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.ports.executor import LogLine


async def main() -> None:
    folder = Path(sys.argv[1])
    argv = [sys.executable, "-m", "tests.runner_entry", str(folder / "storage"), str(folder / "work")]
    executor = LocalExecutor(argv, folder / "work", env={"PYTHONPATH": str(Path(__file__).resolve().parents[1])})
    await executor.open()
    await executor.start(attempt("lasting", options={"stubborn": True}))
    async for event in executor.events():
        if isinstance(event, LogLine) and event.message.startswith("pids "):
            sys.stdout.write(event.message + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
