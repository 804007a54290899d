"""The Ray cluster: the executor over it, and the processes that belong to it on every machine."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.wiring.version import version

if TYPE_CHECKING:
    from vidcompute.adapters.executor_local import LocalExecutor
    from vidcompute.adapters.executor_ray import RayExecutor
    from vidcompute.db.engine import Database
    from vidcompute.local.cluster import Cluster
    from vidcompute.ports.executor import AttemptSpec, Executor
    from vidcompute.ports.fetcher import FetchLimits
    from vidcompute.settings import Settings

BRIDGE = "_ray_bridge"  # the driver of Ray beside a server
NODE_RUNNER = "_node_runner"  # the warm process of a node that attempts are forked from
VERSIONS = "_cluster_versions"  # what runs on the head, told and asked
KEEPER = "_cluster_keeper"  # lets this machine's node join again

_MARGIN_S = 600.0  # what a token lives beyond its attempt's limit: fetching, checking and storing take time, too
_CACHE_BYTES = 20 * 2**30
_MAIN = ("-m", "vidcompute.main")


@dataclass(frozen=True)
class NodeRunnerConfig:
    """What a node's runner is told by the servers: no secrets."""

    strict: bool
    allow_private_addresses: bool
    fetch: dict[str, Any]


def token_path(settings: "Settings") -> Path:
    """The file with the cluster's token."""
    chosen = settings.ray_token_file
    return chosen.expanduser().absolute() if chosen else settings.data_dir / "cluster" / "token"


def authentication(token_file: Path) -> dict[str, str]:
    """The environment by which Ray's processes know the token; `cluster_token_missing` where there is none."""
    if not os.access(token_file, os.R_OK):
        detail = f"There is no token in {token_file}: `vidctl cluster start` makes it; other machines need a copy."
        raise VidComputeError(Kind.INVALID, "cluster_token_missing", detail)
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file), "RAY_USAGE_STATS_ENABLED": "0"}


async def placing(
    settings: "Settings", db: "Database", local: "LocalExecutor", url: str, fetch: "FetchLimits"
) -> "Executor":
    """What attempts are placed by: this machine alone (`local`), or the cluster, whose nodes reach us at `url`."""
    if settings.executor == "local":
        return local
    from vidcompute.services import grants

    runner = NodeRunnerConfig(
        strict=settings.sandbox == "refuse",
        allow_private_addresses=settings.allow_private_addresses,
        fetch=asdict(fetch),
    )
    secret = await db.write(grants.ensure_secret)
    executor = ray_executor(settings, runner, secret, settings.node_urls or [url])
    await executor.open()
    return executor


def ray_executor(settings: "Settings", runner: NodeRunnerConfig, secret: bytes, urls: Sequence[str]) -> "RayExecutor":
    """The executor over the cluster. `secret` signs what opens the storage, which nodes reach at `urls`."""
    from vidcompute.adapters.executor_ray import RayExecutor
    from vidcompute.services import grants

    argv = [*_MAIN, NODE_RUNNER, json.dumps(asdict(runner)), "{work}", "{node}"]
    bridge = {
        "address": settings.ray_address,
        "namespace": f"vidcompute-{grants.installation(secret)}",
        "agent": {"argv": argv, "version": version()},
        "urls": list(urls),
    }

    def access(spec: "AttemptSpec") -> Mapping[str, str]:
        valid_s = spec.timeout_s + _MARGIN_S
        return {"urls": " ".join(urls), "token": grants.mint(secret, spec.attempt_id, valid_s)}

    environment = authentication(token_path(settings))
    return RayExecutor([sys.executable, *_MAIN, BRIDGE, json.dumps(bridge)], access, env=environment)


def own_node(settings: "Settings", token_file: Path | None) -> "Cluster":
    """The part of this machine in a cluster."""
    from vidcompute.adapters.capacity import cpu_cores, memory_bytes
    from vidcompute.local.cluster import Cluster

    return Cluster(
        settings,
        (token_file or token_path(settings)).expanduser().absolute(),
        version(),
        cores=settings.cpu_count or cpu_cores(),
        memory_bytes=settings.memory_bytes or memory_bytes(),
    )


def command(arguments: Sequence[str]) -> int | None:
    """Be one of the cluster's processes, if that is what the arguments say: its exit status, else None."""
    match arguments:
        case [name, config, control] if name == BRIDGE:
            from vidcompute.adapters.ray_cluster.bridge import run_bridge

            return run_bridge(config, int(control))
        case [name, config, work, node, control] if name == NODE_RUNNER:
            return _node_runner(NodeRunnerConfig(**json.loads(config)), Path(work), json.loads(node), int(control))
        case [name, op, address, *mine] if name == VERSIONS:
            from vidcompute.adapters.ray_cluster.versions import ask, tell

            told = tell(address, json.loads(mine[0])) if op == "tell" else ask(address)
            sys.stdout.write(json.dumps(told) + "\n")
            return 0
        case [name, token_file] if name == KEEPER:
            from vidcompute.settings import load

            own_node(load(), Path(token_file)).keep()
            return 0
    return None


def _node_runner(config: NodeRunnerConfig, work: Path, node: Mapping[str, Any], control_fd: int) -> int:
    from vidcompute.adapters.fetch_http import HttpFetcher
    from vidcompute.adapters.ray_cluster import servers
    from vidcompute.adapters.storage_cached import CachedStorage
    from vidcompute.adapters.storage_gateway import GatewayStorage
    from vidcompute.media import ffmpeg
    from vidcompute.ports.fetcher import FetchLimits
    from vidcompute.runner import serve

    fetcher = HttpFetcher(FetchLimits(**config.fetch), allow_private_addresses=config.allow_private_addresses)

    cache = Path(node["folder"]) / "cache"

    def storage(access: Mapping[str, str]) -> CachedStorage:
        gateway = GatewayStorage(
            access.get("urls", "").split(), access.get("token", ""), elsewhere=lambda: servers.known(work)
        )
        return CachedStorage(gateway, cache, int(node.get("cache_bytes", _CACHE_BYTES)))

    program = ffmpeg.locate(node.get("ffmpeg"))
    return serve(control_fd, storage, work, {"fetcher": lambda: fetcher}, program, strict=config.strict)
