"""What a benchmark found, how it is kept, and the table of all that is kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import Machine

FOLDER = Path(__file__).parent / "results"
TABLE = Path(__file__).parent / "RESULTS.md"
_HEAD = """# Results

Written by `python -m bench`; every row is the last full run of its benchmark. Ratios are of medians in one run.

"""


class BenchError(Exception):
    """A benchmark could not be carried through: what it measured means nothing."""


@dataclass(frozen=True)
class Figure:
    """One measured number. `limit` is the most it may be, or with `at_least` the least."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether it keeps its limit; None without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the kept file."""
        return {**asdict(self), "value": round(self.value, 6), "passed": self.passed}


@dataclass(frozen=True)
class Report:
    """All that one benchmark found. `details` is what the figures were computed from."""

    benchmark: str
    figures: tuple[Figure, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, *, command: str, date: str, machine: Machine, quick: bool) -> dict[str, Any]:
        """The kept form."""
        return {
            "benchmark": self.benchmark,
            "command": command,
            "date": date,
            "quick": quick,
            "machine": asdict(machine),
            "figures": [figure.to_json() for figure in self.figures],
            "details": dict(self.details),
        }


def keep(document: Mapping[str, Any], folder: Path) -> Path:
    """Write a report where the last one of its benchmark lay."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{document['benchmark']}.json"
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(document, indent=1) + "\n")
    fresh.replace(target)
    return target


def write_table(folder: Path = FOLDER, table: Path = TABLE) -> None:
    """Write the table of all kept reports."""
    rows = ["| figure | measured | limit | pass | command | date | machine |", "|---|---|---|---|---|---|---|"]
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        rows += [_row(document, figure) for figure in document["figures"]]
    table.write_text(_HEAD + "\n".join(rows) + "\n")


def _row(document: Mapping[str, Any], figure: Mapping[str, Any]) -> str:
    machine = document["machine"]
    cells = [
        f"{document['benchmark']}: {figure['name']}",
        amount(figure["value"], figure["unit"]),
        _limit(figure),
        {True: "yes", False: "**no**", None: ""}[figure["passed"]],
        f"`{document['command']}`",
        document["date"][:10],
        f"{machine['cores']} cores, {machine['processor']}",
    ]
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _limit(figure: Mapping[str, Any]) -> str:
    if figure["limit"] is None:
        return ""
    return f"{'at least' if figure['at_least'] else 'at most'} {amount(figure['limit'], figure['unit'])}"


def amount(value: float, unit: str) -> str:
    """A number with its unit, in a readable number of digits."""
    return f"{value:.4g} {unit}"


def line(figure: Figure) -> str:
    """A figure for the terminal."""
    limit = _limit(figure.to_json())
    verdict = {True: "ok", False: "ABOVE", None: ""}[figure.passed]
    if figure.passed is False and figure.at_least:
        verdict = "BELOW"
    return f"  {figure.name:<58} {amount(figure.value, figure.unit):>14}  {limit:<18} {verdict} {figure.note}".rstrip()
