"""What every job begins with: its source is fetched, where it is at a URL, and probed."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vidcompute.pipeline.plan import Plan, PlanNode, content_keys
from vidcompute.services.states import JobStep
from vidcompute.services.tasks.models import Terms

TermsOf = Callable[[PlanNode], Terms]


@dataclass(frozen=True)
class First:
    """The task of a job that has no plan yet: its node with the content key, and the step that the job is in with it.

    `terms` are those of its attempts; `digest` is the source's where the node reads the source.
    """

    node: PlanNode
    key: str
    step: JobStep
    terms: TermsOf
    digest: str = ""


@dataclass(frozen=True)
class Prelude:
    """What comes before the plan, by settings.

    `fetch` makes the node that fetches a URL, `probe` is the node that probes a source; their ids are "fetch" and
    "probe". `terms` says on what terms a node's attempts run; `ffmpeg_build` is hashed into keys.
    """

    fetch: Callable[[str], PlanNode]
    probe: PlanNode
    terms: TermsOf
    ffmpeg_build: str

    def first(self, organization_id: str, job_id: str, spec: Mapping[str, Any], digest: str | None) -> First:
        """A job's fetch, or its probe where its source is there, with this digest. `spec` is its JobSpec as JSON."""
        if digest is None:
            # what a URL gives is not known before, so its key is the job's own: no other job shares the fetch
            key = hashlib.sha256(f"fetch:{organization_id}:{job_id}".encode()).hexdigest()
            return First(self.fetching(spec), key, JobStep.FETCHING, self.terms)
        keys = content_keys(Plan((self.probe,)), organization_id, digest, self.ffmpeg_build)
        return First(self.probe, keys[self.probe.id], JobStep.PROBING, self.terms, digest)

    def fetching(self, spec: Mapping[str, Any]) -> PlanNode:
        """The node that fetches what a spec names by its URL."""
        return self.fetch(str(spec["input"]["url"]))
