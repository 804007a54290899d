"""A stage that copies its inputs, in upper case, and tells how far it is."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Copying:
    """Options: the name of the output file."""

    target: str = "copy"

    name: ClassVar[str] = "copying"
    version: ClassVar[int] = 3

    def needs(self) -> Needs:
        return Needs(cpu=0.1, memory_bytes=64 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        work.log("copying")
        pieces = []
        for path in work.paths("source"):
            files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
            pieces += [file.read_bytes() for file in files]
        work.progress(0.5, frame=1, fps=25.0, media_time_ms=40, speed=1.5)
        target = work.output / "made" / self.target
        target.parent.mkdir()
        target.write_bytes(b"".join(pieces).upper())
        work.progress(1.0)
        known = [dict(facts) for facts in work.facts("source")]
        return {"pieces": len(pieces), "known": known, "greeting": work.provider("greeter")}
