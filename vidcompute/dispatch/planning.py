"""A job's way to its plan: fetch (URLs only), probe, recipe. Every step is one transaction and can be repeated."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.facts import SourceFacts, from_json
from vidcompute.pipeline.plan import Plan, PlanNode, content_keys
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.ports.executor import NodeInfo
from vidcompute.services import assets, jobs
from vidcompute.services.jobs import Unplanned
from vidcompute.services.states import JobStep

Recipe = Callable[[SourceFacts, MediaSpec, PlanNode, Sequence[NodeInfo]], Plan]


@dataclass(frozen=True)
class Planner:
    """What planning needs to know.

    `fetch` makes the node that fetches a URL, `probe` is the node that probes a source; their ids are "fetch" and
    "probe". `recipe` is pure, is given the probe node (its plans may name it) and the nodes that there are now, and
    raises VidComputeError for what it refuses. `ffmpeg_build` is hashed into keys.
    """

    recipe: Recipe
    fetch: Callable[[str], PlanNode]
    probe: PlanNode
    terms: jobs.TermsOf
    ffmpeg_build: str


@dataclass(frozen=True)
class Probed:
    """What the recipe works on."""

    facts: SourceFacts
    spec: MediaSpec
    digest: str


def attach_first(conn: Connection, planner: Planner, job: Unplanned) -> None:
    """Give a job its fetch task, or its probe task where its source is there."""
    source = jobs.source_of_asset(conn, job.asset_id)
    if source is None and job.step == JobStep.FETCHED:
        artifact = jobs.artifacts_of(conn, job.organization_id, job.id).get(planner_fetch_id(planner, job))
        if artifact is None:
            raise VidComputeError(Kind.INTERNAL, "source_missing", "The fetched source is not there any more.")
        jobs.adopt_source(conn, job.id, artifact.facts, artifact.storage_prefix)
        source = jobs.source_of_asset(conn, job.asset_id)
    if source is None:
        node = planner.fetch(url_of(job))
        # what a URL gives is not known before, so its key is the job's own: no other job shares the fetch
        key = hashlib.sha256(f"fetch:{job.organization_id}:{job.id}".encode()).hexdigest()
        jobs.attach_prelude(conn, job.id, node, key, planner.terms, step=JobStep.FETCHING)
        return
    keys = content_keys(Plan((planner.probe,)), job.organization_id, source.digest, planner.ffmpeg_build)
    key = keys[planner.probe.id]
    jobs.attach_prelude(conn, job.id, planner.probe, key, planner.terms, step=JobStep.PROBING, digest=source.digest)


def planner_fetch_id(planner: Planner, job: Unplanned) -> str:
    """The id of the node that fetches a job's source."""
    return planner.fetch(url_of(job)).id


def url_of(job: Unplanned) -> str:
    """The URL that a job's spec names."""
    return str(job.spec["input"]["url"])


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
