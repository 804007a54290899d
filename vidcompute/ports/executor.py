"""What starts attempts on nodes. Results are told as events; the dispatcher alone records them."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True)
class Needs:
    """What one attempt may use: CPU cores (fractions allowed), bytes of memory, and what it wants of GPUs.

    `gpus` is a share of one GPU (up to 1), or how many whole ones; `gpu_memory_bytes` is wanted of each of them, and
    alone means memory of one GPU and no share of its work. `abilities` are hardware encoders ("h264_nvenc") and
    decoders ("cuda") that the node must have.
    """

    cpu: float = 1.0
    memory_bytes: int = 512 * 2**20
    gpu_memory_bytes: int = 0
    gpus: float = 0.0
    abilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "abilities", tuple(self.abilities))  # JSON has lists


@dataclass(frozen=True)
class Gpu:
    """One GPU of a node: what it is called, and its memory in all."""

    name: str
    memory_bytes: int


@dataclass(frozen=True)
class NodeInfo:
    """One machine: its name and what it has in all. JSON-serializable as it is (see `attempt_wire.node_from_json`).

    `gpus` are in the order by which attempts are told theirs. `encoders` and `decoders` are those in hardware that
    were seen to work. `holds` are the content keys of inputs (`InputRef.content_key`) that lie in the node's cache.
    `simulated` says that GPUs and abilities are only declared: stages do without them.
    """

    name: str
    cpu: float
    memory_bytes: int
    gpus: tuple[Gpu, ...] = ()
    encoders: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    simulated: bool = False
    cache_bytes: int = 0  # what its cache of inputs holds
    cache_max_bytes: int = 0  # what that may hold; 0 where there is none

    @property
    def gpu_memory_bytes(self) -> int:
        """The memory of its largest GPU; 0 without one."""
        return max((gpu.memory_bytes for gpu in self.gpus), default=0)


@dataclass(frozen=True)
class InputRef:
    """Where an input lies in storage: one object (a source), or a prefix that holds an artifact's files.

    `is_empty` says that the artifact has no files (its facts are all of it): then nothing lies there. `content_key` is
    the same whoever stored it: by it a node says what it holds.
    """

    key: str
    is_tree: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_empty: bool = False
    content_key: str = ""


@dataclass(frozen=True)
class AttemptSpec:
    """Everything a node needs to run one attempt, and nothing more. JSON-serializable as it is.

    `inputs` has one or more references per name, in the plan's order. `output_prefix` belongs to this attempt alone.
    """

    attempt_id: str
    task_id: str
    job_id: str
    number: int
    stage: str
    version: int
    options: Mapping[str, Any]
    inputs: Mapping[str, tuple[InputRef, ...]]
    output_prefix: str
    needs: Needs
    timeout_s: float
    background: bool = True  # yields to viewers: nice 19 and stopped while a first segment is made
    asset_id: str = ""  # for logs
    node: str = ""  # the name of the node that it is placed on
    gpus: tuple[int, ...] = ()  # which of that node's GPUs are its own, or partly
    # What opens the storage to this attempt on a node that has no key to it: added as it is sent to such a node.
    access: Mapping[str, str] = field(default_factory=dict, repr=False)


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Progress:
    """How far an attempt is: `fraction` 0 to 1; the others where they make sense."""

    attempt_id: str
    fraction: float
    frame: int | None = None
    fps: float | None = None
    media_time_ms: int | None = None
    speed: float | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of an attempt's log."""

    attempt_id: str
    level: str
    message: str


HEARTBEAT_S = 5.0
"""How often an attempt gives a sign of life."""


@dataclass(frozen=True)
class Heartbeat:
    """An attempt lives, whatever it is waiting for."""

    attempt_id: str


@dataclass(frozen=True)
class Held:
    """Its executor holds an attempt back, which it says every `HEARTBEAT_S` seconds; or lets it go on."""

    attempt_id: str
    held: bool


@dataclass(frozen=True)
class Finished:
    """The last event of an attempt.

    `facts` is the artifact's description; `metrics` has cpu_s, wall_s, max_rss_bytes. `retry_after_s` is how long a
    provider that was busy wants to be left alone.
    """

    attempt_id: str
    outcome: Outcome
    facts: Mapping[str, Any] = field(default_factory=dict)
    size_bytes: int = 0
    digest: str = ""
    error_kind: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    retry_after_s: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


AttemptEvent = Progress | LogLine | Heartbeat | Held | Finished


@dataclass(frozen=True)
class Call:
    """A short run for somebody who waits: a thumbnail, a probe before submit, a fast rung's segments.

    It is no attempt: nothing of it is recorded. Inputs and output are local paths on this machine. `facts` are what
    the stages said that made some of the inputs, by the input's name; such an input needs no path.
    """

    stage: str
    version: int
    options: Mapping[str, Any]
    inputs: Mapping[str, tuple[str, ...]]
    output: str
    timeout_s: float
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Adopted:
    """An attempt that an earlier leader started and that goes on, on this node, since then (Unix milliseconds)."""

    spec: AttemptSpec
    node: str
    since_ms: int


class Interactive(Protocol):
    """Runs stages at once on this machine."""

    def call(self, call: Call) -> AsyncGenerator[Mapping[str, Any]]:
        """What the stage emits, as it emits it; last `{"facts": …}`. Closing the iterator ends its processes."""
        ...


class Executor(Protocol):
    """Starts, watches and ends attempts. Every started attempt ends in exactly one `Finished`.

    From its start on, an attempt that lives tells something every `HEARTBEAT_S` seconds at least; while it is held, or
    waits for its turn, its executor does that for it.

    `outlives` says whether attempts go on without the process that started them, to be adopted by another one.
    """

    outlives: bool

    async def start(self, spec: AttemptSpec) -> None:
        """Begin an attempt; returns when it is accepted, not when it is done."""
        ...

    async def cancel(self, attempt_id: str) -> None:
        """End an attempt and every process it started, within 2 s; unknown ids are fine."""
        ...

    async def read_output(self, attempt_id: str, path: str, start: int) -> bytes:
        """Some of what a running attempt has written to `path` of its output from `start` on; empty: no more by now."""
        ...

    async def hold(self, *, held: bool) -> None:
        """Stop (True) or continue (False) all background attempts, so that a first segment gets the cores.

        A hold that is not asked for again ends by itself after a minute.
        """
        ...

    def events(self) -> AsyncIterator[AttemptEvent]:
        """The events of all attempts, in order per attempt. One consumer."""
        ...

    async def nodes(self) -> list[NodeInfo]:
        """The machines that can run attempts now."""
        ...

    async def adopt(self, epoch: int) -> list[Adopted]:
        """Serve the leader of this epoch; what leaders before it started and still lives, or has an end to tell.

        The events of those attempts come from now on. Nodes refuse what a leader of an earlier epoch asks for then.
        Raises VidComputeError (kind unavailable) where nobody can say what lives.
        """
        ...

    async def let_go(self) -> None:
        """Another one leads: attempts that it can adopt go on, others are ended. Each ends here in a `Finished`."""
        ...

    async def collected(self, attempt_id: str) -> None:
        """The end of an attempt was recorded by the leader: nobody needs to be told of it again."""
        ...

    async def close(self, grace_s: float) -> None:
        """Let running attempts finish for `grace_s` seconds, then end them; each still ends in a `Finished`."""
        ...
