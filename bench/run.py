"""What every benchmark is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.results import Report
from bench.sources import Sources


@dataclass(frozen=True)
class Run:
    """How to measure: `quick` shows that everything works on tiny inputs; `rounds` overrides how often."""

    quick: bool
    rounds: int | None
    work: Path
    sources: Sources
    say: Callable[[str], None]

    def times(self, full: int, quick: int = 1) -> int:
        """How often to measure."""
        return self.rounds or (quick if self.quick else full)


Benchmark = Callable[[Run], Report]
