"""Jobs: requests, their plans, their stages, and the attempts that carry them out."""

from vidcompute.services.jobs.attaching import TermsOf, adopt_source, attach_plan, attach_prelude
from vidcompute.services.jobs.attempts import Recorded, adopt, finish, hand_back, place, record_progress, start
from vidcompute.services.jobs.models import (
    PRIORITIES,
    RANKS,
    Job,
    JobFilter,
    JobTask,
    OutputPlace,
    Placement,
    Requeued,
    Resumed,
    RetryPolicy,
    StageView,
    Unplanned,
)
from vidcompute.services.jobs.moves import fail
from vidcompute.services.jobs.queries import (
    artifacts_of,
    counts,
    events_of_job,
    get_job,
    list_jobs,
    next_deadline_ms,
    overdue,
    source_of_asset,
    tasks_of,
    unplanned,
)
from vidcompute.services.jobs.resuming import requeue_dead, retry
from vidcompute.services.jobs.service import cancel, place_of_frames, plan_of, submit
from vidcompute.services.jobs.stages import list_stages

__all__ = [
    "PRIORITIES",
    "RANKS",
    "Job",
    "JobFilter",
    "JobTask",
    "OutputPlace",
    "Placement",
    "Recorded",
    "Requeued",
    "Resumed",
    "RetryPolicy",
    "StageView",
    "TermsOf",
    "Unplanned",
    "adopt",
    "adopt_source",
    "artifacts_of",
    "attach_plan",
    "attach_prelude",
    "cancel",
    "counts",
    "events_of_job",
    "fail",
    "finish",
    "get_job",
    "hand_back",
    "list_jobs",
    "list_stages",
    "next_deadline_ms",
    "overdue",
    "place",
    "place_of_frames",
    "plan_of",
    "record_progress",
    "requeue_dead",
    "retry",
    "source_of_asset",
    "start",
    "submit",
    "tasks_of",
    "unplanned",
]
