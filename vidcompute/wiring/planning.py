"""The planner: which stages there are, and under which limits they work, by settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidcompute.dispatch.planning import Planner
from vidcompute.media.facts import SourceFacts
from vidcompute.media.timeline import FRAME_RATE_MAX
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode
from vidcompute.pipeline.recipes import standard
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.spec import HardwareEncoding, MediaSpec
from vidcompute.pipeline.stage import Cost
from vidcompute.pipeline.stages.fetch import Fetch
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.ports.executor import NodeInfo
from vidcompute.services.tasks import Terms
from vidcompute.wiring import stages

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_FOREGROUND = frozenset({"fetch", "probe"})  # short, and somebody waits for them


def planner(settings: "Settings", ffmpeg_build: str) -> Planner:
    """As the settings say, for this build of ffmpeg."""
    registry = stages.registry(settings)
    hardware = HardwareEncoding(settings.hardware_encoding)
    probe = Probe(
        max_duration_s=settings.max_source_duration_s,
        max_pixels=settings.max_pixels,
        max_streams=settings.max_streams,
        max_frames=max(Probe.max_frames, settings.max_source_duration_s * int(FRAME_RATE_MAX)),
        max_frame_rate=settings.max_frame_rate,
    )

    def recipe(facts: SourceFacts, spec: MediaSpec, node: PlanNode, nodes: Sequence[NodeInfo]) -> Plan:
        return standard.plan(facts, spec, Capacity.of(nodes, hardware), node)

    def fetch(url: str) -> PlanNode:
        return PlanNode.of("fetch", Fetch(url), {}, Cost(0.5, 5.0))

    def terms(node: PlanNode) -> Terms:
        timeout_s = stages.timeout_s(settings, registry.find(node.stage, node.version))
        return Terms(node.needs, timeout_s, background=node.stage not in _FOREGROUND)

    probing = PlanNode.of("probe", probe, {"source": (SOURCE,)}, Cost(0.3, 0.3))
    return Planner(fetch, probing, terms, ffmpeg_build, recipe)
