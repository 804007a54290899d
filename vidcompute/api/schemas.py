"""What the API sends: wire models. Names say units; times of day are RFC 3339 in UTC, with milliseconds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.pipeline.spec import Instant, JobSpec, PlaybackPolicy, Priority
from vidcompute.ports.executor import Outcome
from vidcompute.services.states import AssetStatus, JobStatus, TaskStatus

JOB_ID = "job_01kq3v8a4rj0t5w6x7y8z9abcd"
ASSET_ID = "asset_01kq3v8a4rj0t5w6x7y8z9abce"
PLAYBACK_ID = "4rj0t5w6x7y8z9abcd0123ef"
BASE = "http://127.0.0.1:8550"


_LINKS = {
    "watch": f"{BASE}/watch/{PLAYBACK_ID}",
    "embed": f"{BASE}/embed/{PLAYBACK_ID}",
    "stream": f"{BASE}/stream/{PLAYBACK_ID}.m3u8",
    "dash": f"{BASE}/stream/{PLAYBACK_ID}.mpd",
    "thumbnail": f"{BASE}/image/{PLAYBACK_ID}/thumbnail.jpg",
}


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


KEPT = Field(json_schema_extra=_without_default)
"""A field of a change: what is left out stays as it is, so no default is told."""


class _Wire(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class Failure(_Wire):
    """Why something failed."""

    code: str
    """A stable word for programs."""
    detail: str
    """What happened, in plain words."""


class Progress(_Wire):
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


class Effort(_Wire):
    """Seconds of work."""

    cpu_s: float
    wall_s: float


class Stage(_Wire):
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


class Output(_Wire):
    """Something that a job makes."""

    type: Literal["hls", "dash", "mp4", "audio", "frames", "thumbnail", "storyboard", "preview", "manifest"]
    url: str
    """Where it is, or will be."""
    ready: bool
    """Whether it is there in full and verified. Streams can be watched before."""
    size_bytes: int | None
    """Bytes of all its files; null until it is ready."""


class Links(_Wire):
    """Where an asset can be watched."""

    watch: str
    """A page with a player."""
    embed: str
    """The same page for an iframe."""
    stream: str
    """The HLS playlist."""
    dash: str
    """The DASH manifest."""
    thumbnail: str
    """The poster; add `?time=12.3&width=640` for others."""


class Asset(_Wire):
    """One video and everything derived from it."""

    id: str
    status: AssetStatus
    title: str | None
    passthrough: str | None
    """Your own text, unchanged."""
    metadata: dict[str, str]
    """Your own keys and values."""
    playback_id: str
    """The public handle of its streams and images."""
    playback_policy: PlaybackPolicy
    """Who may watch: everybody with the address, whoever has a token, or whoever knows the password."""
    job_id: str | None
    """The job that is at work on it, or was last."""
    source_id: str | None
    """What it is made from; null until it is fetched."""
    duration_ms: int | None
    width_px: int | None
    """Width as shown: square pixels, rotation applied."""
    height_px: int | None
    frame_rate: float | None
    """Frames a second."""
    facts: dict[str, Any] | None
    """What was found out about the source."""
    error: Failure | None
    created_at: Time
    updated_at: Time
    expires_at: Time | None
    """When it is deleted by itself; null where nothing was said of it."""
    deleted_at: Time | None
    restorable_until: Time | None
    """Of a deleted one: when it is too late."""
    urls: Links


class JobSummary(_Wire):
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


class Resumption(BaseModel):
    """From where a job goes on. Left out, it runs again what failed or was cancelled, and nothing else."""

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_extra={"example": {"resume_from": "package"}}
    )

    resume_from: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """A stage that runs again, with what depends on it, done or not."""


class Requeued(_Wire):
    """Dead jobs that are queued again."""

    job_ids: list[str]
    left: int
    """How many dead jobs there still are; ask again until there is none."""


class Attempt(_Wire):
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
    logs_key: str
    """Where its log lies in storage."""


class AttemptPage(_Wire):
    """Some attempts, newest first."""

    items: list[Attempt]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class JobPage(_Wire):
    """Some jobs, newest first."""

    items: list[JobSummary]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class AssetPage(_Wire):
    """Some assets, newest first."""

    items: list[Asset]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class AssetChanges(BaseModel):
    """What to change of an asset. What is left out stays; null clears."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"example": {"title": "Holiday, second cut", "metadata": {"album": "2026"}}},
    )

    title: Annotated[str, Field(max_length=500)] | None = None
    passthrough: Annotated[str, Field(max_length=4096)] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=50)] = Field(default_factory=dict)
    """Replaces all keys and values."""
    playback_policy: PlaybackPolicy = PlaybackPolicy.PUBLIC
    """Who may watch. `password` needs one."""
    password: Annotated[str, Field(min_length=4, max_length=200), KEPT] = ""
    """What viewers are asked for; those who were let in with another one are asked again."""
    expires_at: Instant | None = None
    """When it is deleted by itself."""


class PlanStep(_Wire):
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


class PlanView(_Wire):
    """The plan of a job: a graph of tasks in an order in which each comes after what it needs."""

    nodes: list[PlanStep]
    notes: list[str]
    """What was chosen, and why."""
    cost: Effort
    """The sum over all nodes; wall_s as if they ran one after the other."""


class LogEntry(_Wire):
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


class LogPage(_Wire):
    """Some lines of a job's log, oldest first."""

    items: list[LogEntry]
    next_cursor: str | None
    """Give it as `cursor` for the lines that follow, now or when there are more."""


class OutputList(_Wire):
    """What an asset has."""

    items: list[Output]


class NodeAttempt(_Wire):
    """What runs on a node for the caller's organization."""

    id: str
    """The attempt's identifier."""
    job_id: str
    """The oldest job that wants it."""
    stage: str
    label: str
    """Which part of the stage, such as "encode/3"."""
    since: Time
    """When it was placed there."""


class Node(_Wire):
    """A machine that runs attempts."""

    name: str
    cpu: float
    """Cores that attempts may fill."""
    memory_bytes: int
    gpu_memory_bytes: int
    """Of its largest GPU."""
    gpus: list[str]
    """What its GPUs are called."""
    encoders: list[str]
    """Hardware encoders that were seen to work."""
    decoders: list[str]
    """Hardware decoders that were seen to work."""
    simulated: bool
    """Whether it is only declared, in nodes.toml."""
    cache_bytes: int
    """What its cache of inputs holds."""
    cache_max_bytes: int
    """About what that may hold; 0 where there is no cache."""
    running: int
    """How many attempts run there, whoever wants them."""
    attempts: list[NodeAttempt]


class NodeList(_Wire):
    """All nodes that answer now."""

    items: list[Node]


class Health(_Wire):
    """Whether the process answers."""

    status: Literal["ok"]


class Readiness(_Wire):
    """Whether the platform can work, check by check: "ok", or what is wrong.

    It is `degraded` where something is away that it can do without: it works, with less comfort.
    """

    status: Literal["ready", "degraded", "unready"]
    checks: dict[str, str]


class Arrow(_Wire):
    """One way from state to state."""

    name: str
    sources: list[str]
    target: str
    event: str
    """The event that tells of it."""
    why: str


class StateMachine(_Wire):
    """What can become of one kind of thing."""

    name: Literal["task", "job", "asset"]
    states: dict[str, str]
    """Each state with its meaning."""
    initial: list[str]
    arrows: list[Arrow]


class StateMachines(_Wire):
    """The state machines of the platform."""

    items: list[StateMachine]


class Version(_Wire):
    """What is running."""

    version: str
    commit: str
    """The commit that it was built from; empty where that is not known."""
    ffmpeg: str


_ASSET: dict[str, Any] = {
    "id": ASSET_ID,
    "status": "playable",
    "title": "Holiday",
    "passthrough": "order-17",
    "metadata": {"album": "2026"},
    "playback_id": PLAYBACK_ID,
    "playback_policy": "public",
    "job_id": JOB_ID,
    "source_id": "src_01kq3v8a4rj0t5w6x7y8z9abcf",
    "duration_ms": 600_000,
    "width_px": 1920,
    "height_px": 1080,
    "frame_rate": 29.97,
    "facts": {"container": "mov,mp4,m4a,3gp,3g2,mj2"},
    "error": None,
    "created_at": "2026-11-21T10:00:00.000Z",
    "updated_at": "2026-11-21T10:00:01.000Z",
    "expires_at": None,
    "deleted_at": None,
    "restorable_until": None,
    "urls": _LINKS,
}
EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    Asset: _ASSET,
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
        "urls": _LINKS,
        "spec": {"input": "https://example.com/clip.mp4"},
        "progress": {"fraction": 0.42},
        "eta_ms": 5800,
        "stages": [],
        "outputs": [
            {"type": "hls", "url": f"{BASE}/stream/{PLAYBACK_ID}.m3u8", "ready": False, "size_bytes": None},
        ],
        "asset": _ASSET,
    },
}
