"""What a task is to those who look at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Terms:
    """On what terms a node's attempts run: what they need, how long they may take, whether they yield to viewers."""

    needs: Needs
    timeout_s: float
    background: bool = True


@dataclass(frozen=True)
class ReadyTask:
    """A task that waits for a place. `ready_ms` is since when it has been ready, `priority` its rank.

    `inputs` are content keys.
    """

    id: str
    organization_id: str
    stage: str
    label: str
    needs: Needs
    background: bool
    priority: int
    attempt: int
    created_ms: int
    ready_ms: int
    position: int
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """Tasks that wait for a place, and whether there may be more of them."""

    tasks: list[ReadyTask]
    more: bool


@dataclass(frozen=True)
class Attempt:
    """One execution of a task, as history."""

    id: str
    task_id: str
    number: int
    node: str
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    outcome: str | None
    error_kind: str | None
    error_code: str | None
    error_detail: str | None
    progress: Mapping[str, Any] | None
    metrics: Mapping[str, Any] | None
    logs_key: str


@dataclass(frozen=True)
class TaskAttempt:
    """An attempt, and what it was at."""

    attempt: Attempt
    stage: str
    label: str


@dataclass(frozen=True)
class Placed:
    """An attempt that has not ended: where it is, what it takes there, and the oldest job that wants it, or None."""

    id: str
    organization_id: str
    node: str
    stage: str
    label: str
    job_id: str | None
    needs: Needs
    created_ms: int


@dataclass(frozen=True)
class Artifact:
    """A stored output: the files below `storage_prefix`, and what its stage said of them."""

    organization_id: str
    content_key: str
    attempt_id: str
    stage: str
    storage_prefix: str
    facts: Mapping[str, Any]
    size_bytes: int
    digest: str
    created_ms: int
