"""Runs stages that start ffmpeg in this process, one on what another has made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.media.pictures.local_work import LocalWork
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.pipeline.stage import Cost

PROBE = PlanNode("probe", "probe", 1, {}, {"source": (SOURCE,)}, Cost(0.1, 0.1))


@dataclass
class Place(LocalWork):
    """What a stage sees: the source, and as every other input what a stage `made` before it, with its facts."""

    program: Path = Path()
    made: Path = Path()
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ffmpeg(self) -> Path:
        return self.program

    def paths(self, name: str) -> list[Path]:
        return [self.source if name == "source" else self.made]

    def facts(self, name: str) -> list[Mapping[str, Any]]:
        assert name != "source"
        return [self.told]
