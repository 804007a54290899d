"""What a job is to those who look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vidcompute.pipeline.spec import Priority

RANKS = {Priority.LOW: 0, Priority.NORMAL: 1, Priority.HIGH: 2}
PRIORITIES = {rank: priority for priority, rank in RANKS.items()}


@dataclass(frozen=True)
class Job:
    """One request's work. `spec` is the JSON of its JobSpec, `plan` that of its Plan once there is one."""

    id: str
    organization_id: str
    asset_id: str
    status: str
    kind: str
    priority: Priority
    step: str
    spec: Mapping[str, Any]
    plan: Mapping[str, Any] | None
    passthrough: str | None
    error_kind: str | None
    error_code: str | None
    error_detail: str | None
    created_ms: int
    deadline_ms: int | None
    queue_deadline_ms: int | None
    started_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True)
class ListedJob:
    """A job as lists show it, and the ID under which its asset is watched."""

    id: str
    asset_id: str
    status: str
    kind: str
    priority: Priority
    passthrough: str | None
    error_code: str | None
    error_detail: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    playback_id: str


@dataclass(frozen=True)
class Deadlines:
    """When a job fails, in Unix milliseconds: unless it is done, and unless it has begun; None: never."""

    deadline_ms: int | None
    queue_deadline_ms: int | None

    @classmethod
    def of(cls, spec: Mapping[str, Any], from_ms: int) -> "Deadlines":
        """What a spec says, counted from `from_ms`."""
        limits_s = (spec.get("deadline_s"), spec.get("queue_deadline_s"))
        return cls(*(None if limit_s is None else from_ms + 1000 * limit_s for limit_s in limits_s))


@dataclass(frozen=True)
class Resumed:
    """A job that goes on: the names of the stages that run (again), and of those that are reused."""

    job: Job
    runs: tuple[str, ...]
    reused: tuple[str, ...]


@dataclass(frozen=True)
class Requeued:
    """Which dead jobs are queued again, and how many there still are."""

    job_ids: tuple[str, ...]
    left: int


@dataclass(frozen=True)
class JobFilter:
    """Which jobs a list shows; `created_from_ms` is included, `created_to_ms` is not."""

    status: str | None = None
    kind: str | None = None
    created_from_ms: int | None = None
    created_to_ms: int | None = None
    asset_id: str | None = None
    dead: bool | None = None  # failed, and (not) because attempts at a task were used up


@dataclass(frozen=True)
class AttemptFilter:
    """Which attempts a list shows."""

    stage: str | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class StageView:
    """One stage of a job as users see it: the sum of its tasks.

    `status` is a task's word. `progress` has fraction (0 to 1, weighted by estimated cost), and frame, fps,
    media_time_ms and speed where they make sense. `cost` is the plan's estimate (cpu_s, wall_s), `spent` what the
    attempts took (cpu_s, wall_s), `eta_ms` how long it is expected to go on, None where that can't be said.
    `waits_for` says in plain words why a task of it isn't running yet.
    `reused` counts tasks that were done before this job wanted them.
    """

    name: str
    status: str
    progress: Mapping[str, Any]
    tasks: int
    tasks_done: int
    reused: int
    attempts: int
    started_ms: int | None
    ended_ms: int | None
    duration_ms: int | None
    eta_ms: int | None
    waits_for: str | None
    error_code: str | None
    error_detail: str | None
    cost: Mapping[str, float]
    spent: Mapping[str, float]
    logs_keys: tuple[str, ...]


@dataclass(frozen=True)
class JobTask:
    """One task of a job, for its logs and live events."""

    id: str
    stage: str
    label: str
    status: str
    content_key: str
    attempt: int
    logs_keys: tuple[str, ...]


@dataclass(frozen=True)
class OutputPlace:
    """Where one output of a job is: at `key` in storage, or in the making by an attempt, or nowhere yet."""

    key: str | None = None
    attempt_id: str | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and after what wait, a task is tried again.

    The wait before attempt n + 1 is `base_s * 2^(n - 1)`, at most `cap_s`, times a random factor of 0.5 to 1.5.
    A provider that is busy may ask for a longer wait, of `longest_asked_s` at most. Lost attempts have their own,
    larger allowance: mostly it's not the task's fault. `by_stage` holds for the tasks of the stages that it names.
    """

    max_attempts: int = 3
    max_losses: int = 20
    base_s: float = 1.0
    cap_s: float = 60.0
    longest_asked_s: float = 3600.0
    by_stage: Mapping[str, "RetryPolicy"] = field(default_factory=dict)

    def of(self, stage: str) -> "RetryPolicy":
        """What holds for the tasks of a stage."""
        return self.by_stage.get(stage, self)

    @property
    def longest_wait_s(self) -> float:
        """No task waits longer than this to be tried again."""
        asked_s = [self.longest_asked_s, *(policy.longest_asked_s for policy in self.by_stage.values())]
        return max(self.longest_unasked_s, *asked_s)

    @property
    def longest_unasked_s(self) -> float:
        """No task waits longer than this, unless a provider asked for it."""
        return 1.5 * max((self.cap_s, *(policy.cap_s for policy in self.by_stage.values())))


@dataclass(frozen=True)
class Placement:
    """A task, the node chosen for it, and which of the node's GPUs."""

    task_id: str
    node: str
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Unplanned:
    """A job that waits for the dispatcher's next step towards its plan."""

    id: str
    organization_id: str
    asset_id: str
    step: str
    spec: Mapping[str, Any]
