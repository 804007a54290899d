"""How a job comes to its plan, once its source is probed. Every step is one transaction and can be repeated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.facts import SourceFacts, from_json
from vidcompute.pipeline.plan import Plan, PlanNode, content_keys
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.ports.executor import NodeInfo
from vidcompute.services import assets, jobs
from vidcompute.services.jobs import Prelude, Unplanned

Recipe = Callable[[SourceFacts, MediaSpec, PlanNode, Sequence[NodeInfo]], Plan]


@dataclass(frozen=True)
class Planner(Prelude):
    """What planning needs to know: what comes before the plan, and how that is made.

    `recipe` is pure, is given the probe node (its plans may name it) and the nodes that there are now, and raises
    VidComputeError for what it refuses.
    """

    recipe: Recipe


@dataclass(frozen=True)
class Probed:
    """What the recipe works on."""

    facts: SourceFacts
    spec: MediaSpec
    digest: str


def probed(conn: Connection, planner: Planner, job: Unplanned) -> Probed:
    """The facts of a job's source, and what it wants."""
    source = jobs.source_of_asset(conn, job.asset_id)
    artifact = jobs.artifacts_of(conn, job.organization_id, job.id).get(planner.probe.id)
    if source is None or artifact is None:
        raise VidComputeError(Kind.INTERNAL, "facts_missing", "What was probed of the source is not there any more.")
    wanted = {name: job.spec[name] for name in MediaSpec.model_fields if name in job.spec}
    return Probed(from_json(dict(artifact.facts)), MediaSpec.model_validate(wanted), source.digest)


def attach(conn: Connection, planner: Planner, job: Unplanned, found: Probed, plan: Plan) -> None:
    """Record a plan with its tasks, and what was probed with the asset."""
    keys = content_keys(plan, job.organization_id, found.digest, planner.ffmpeg_build)
    if jobs.attach_plan(conn, job.id, plan, keys, planner.terms, digest=found.digest):
        assets.describe(conn, job.asset_id, found.facts)
