"""What playback looks at: one asset with the job that makes it, as they are at an instant."""

from collections.abc import Mapping
from dataclasses import dataclass

from vidcompute.pipeline.plan import Plan
from vidcompute.services.assets.models import Asset, Source
from vidcompute.services.jobs.models import Job
from vidcompute.services.tasks.models import Artifact


@dataclass(frozen=True)
class Snapshot:
    """An asset, its newest job with the plan (None until there is one), and what that job has made by now.

    `artifacts` are by the id of the plan's node ("encode/3"; also "fetch" and "probe").
    """

    asset: Asset
    source: Source | None
    job: Job | None
    plan: Plan | None
    artifacts: Mapping[str, Artifact]


@dataclass(frozen=True)
class Progress:
    """How far a job is: `fraction` 0 to 1 weighted by cost, milliseconds to go, and speed against real time."""

    fraction: float
    eta_ms: int | None
    speed: float | None
