"""A Ray node on this machine, started as a service of ours: the head of a cluster, or one that joins it.

Beside a node that joined there is a keeper, a process that lets it join again when it has ended without being told to:
as it does when its head went, and was started again.
"""

import contextlib
import json
import math
import os
import platform
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.cli.local import ClusterNode, NodeOptions
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.run import Service, capture, start_service

if TYPE_CHECKING:
    from vidcompute.settings import Settings

STATE_FILE, LOG_FILE = "node.json", "node.log"
_RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block")
_VERSIONS = (sys.executable, "-m", "vidcompute.main", "_cluster_versions")
_KEEPER = (sys.executable, "-m", "vidcompute.main", "_cluster_keeper")
_OBJECT_STORE_BYTES = 80 * 2**20  # attempts exchange files by the storage: Ray's own store carries events alone
_START_S = 90.0
_STOP_S = 5.0
_LOOK_S = 0.1
_KEEP_S = 1.0
_AGAIN_S, _LONGEST_AGAIN_S = 1.0, 30.0
_STARTED = "Ray runtime started"
_LAST_LINES = 8

# How soon the head notices that a node has gone: three looks, a second apart, each waiting two seconds at most.
_HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    # And after how long a node that does not reach its head ends, to join again.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "30",
}
# What we do not need of Ray, and what would speak to others.
_LEAN = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_worker_niceness": "0",  # who yields to whom is ours to say
}


@dataclass(frozen=True)
class _State:
    """What is remembered of a node that was started here. `born` tells its process from a later one of its number.

    `flags` are how it was started, and `keeper` is who lets it join again.
    """

    pid: int
    born: str
    address: str
    head: bool
    flags: tuple[str, ...] = ()
    about: str = ""  # what the node is told of itself
    keeper: int = 0
    keeper_born: str = ""


class Cluster:
    """The node of this machine. `token_file` is where the cluster's token lies, or is to lie.

    `cores` and `memory_bytes` are what attempts may fill here, where nothing else is said.
    """

    def __init__(
        self, settings: "Settings", token_file: Path, version: str, *, cores: float, memory_bytes: int
    ) -> None:
        self._settings = settings
        self._token_file = token_file
        self._version = version
        self._cores = cores
        self._memory_bytes = memory_bytes
        self._folder = settings.data_dir.expanduser().absolute() / "cluster"

    def start(self, options: NodeOptions) -> ClusterNode:
        """Be the head. `cluster_running` where a node runs here, `cluster_not_started` where Ray says no."""
        mine = self._versions()
        self._check_idle()
        self._make_token()
        host = options.host or _own_address()
        address = f"{host}:{options.port}"
        flags = ["--head", f"--port={options.port}", f"--node-ip-address={host}", "--include-dashboard=false"]
        node = self._begin(flags, options, address, head=True)
        self._ask("tell", address, json.dumps(mine))
        return node

    def join(self, address: str, options: NodeOptions) -> ClusterNode:
        """Join the cluster at this address.

        Raises `cluster_token_refused`, `cluster_versions_differ`, `cluster_unreachable`, `cluster_running`.
        """
        mine = self._versions()
        self._check_idle()
        if not os.access(self._token_file, os.R_OK):
            detail = f"There is no token in {self._token_file}: copy the head's file here, or name it by --token-file."
            raise VidComputeError(Kind.INVALID, "cluster_token_missing", detail)
        _check_reachable(address)
        self._compare(address, mine)
        host = options.host or _own_address(address)
        return self._begin([f"--address={address}", f"--node-ip-address={host}"], options, address, head=False)

    def stop(self) -> bool:
        """End the node that was started here, and all that runs on it; whether there was one."""
        state = self._remembered()
        if state is None:
            return False
        if state.keeper and _end(state.keeper, state.keeper_born):
            state = self._remembered() or state  # it may just have joined again
        (self._folder / STATE_FILE).unlink(missing_ok=True)
        was_there = _end(state.pid, state.born)
        _end_session(state.pid)
        return was_there

    def wait(self) -> None:
        """Wait for the end of the node that was started here."""
        state = self._state()
        while state is not None and _born(state.pid) == state.born:
            time.sleep(_LOOK_S)

    # -- staying in the cluster -------------------------------------------------------------------------------------

    def begin_keeping(self) -> None:
        """Start the keeper of the node that has just joined."""
        with _stderr_to(self._folder / LOG_FILE):
            keeper = start_service([*_KEEPER, str(self._token_file)], env=os.environ)
        self._remember_keeper(keeper.pid)

    def keep(self, say: Callable[[str], None] | None = None) -> None:
        """Be the keeper, until the node is told to end: join again where it has ended, however often that takes."""
        if say is not None:
            self._remember_keeper(os.getpid())
        told, pause_s = say or _to_stderr, _AGAIN_S
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while (state := self._remembered()) is not None:
            if _born(state.pid) == state.born:
                time.sleep(_KEEP_S)
                continue
            try:
                self._join_again(state)
            except VidComputeError as error:
                told(f"The node has ended. {error.detail} Trying again in {pause_s:g} s.")
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_AGAIN_S)
            else:
                told(f"The node had ended, and has joined {state.address} again.")
                pause_s = _AGAIN_S

    def _join_again(self, state: _State) -> None:
        _check_reachable(state.address)
        self._compare(state.address, self._versions())
        _end_session(state.pid)
        self._run(state)

    def _remember_keeper(self, pid: int) -> None:
        state = self._remembered()
        if state is not None:
            self._remember(replace(state, keeper=pid, keeper_born=_born(pid)))

    def _remember(self, state: _State) -> None:
        fresh = self._folder / f".{STATE_FILE}"
        fresh.write_text(json.dumps(asdict(state)))
        fresh.replace(self._folder / STATE_FILE)

    # -- before -----------------------------------------------------------------------------------------------------

    def _versions(self) -> dict[str, str]:
        try:
            ray = installed("ray")
        except PackageNotFoundError as error:
            detail = "Ray is not installed here: pip install 'vidcompute[cluster]'."
            raise VidComputeError(Kind.INVALID, "cluster_extra_missing", detail) from error
        return {"vidcompute": self._version, "ray": ray, "python": platform.python_version()}

    def _check_idle(self) -> None:
        state = self._state()
        if state is None:
            self.stop()  # where it was killed, something of it may be left
        else:
            detail = f"A node of {state.address} runs here (process {state.pid}); end it with `vidctl cluster stop`."
            raise VidComputeError(Kind.CONFLICT, "cluster_running", detail)

    def _make_token(self) -> None:
        """Keep the token that is there, readable by its owner alone, or make one."""
        self._token_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._token_file.exists():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(self._token_file, flags, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
        self._token_file.chmod(0o600)

    def _compare(self, address: str, mine: Mapping[str, str]) -> None:
        told = self._ask("ask", address)
        differing = [
            f"{name} {told[name]} there, {mine[name]} here" for name in mine if told.get(name) not in {None, mine[name]}
        ]
        if differing or not told:
            detail = f"The head of {address} has other versions: {'; '.join(differing) or 'it tells none'}."
            raise VidComputeError(Kind.CONFLICT, "cluster_versions_differ", detail)

    def _ask(self, op: str, address: str, *more: str) -> dict[str, str]:
        """Speak to the head in a process of its own: where the token is wrong, Ray ends the process that asks."""
        try:
            answer = capture([*_VERSIONS, op, address, *more], timeout_s=_START_S, env=self._environment())
        except VidComputeError as error:
            detail = f"The head at {address} refuses the token in {self._token_file}."
            raise VidComputeError(Kind.FORBIDDEN, "cluster_token_refused", detail) from error
        told: dict[str, str] = json.loads(answer.splitlines()[-1])
        return told

    # -- the process ------------------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self._token_file)}
        return {**os.environ, **_HEALTH, **_LEAN, **token}

    def _begin(self, flags: list[str], options: NodeOptions, address: str, *, head: bool) -> ClusterNode:
        cores = self._cores if options.cpus is None else float(options.cpus)
        about = {
            "folder": str(self._folder),
            "ffmpeg": str(self._settings.ffmpeg_path) if self._settings.ffmpeg_path else None,
            "cores": cores,
            "memory_bytes": self._memory_bytes,
            "cache_bytes": self._settings.storage_cache_bytes,
            "name": options.name,
        }
        room = [f"--num-cpus={math.ceil(cores)}", f"--memory={self._memory_bytes}"]
        flags += [*room, f"--object-store-memory={_OBJECT_STORE_BYTES}", "--min-worker-port=0", "--max-worker-port=0"]
        known = {name: value for name, value in about.items() if value is not None}
        return self._run(_State(0, "", address, head, tuple(flags), json.dumps(known)))

    def _run(self, state: _State) -> ClusterNode:
        """Start the node that `state` describes. It is remembered at once, so that `stop` ends it however it went."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self._folder / LOG_FILE
        log.touch()
        begin = log.stat().st_size
        with _stderr_to(log):
            environment = {**self._environment(), "VIDCOMPUTE_NODE": state.about}
            service = start_service([*_RAY, *state.flags], env=environment)
        self._remember(replace(state, pid=service.pid, born=_born(service.pid)))
        self._await_start(service, log, begin, state.address)
        return ClusterNode(state.address, state.head, self._token_file, log, service.pid)

    def _await_start(self, service: Service, log: Path, begin: int, address: str) -> None:
        def said() -> str:
            return log.read_bytes()[begin:].decode("utf-8", "replace")

        _wait(lambda: service.returncode() is not None or _STARTED in said(), _START_S)
        if service.returncode() is None and _STARTED in said():
            return
        if service.returncode() is None:
            service.kill()
        last = "\n".join(said().splitlines()[-_LAST_LINES:])
        detail = f"The Ray node for {address} did not start. The end of {log}:\n{last}"
        raise VidComputeError(Kind.UNAVAILABLE, "cluster_not_started", detail)

    def _remembered(self) -> _State | None:
        """The node that was started here last, if it was not stopped."""
        try:
            known = json.loads((self._folder / STATE_FILE).read_text())
            return _State(**{**known, "flags": tuple(known["flags"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _state(self) -> _State | None:
        """The node that was started here and still runs."""
        state = self._remembered()
        return state if state is not None and _born(state.pid) == state.born else None


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")
    sys.stderr.flush()


def _end(pid: int, born: str) -> bool:
    """Ask a process to end, and wait for that; whether it was there."""
    if _born(pid) != born:
        return False
    os.kill(pid, signal.SIGTERM)
    _wait(lambda: _born(pid) != born, _STOP_S)
    return True


def _end_session(leader: int) -> None:
    """Kill what is left of the session that a process led. While something is, its number names nothing else."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[3]) == leader:
                os.kill(int(entry.name), signal.SIGKILL)


def _born(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)


def _own_address(towards: str = "") -> str:
    """The address of this machine that others reach it by: the one it would use towards them."""
    host, _, port = (towards or "192.0.2.1:9").rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, int(port)))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _check_reachable(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 5.0):
            return
    except (OSError, ValueError) as error:
        detail = f"Nothing answers at {address} ({error}); give the head's address, such as 10.0.0.5:6379."
        raise VidComputeError(Kind.UNAVAILABLE, "cluster_unreachable", detail) from error


@contextlib.contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """What is started within writes to this file."""
    kept = os.dup(sys.stderr.fileno())
    with path.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    try:
        yield
    finally:
        os.dup2(kept, sys.stderr.fileno())
        os.close(kept)
