"""The commands of this machine: what `vidctl` does beside speaking to a server. Put together by `vidcompute.main`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcompute.cli.local import Cluster, Local, Mover, Tell

if TYPE_CHECKING:
    from vidcompute.adapters.executor_local import LocalExecutor
    from vidcompute.adapters.storage_proof import Proof
    from vidcompute.dispatch.planning import Planner
    from vidcompute.settings import Explained, Settings

OUTBOX = "mails"  # the folder, in a data folder, of mails that no server takes


@dataclass(frozen=True)
class Composition:
    """What only the composition root can give.

    `load` reads the settings and `explain` says where each came from; the others make the platform's parts from them.
    `planner` takes ffmpeg's build. `fsck` tells of faults between rows and storage, and mends them with
    `mend`. `serve` is the server, to its end. `cluster` takes the file of the
    cluster's token, where one is named. `describe_api` gives the OpenAPI document as
    text, "json" or "yaml".
    """

    load: Callable[[], "Settings"]
    explain: Callable[["Settings"], list["Explained"]]
    executor: Callable[["Settings", Path], "LocalExecutor"]
    planner: Callable[["Settings", str], "Planner"]
    prove_storage: Callable[["Settings"], list["Proof"]]
    mover: Callable[["Settings"], Mover]
    fsck: Callable[..., None]
    serve: Callable[[], int]
    cluster: Callable[[Path | None], Cluster]
    describe_api: Callable[[str], str]
    version: str
    commit: str


def _outbox(root: Composition) -> Path:
    from vidcompute.local import finding

    return finding.folders(root)[0] / OUTBOX


def _of_here(root: Composition) -> "Settings":
    from vidcompute.local import finding

    return root.load().model_copy(update={"data_dir": finding.folders(root)[0]})


def _mover(root: Composition) -> Mover:
    return root.mover(_of_here(root))


def _fsck(root: Composition, tell: Any, *, mend: bool) -> None:
    root.fsck(_of_here(root), tell, mend=mend)


def parts(root: Composition) -> Local:
    """The command line's local parts; each is imported when it is used, so that `vidctl` starts at once."""

    def find() -> Any:
        from vidcompute.local import finding

        return finding.find(finding.folders(root))

    def serve(options: Any) -> int:
        from vidcompute.local import serving

        return serving.serve(options, root.serve)

    def platform(say: Any) -> Any:
        from vidcompute.local import serving

        return serving.platform(root.load(), root.explain, say)

    def sample(told: Tell) -> Path:
        from vidcompute.local import serving

        return serving.sample(root.load(), root.explain, told)

    def plan(source: Path, wanted: Any) -> dict[str, Any]:
        from vidcompute.local import planning

        return planning.plan(root, source, wanted)

    def commands(plan: Any, source: Path) -> dict[str, list[list[str]]]:
        from vidcompute.local import planning

        return planning.commands(root.load(), plan, source)

    def doctor() -> Any:
        from vidcompute.local import diagnosis

        return diagnosis.diagnose(root)

    def version() -> dict[str, str]:
        from vidcompute.local import diagnosis

        return diagnosis.version(root)

    rest = (
        doctor,
        version,
        root.describe_api,
        root.cluster,
        partial(_outbox, root),
        partial(_mover, root),
        partial(_fsck, root),
    )
    return Local(find, serve, platform, sample, plan, commands, *rest)
