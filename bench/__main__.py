"""`python -m bench [NAME…] [--quick] [--rounds N] [--json FILE]`: measure, keep the results, write the table.

Exits 1 when a full run's figure is beyond its limit, 2 when a benchmark could not be carried through. A quick run
shows that everything works: its figures mean nothing, and are kept nowhere but in the file that --json names.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

from bench import (
    checks,
    cluster,
    dashboard,
    first_segment,
    full_job,
    machine,
    memory,
    placement,
    results,
    stages,
    start,
    stills,
    transitions,
    uploads,
    waiting,
    watching,
)
from bench.results import BenchError, Report
from bench.run import Benchmark, Run
from bench.sources import WORK, Sources

BENCHMARKS: dict[str, Benchmark] = {
    start.NAME: start.measure,
    first_segment.NAME: first_segment.measure,
    full_job.NAME: full_job.measure,
    full_job.NAME_REAL: full_job.measure_real,
    full_job.NAME_PRESETS: full_job.measure_presets,
    watching.NAME: watching.measure,
    memory.NAME: memory.measure,
    stages.NAME: stages.measure,
    checks.NAME: checks.measure,
    stills.NAME: stills.measure,
    transitions.NAME: transitions.measure,
    waiting.NAME: waiting.measure,
    placement.NAME: placement.measure,
    cluster.NAME: cluster.measure,
    uploads.NAME: uploads.measure,
    dashboard.NAME: dashboard.measure,
}


def main() -> int:
    """The command."""
    options = _options()
    known = machine.look()
    print(f"{known.cores} cores, {known.processor}, ffmpeg {known.ffmpeg}, load {known.load_at_start}", flush=True)
    if known.load_at_start > known.cores / 4 and not options.quick:
        print("This machine is busy: the figures will mean little.", flush=True)
    WORK.mkdir(exist_ok=True)
    run = Run(options.quick, options.rounds, WORK, Sources(), lambda text: print(f"  {text}", flush=True))
    documents: list[dict[str, Any]] = []
    broken = False
    for name in options.names or BENCHMARKS:
        print(f"{name}:", flush=True)
        try:
            report = BENCHMARKS[name](run)
        except (BenchError, HTTPException, OSError, ModuleNotFoundError) as error:
            print(f"  could not be carried through: {_reason(error)}", flush=True)
            broken = True
            continue
        documents.append(_document(report, known, options))
        for figure in report.figures:
            print(results.line(figure), flush=True)
        if not options.quick:
            results.keep(documents[-1], results.FOLDER)
            results.write_table()
    if options.json:
        options.json.write_text(json.dumps(documents, indent=1) + "\n")
    return 2 if broken else _verdict(documents, quick=options.quick)


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        return f"the Python package {package} is not installed; run `make setup`"
    return str(error)


def _document(report: Report, known: machine.Machine, options: argparse.Namespace) -> dict[str, Any]:
    quick = ["--quick"] if options.quick else []
    rounds = [f"--rounds {options.rounds}"] if options.rounds else []
    command = " ".join(["python -m bench", report.benchmark, *quick, *rounds])
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return report.to_json(command=command, date=date, machine=known, quick=options.quick)


def _verdict(documents: list[dict[str, Any]], *, quick: bool) -> int:
    beyond = [f["name"] for document in documents for f in document["figures"] if f["passed"] is False]
    return 1 if beyond and not quick else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="tiny inputs, to see that everything works")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found there as well")
    options = parser.parse_args()
    wrong = [name for name in options.names if name not in BENCHMARKS]
    if wrong:
        parser.error(f"no such benchmark: {', '.join(wrong)}; there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
