"""A stage that says what its process has from its parents."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Peeking:
    """Tells its threads and whether the client of object stores is loaded; copies what came in."""

    name: ClassVar[str] = "peeking"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        return Needs(cpu=0.1, memory_bytes=64 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        (work.output / "seen").write_bytes(work.path("source").read_bytes())
        threads = len(list(Path("/proc/self/task").iterdir()))
        return {"threads": threads, "client": any(name.startswith("obstore") for name in sys.modules)}
