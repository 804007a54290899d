"""What the API sends about the platform itself, its machines and its states: wire models."""

from typing import Literal

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent


class NodeAttempt(Sent):
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


class Node(Sent):
    """A machine that runs attempts."""

    name: str
    cpu: float
    """Cores that attempts may fill."""
    cpu_used: float
    """Cores that those have asked for that run there, whoever wants them; more than it has where some are shared."""
    memory_bytes: int
    memory_used_bytes: int
    """Memory that they have asked for."""
    gpu_memory_bytes: int
    """Of its largest GPU."""
    gpus: list[str]
    """What its GPUs are called."""
    gpus_used: float
    """GPUs, and shares of them, that they have asked for."""
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


class NodeList(Sent):
    """All nodes that answer now."""

    items: list[Node]


class Health(Sent):
    """Whether the process answers."""

    status: Literal["ok"]


class Readiness(Sent):
    """Whether the platform can work, check by check: "ok", or what is wrong.

    It is `degraded` where something is away that it can do without: it works, with less comfort.
    """

    status: Literal["ready", "degraded", "unready"]
    checks: dict[str, str]


class Arrow(Sent):
    """One way from state to state."""

    name: str
    sources: list[str]
    target: str
    event: str
    """The event that tells of it."""
    why: str


class StateMachine(Sent):
    """What can become of one kind of thing."""

    name: Literal["task", "job", "asset"]
    states: dict[str, str]
    """Each state with its meaning."""
    initial: list[str]
    arrows: list[Arrow]


class StateMachines(Sent):
    """The state machines of the platform."""

    items: list[StateMachine]


class Version(Sent):
    """What is running."""

    version: str
    commit: str
    """The commit that it was built from; empty where that is not known."""
    ffmpeg: str
