"""What is sampled of the database and of the dispatcher."""

from collections.abc import Mapping
from dataclasses import dataclass

from vidcompute.pipeline.spec import Priority


@dataclass(frozen=True)
class Lag:
    """How many events one who has taken those up to some number has yet to take, and when the oldest was emitted."""

    events: int = 0
    since_ms: int | None = None


@dataclass(frozen=True)
class Gauges:
    """What the database says now.

    `jobs` are those that have not ended, by kind and status; `ready` tasks wait for a place, the first of them since
    `oldest_ready_ms`, and `postponed` ones for the time of their next attempt, all by priority; `owned` tasks are
    placed or running. `dead_tasks` are by stage, `dead_jobs` by kind. Deliveries and mails that are waiting have an
    attempt before them.
    """

    jobs: Mapping[tuple[str, str], int]
    ready: Mapping[Priority, int]
    oldest_ready_ms: Mapping[Priority, int]
    postponed: Mapping[Priority, int]
    owned: int
    dead_tasks: Mapping[str, int]
    dead_jobs: Mapping[str, int]
    lag: Lag
    deliveries_waiting: int = 0
    mails_waiting: int = 0


@dataclass(frozen=True)
class NodeUse:
    """What a node has, and what the attempts that run there hold of it.

    Background and foreground attempts do not count each other's cores (decision 0019). `gpus_used` has fractions
    where GPUs are shared.
    """

    name: str
    attempts: int
    cpu: float
    cpu_background: float
    cpu_foreground: float
    memory_bytes: int
    memory_used_bytes: int
    gpus: int
    gpus_used: float
    gpu_memory_bytes: int
    gpu_memory_used_bytes: int


@dataclass(frozen=True)
class DispatchState:
    """Whether this server's dispatcher leads, with which epoch, and the nodes as it sees them (none on standby)."""

    leads: bool
    epoch: int | None
    nodes: tuple[NodeUse, ...] = ()
