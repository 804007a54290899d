"""What the platform would do with a source, worked out by its own recipe: the ladder, and how each rung is encoded."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench import machine
from bench.peers import Task
from bench.results import BenchError
from vidcompute.media import encode, timeline
from vidcompute.media import probe as probing
from vidcompute.media.facts import SourceFacts, VideoFacts, to_json
from vidcompute.media.ladder import Rung
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode
from vidcompute.pipeline.recipes import standard
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.layout import Layout, layout
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stage import Cost
from vidcompute.pipeline.stages.encode import Encode

_PROBE = PlanNode("probe", "probe", 1, {}, {"source": (SOURCE,)}, Cost(0.3, 0.3))


@dataclass(frozen=True)
class Laid:
    """A source as the platform sees it."""

    path: Path
    facts: SourceFacts
    video: VideoFacts
    layout: Layout
    line: timeline.Timeline
    plan: Plan

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The renditions that are encoded, best first."""
        return self.layout.encoded

    @property
    def threads(self) -> int:
        """How many threads each encoder gets."""
        return max(int(node.options["threads"]) for node in self.plan.nodes if node.stage == Encode.name)

    @property
    def facts_json(self) -> dict[str, Any]:
        """The facts as a stage is given them."""
        return to_json(self.facts)

    def stretch(self, first: int, end: int) -> encode.VideoCut:
        """The segments `[first, end)` as one piece of work."""
        chunk = timeline.stretch(self.line, self.video, first, end)
        return encode.cut(self.line, self.video, self.facts.container, chunk)

    def task(self, folder: Path) -> Task:
        """The same ladder as a task for others."""
        folder.mkdir(parents=True, exist_ok=True)
        return Task(
            ffmpeg=machine.ffmpeg_path(),
            source=self.path,
            folder=folder,
            rungs=self.rungs,
            encoders={rung.name: self._encoder(rung) for rung in self.rungs},
            frame_rate=Fraction(self.line.frame_rate),
            source_bps=self.video.bitrate_bps,
        )

    def _encoder(self, rung: Rung) -> list[str]:
        """The encoder's options as they stand in the platform's own command line."""
        line = encode.encode_args(self.stretch(0, 1), [(rung, "pipe:3")], threads=self.threads)
        return line[line.index("-c:v") : line.index("-force_key_frames")]


def lay_out(path: Path, spec: MediaSpec | None = None) -> Laid:
    """Probe a file that we made ourselves, and plan its job."""
    facts = probing.probe(path)
    spec = spec or MediaSpec()
    made = layout(facts, spec)
    if facts.video is None or made.timeline is None:
        raise BenchError(f"{path.name} has no picture")
    plan = standard.plan(facts, spec, Capacity(machine.cores()), _PROBE)
    return Laid(path, facts, facts.video, made, made.timeline, plan)
