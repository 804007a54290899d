"""What the API sends and takes about jobs, their attempts, plans and logs: wire models."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vidcompute.api.asset_schemas import ASSET_EXAMPLE, LINKS_EXAMPLE, Asset, Links, Output
from vidcompute.api.times import Time
from vidcompute.api.wire import ASSET_ID, BASE, JOB_ID, PLAYBACK_ID, Failure, Sent, Taken
from vidcompute.pipeline.spec import JobSpec, Priority
from vidcompute.ports.executor import Outcome
from vidcompute.services.states import JobStatus, TaskStatus


class Progress(Sent):
    """How far something is."""

    fraction: Annotated[float, Field(ge=0, le=1)]
    """From 0 to 1."""
    frame: int | None = None
    """Frames that are done."""
    fps: float | None = None
    """Frames a second."""
    media_time_ms: int | None = None
    """How much of the media's time is done."""
    speed: float | None = None
    """Seconds of media in a second of work."""


class Effort(Sent):
    """Seconds of work."""

    cpu_s: float
    wall_s: float


class Stage(Sent):
    """One stage of a job: the sum of its tasks."""

    name: str
    status: TaskStatus
    progress: Progress
    tasks: int
    """How many tasks it has."""
    tasks_done: int
    reused: int
    """Tasks that were done already, for an earlier job."""
    attempts: int
    """How often its tasks were started in all."""
    started_at: Time | None
    ended_at: Time | None
    duration_ms: int | None
    eta_ms: int | None
    """How long it is expected to go on; null where that can't be said."""
    waits_for: str | None
    """Why it is ready and not running yet, in plain words; null where it isn't so."""
    error: Failure | None
    cost: Effort
    """What it was expected to take."""
    spent: Effort
    """What its attempts took."""
    logs_key: str | None
    """Where the log of its newest attempt lies in storage."""
    logs_keys: list[str]
    """Where the logs of all its attempts lie, first to last."""


class JobSummary(Sent):
    """One request's work, as lists show it."""

    id: str
    status: JobStatus
    kind: str
    priority: Priority
    asset_id: str
    passthrough: str | None
    error: Failure | None
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    duration_ms: int | None
    """From its start to its end, or to now."""
    urls: Links


class Job(JobSummary):
    """One request's work: a plan under execution."""

    spec: JobSpec
    """What was asked for, with every default filled in."""
    progress: Progress
    """Of the whole job, weighted by what each stage costs."""
    eta_ms: int | None
    stages: list[Stage]
    outputs: list[Output]
    asset: Asset


class ResumedJob(Job):
    """A job that goes on, and what of it runs."""

    runs: list[str]
    """The stages that run (again)."""
    reused: list[str]
    """The stages whose results are taken as they are."""


class Resumption(Taken):
    """From where a job goes on. Left out, it runs again what failed or was cancelled, and nothing else."""

    model_config = ConfigDict(json_schema_extra={"example": {"resume_from": "package"}})

    resume_from: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """A stage that runs again, with what depends on it, done or not."""


class Requeued(Sent):
    """Dead jobs that are queued again."""

    job_ids: list[str]
    left: int
    """How many dead jobs there still are; ask again until there is none."""


class JobPage(Sent):
    """Some jobs, newest first."""

    items: list[JobSummary]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class Attempt(Sent):
    """One execution of a task."""

    id: str
    task_id: str
    stage: str
    task: str
    """Which task of the stage, by its place in the plan."""
    number: int
    """Counts the executions of the task, from 1."""
    node: str
    """Where it was placed."""
    outcome: Outcome | None
    """How it ended: ok, failed, lost with its process or machine, cancelled. Null while it goes on."""
    error: Failure | None
    """Why it failed or was lost."""
    placed_at: Time
    started_at: Time | None
    ended_at: Time | None
    spent: Effort | None
    """What it took; null while it goes on, and where nobody could tell."""
    max_rss_bytes: int | None
    """The most memory that one of its processes held."""
    size_bytes: int | None
    """Bytes of what it made; null where it made nothing (yet)."""
    logs_key: str
    """Where its log lies in storage."""


class AttemptPage(Sent):
    """Some attempts, newest first."""

    items: list[Attempt]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class PlanStep(Sent):
    """One node of a plan: one task."""

    id: str
    """Unique in the plan, such as `encode/3`."""
    stage: str
    version: int
    encoder: str
    """The encoder chosen, such as `libx264`; empty where none is used."""
    options: dict[str, Any]
    inputs: dict[str, list[str]]
    """The ids of the nodes that it needs, by the name of the input; `source` is the source file."""
    cost: Effort
    """What it is expected to take."""


class PlanView(Sent):
    """The plan of a job: a graph of tasks in an order in which each comes after what it needs."""

    nodes: list[PlanStep]
    notes: list[str]
    """What was chosen, and why."""
    cost: Effort
    """The sum over all nodes; wall_s as if they ran one after the other."""


class LogEntry(Sent):
    """One line of an attempt's log."""

    stage: str
    task: str
    """The plan's node, such as `encode/3`."""
    attempt_id: str
    line: int
    """Counts from 1 within the attempt."""
    at: Time | None
    level: str
    message: str


class LogPage(Sent):
    """Some lines of a job's log, oldest first."""

    items: list[LogEntry]
    next_cursor: str | None
    """Give it as `cursor` for the lines that follow, now or when there are more."""


EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    Job: {
        "id": JOB_ID,
        "status": "running",
        "kind": "media",
        "priority": "normal",
        "asset_id": ASSET_ID,
        "passthrough": None,
        "error": None,
        "created_at": "2026-11-21T10:00:00.000Z",
        "started_at": "2026-11-21T10:00:00.100Z",
        "ended_at": None,
        "duration_ms": 4200,
        "urls": LINKS_EXAMPLE,
        "spec": {"input": "https://example.com/clip.mp4"},
        "progress": {"fraction": 0.42},
        "eta_ms": 5800,
        "stages": [],
        "outputs": [
            {"type": "hls", "url": f"{BASE}/stream/{PLAYBACK_ID}.m3u8", "ready": False, "size_bytes": None},
        ],
        "asset": ASSET_EXAMPLE,
    },
}
