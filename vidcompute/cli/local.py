"""What the composition root hands to the command line: the parts that belong to this machine, not to the API."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vidcompute.cli.logins import default_path


@dataclass(frozen=True)
class Endpoint:
    """Where a server is, and the API key that it takes."""

    url: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class ServeOptions:
    """What `vidctl serve` was told; None leaves the setting as it is.

    `log_file` takes what would go to stderr. With `child` the server ends with the process that started it.
    """

    host: str | None = None
    port: int | None = None
    data_dir: Path | None = None
    log_file: Path | None = None
    child: bool = False


@dataclass(frozen=True)
class NodeOptions:
    """How a node of a cluster is started. `host` None is the address that others reach this machine by.

    `cpus` is how many cores attempts may fill there (0: none run there); left out, what the machine has.
    """

    host: str | None = None
    port: int = 6379
    name: str | None = None
    cpus: int | None = None


@dataclass(frozen=True)
class ClusterNode:
    """A node that was started here."""

    address: str
    head: bool
    token_file: Path
    log_file: Path
    pid: int


class Cluster(Protocol):
    """The node of this machine in a cluster."""

    def start(self, options: NodeOptions) -> ClusterNode:
        """Be the head of a cluster."""
        ...

    def join(self, address: str, options: NodeOptions) -> ClusterNode:
        """Join the cluster at this address."""
        ...

    def stop(self) -> bool:
        """End the node that was started here; whether there was one."""
        ...

    def wait(self) -> None:
        """Wait for its end."""
        ...

    def begin_keeping(self) -> None:
        """From now on, let it join again by itself where it ends and was not told to."""
        ...

    def keep(self, say: "Say | None" = None) -> None:
        """Be who does that, until the node is told to end."""
        ...


@dataclass(frozen=True)
class Check:
    """One line of `vidctl doctor`: `ok` is None for what is worth knowing and no failure."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Setting:
    """One setting in force; `source` is env, toml or default. Secrets are masked."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Diagnosis:
    """What `vidctl doctor` found."""

    checks: tuple[Check, ...]
    settings: tuple[Setting, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.ok is not False for check in self.checks)


class Platform(Protocol):
    """A server that `vidctl run` uses: started for it, or there before (`reused`)."""

    @property
    def reused(self) -> bool:
        """Whether it ran before, and goes on afterwards."""
        ...

    @property
    def log_file(self) -> Path:
        """Where its log goes."""
        ...

    def ready(self) -> Endpoint:
        """Wait until it can work; `server_failed` (kind unavailable) where it ends instead."""
        ...

    def ended(self, timeout_s: float) -> bool:
        """Wait so long for its end; whether it has ended."""
        ...


class Moved(Protocol):
    """What came of moving a library: where it was, where it is, how many objects and bytes, and how many came now."""

    @property
    def before(self) -> str:
        """Where it was."""
        ...

    @property
    def at(self) -> str:
        """Where it is."""
        ...

    @property
    def objects(self) -> int:
        """How many objects lie there."""
        ...

    @property
    def size_bytes(self) -> int:
        """How many bytes they have."""
        ...

    @property
    def copied(self) -> int:
        """How many came just now."""
        ...


class Mover(Protocol):
    """Moves the library of this machine's data folder to another storage while it is used."""

    def move(self, url: str, told: "Tell", say: "Say") -> Moved:
        """Move it there, or go on with a move that was interrupted; tells how far it is, and what it waits for."""
        ...

    def delete_old(self, url: str) -> int:
        """Remove it from where it was; how many objects."""
        ...


class Fsck(Protocol):
    """Compares the database with what is stored."""

    def __call__(self, tell: Callable[[Mapping[str, Any]], object], *, mend: bool) -> None:
        """Tell of each fault: `fault`, `place`, `size_bytes`, and `mended`, what was done about it with `mend`."""
        ...


Say = Callable[[str], None]
Tell = Callable[[float], None]
"""Is told how far something is, from 0 to 1."""


@dataclass(frozen=True)
class Local:
    """The parts of this machine.

    `find` gives the server that the data folder names. `plan` probes a file and gives its plan (as the API shows
    plans) under the media part of a job's spec. `commands` gives the command lines of a plan's nodes, by node id, for
    a source at that path. `sample` gives a video to begin with, made on first use. `cluster` takes the token's file,
    where one is named. `mover` moves the library to another storage. `fsck` compares rows with what is stored.
    `outbox` is the folder of mails that no server takes. `transport` is what HTTP requests go through (httpx2's own
    when None), `logins` the file of `vidctl login`.
    """

    find: Callable[[], Endpoint]
    serve: Callable[[ServeOptions], int]
    platform: Callable[[Say], AbstractContextManager[Platform]]
    sample: Callable[[Tell], Path]
    plan: Callable[[Path, Mapping[str, Any]], dict[str, Any]]
    commands: Callable[[Mapping[str, Any], Path], dict[str, list[list[str]]]]
    doctor: Callable[[], Diagnosis]
    version: Callable[[], dict[str, str]]
    openapi: Callable[[str], str]
    cluster: Callable[[Path | None], Cluster]
    outbox: Callable[[], Path]
    mover: Callable[[], Mover] | None = None
    fsck: Fsck | None = None
    transport: Any = None
    logins: Path = field(default_factory=default_path)
