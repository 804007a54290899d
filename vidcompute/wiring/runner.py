"""The warm child that every attempt of this machine is forked from: what it is told, and what it is."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidcompute.adapters.executor_local import LocalExecutor
    from vidcompute.ports.fetcher import FetchLimits
    from vidcompute.settings import Settings

RUNNER = "_runner"  # the command by which the server starts it


@dataclass(frozen=True)
class RunnerConfig:
    """What the warm child is told, as JSON on its command line: no secrets, nothing of the database."""

    data_dir: str
    storage: dict[str, Any]
    ffmpeg: str
    strict: bool
    allow_private_addresses: bool
    fetch: dict[str, Any]


def executor(settings: "Settings", program: Path) -> "LocalExecutor":
    """The executor of this machine, not yet opened; `program` is ffmpeg."""
    from vidcompute.wiring import nodes
    from vidcompute.wiring import storage as storages

    config = RunnerConfig(
        data_dir=str(settings.data_dir),
        storage=storages.to_json(settings),
        ffmpeg=str(program),
        strict=settings.sandbox == "refuse",
        allow_private_addresses=settings.allow_private_addresses,
        fetch=asdict(fetch_limits(settings)),
    )
    argv = [sys.executable, "-m", "vidcompute.main", RUNNER, json.dumps(asdict(config))]
    return nodes.local_executor(settings, program, argv)


def fetch_limits(settings: "Settings") -> "FetchLimits":
    """What a download from elsewhere may take."""
    from vidcompute.ports.fetcher import FetchLimits

    return FetchLimits(
        max_bytes=settings.fetch_max_bytes,
        total_s=settings.fetch_timeout_s,
        idle_s=settings.fetch_idle_timeout_s,
        connect_s=min(FetchLimits.connect_s, settings.fetch_idle_timeout_s),
        max_redirects=settings.fetch_max_redirects,
    )


def command(arguments: Sequence[str]) -> int | None:
    """Be that child, if that is what the arguments say: its exit status, else None."""
    match arguments:
        case [name, config, control] if name == RUNNER:
            return _run(RunnerConfig(**json.loads(config)), int(control))
    return None


def _run(config: RunnerConfig, control_fd: int) -> int:
    from vidcompute.adapters.fetch_http import HttpFetcher
    from vidcompute.ports.fetcher import FetchLimits
    from vidcompute.runner import serve
    from vidcompute.wiring import storage as storages

    fetcher = HttpFetcher(FetchLimits(**config.fetch), allow_private_addresses=config.allow_private_addresses)
    return serve(
        control_fd,
        storages.from_json(config.storage),
        Path(config.data_dir) / "work",
        {"fetcher": lambda: fetcher},
        Path(config.ffmpeg),
        strict=config.strict,
    )
