"""What a stage is: options as frozen data, what it needs, and one `run` that sees files and nothing else."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast, runtime_checkable

from vidcompute.ports.executor import InputRef, Needs

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LATER = MappingProxyType({"later": True})
"""The metadata of a field that a stage got when artifacts of it were there: where it has its default, it is no option.

So plans and content keys of what does without it stay what they were.
"""

SHORT_CPU = 0.65
"""The cores that work on a short source counts for: it waits for its disk, and for the commits of its start and end.

So three attempts share two cores, and fill them.
"""


class Work(Protocol):
    """What a stage sees of the world while it runs: its inputs and outputs as local files, and a way to report."""

    @property
    def output(self) -> Path:
        """An empty folder. What lies in it when `run` returns becomes the artifact's files."""
        ...

    @property
    def scratch(self) -> Path:
        """An empty folder that is thrown away."""
        ...

    @property
    def ffmpeg(self) -> Path:
        """The ffmpeg to run, by absolute path."""
        ...

    def provider(self, name: str) -> Any:
        """The provider of this name (such as "fetcher"), made on first use; `provider_missing` where there is none."""
        ...

    def path(self, name: str) -> Path:
        """The one input of this name: a source file, or an artifact's folder."""
        ...

    def paths(self, name: str) -> list[Path]:
        """All inputs of this name, in the plan's order."""
        ...

    def facts(self, name: str) -> list[Mapping[str, Any]]:
        """What the stages that made these inputs returned, in the plan's order."""
        ...

    def refs(self, name: str) -> list[InputRef]:
        """Where these inputs lie in storage, in the plan's order."""
        ...

    def progress(
        self,
        fraction: float,
        *,
        frame: int | None = None,
        fps: float | None = None,
        media_time_ms: int | None = None,
        speed: float | None = None,
    ) -> None:
        """Report how far it is; may be called often, is passed on at most four times a second."""
        ...

    def emit(self, data: Mapping[str, Any]) -> None:
        """Tell a caller who waits of something that is ready now (a segment, a picture); a no-op in a plain attempt."""
        ...

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to the attempt's log."""
        ...


@runtime_checkable
class Stage(Protocol):
    """A frozen dataclass whose fields are its options (plain JSON types, or nested frozen dataclasses).

    `name` and `version` are hashed into the content key with the options: raise the version whenever the same
    options would give other bytes.

    A stage runs confined: it reads its inputs, writes its `output` and `scratch`, and starts ffmpeg alone.
    Class variables, all optional, change that: `network: bool` lets it connect, `devices: bool` lets it use GPUs (as
    abilities among its needs do), `max_file_bytes: int` bounds the largest file it writes (64 GiB), `idle_timeout_s:
    float` is how long it may report nothing at all (10 minutes), `timeout_s: float` how long it may take in all, and
    `max_attempts: int` how often it is tried (both as settings say where it does not).
    A stage that is one program may have `commands(ffmpeg: Path, source: Path) -> list[list[str]]`, which its `run`
    uses: the command lines that it would start, for people who ask what is done.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    def needs(self) -> Needs:
        """The resources that one attempt is placed by."""
        ...

    def run(self, work: Work) -> dict[str, Any]:
        """Do it. Returns the artifact's facts (plain JSON). Raises VidComputeError for what is expected to go wrong."""
        ...


@dataclass(frozen=True)
class Cost:
    """An estimate, made before anything runs."""

    cpu_s: float
    wall_s: float


def options_of(stage: Stage) -> dict[str, Any]:
    """A stage's options as plain JSON values; tuples stand for lists."""
    return _fields_of(cast("DataclassInstance", stage))


def _fields_of(value: "DataclassInstance") -> dict[str, Any]:
    """As `dataclasses.asdict`, but without a copy of each of thousands of numbers, and without what is not said."""
    found = ((field, getattr(value, field.name)) for field in fields(value))
    return {field.name: _plain(own) for field, own in found if not _is_left_out(field, own)}


def _is_left_out(field: Field[Any], own: Any) -> bool:
    return "later" in field.metadata and own == field.default


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return value if all(type(inner) is int for inner in value) else tuple(map(_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        return _fields_of(value)
    return deepcopy(value) if isinstance(value, list | dict) else value
