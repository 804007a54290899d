"""From `make run` until the first stage of its job is at work, where all is set up."""

import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.results import BenchError, Figure, Report
from bench.run import Run

NAME = "start"
_LIMIT_S = 5.0
_LONGEST_S = 120.0
_ROOT = Path(__file__).parent.parent
_AT_WORK = re.compile(r"^\w+ (running|done)$")


def measure(run: Run) -> Report:
    """The first time counts for nothing: it may still set things up."""
    source = run.sources.make("conformant", 8).path
    found = [_at_work_s(source) for _ in range(run.times(5) + 1)][1:]
    run.say(", ".join(f"{at_s:.2f} s" for at_s in found))
    figure = Figure("make run, when all is set up: a stage at work", statistics.median(found), "s", _LIMIT_S)
    return Report(NAME, (figure,), {"at_work_s": found})


def _at_work_s(source: Path) -> float:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {n: v for n, v in os.environ.items() if not n.startswith("VIDCOMPUTE_")}
        environment |= {"VIDCOMPUTE_PORT": "0", "VIDCOMPUTE_DATA_DIR": str(Path(folder, "data"))}
        begun_s = time.monotonic()
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run", "ONCE=1", f"FILE={source}"],
            env=environment,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            at_s = next((time.monotonic() for line in process.stdout or () if _AT_WORK.match(line)), None)
            if at_s is None or process.wait(_LONGEST_S) != 0:
                raise BenchError("make run did not come to its end")
        finally:
            process.kill()
            process.wait()
    return at_s - begun_s
