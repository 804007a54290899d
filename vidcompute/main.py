"""The composition root: reads settings, chooses adapters, and is what `vidctl` and `python -m vidcompute.main` run.

Heavy parts are imported where they are used: the runner must not load the web server, nor the server the codecs.
"""

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.wiring.version import commit, version

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from vidcompute.adapters.executor_local import LocalExecutor
    from vidcompute.adapters.storage_proof import Proof
    from vidcompute.adapters.storage_switched import SwitchedStorage
    from vidcompute.api.app import Application
    from vidcompute.api.viewing import Viewing
    from vidcompute.cli.local import Cluster
    from vidcompute.db.engine import Database
    from vidcompute.dispatch.dispatcher import Dispatcher
    from vidcompute.dispatch.planning import Planner
    from vidcompute.ports.executor import Executor
    from vidcompute.services.jobs.live import ProgressHub
    from vidcompute.services.playback import Opening
    from vidcompute.settings import Explained, Settings
    from vidcompute.wiring.library import Follower
    from vidcompute.wiring.migrating import Mover
    from vidcompute.wiring.sharing import Shared
    from vidcompute.wiring.tracing import Traces
    from vidcompute.wiring.uploading import Bucket

_DRAIN_S = 5  # for open HTTP requests at shutdown


def _log() -> "FilteringBoundLogger":
    from vidcompute import logs  # with its libraries it takes a tenth of a second, and `vidctl` mostly needs none

    return logs.get("main")


@dataclass(frozen=True)
class Platform:
    """The parts of a running server, put together but not yet at work."""

    settings: "Settings"
    db: "Database"
    storage: "SwitchedStorage"
    bucket: "Bucket"
    follower: "Follower"
    executor: "Executor"
    interactive: "LocalExecutor"
    dispatcher: "Dispatcher"
    hub: "ProgressHub"
    viewing: "Viewing"
    opening: "Opening"
    app: "Application"
    closing: asyncio.Event
    shared: "Shared"
    traces: "Traces | None"


# -- putting it together -------------------------------------------------------------------------------------------


async def build(settings: "Settings", url: str) -> Platform:
    """Open and wire every part; `url` is where the server is reached. The data folder is made and migrated."""
    from vidcompute.api.app import create_app
    from vidcompute.api.deps import Build, Deps
    from vidcompute.api.metrics import Metrics
    from vidcompute.db.engine import Database
    from vidcompute.media import ffmpeg
    from vidcompute.services import accounts, quotas
    from vidcompute.services.playback import Opening
    from vidcompute.wiring import cluster, dispatching, guarding, identity, runner, sharing, tracing, uploading, viewing
    from vidcompute.wiring import storage as storages
    from vidcompute.wiring.delivery import delivery
    from vidcompute.wiring.library import Follower
    from vidcompute.wiring.planning import planner

    program, metrics = _program(settings), Metrics()
    db = Database.open(settings.effective_database_url)
    follower = Follower(settings, db, _load)
    storage = await follower.begin(_log().warning)
    await db.write(accounts.ensure_local, settings.data_dir)
    await db.write(quotas.set_for_all, guarding.quotas(settings))
    interactive = await _opened(runner.executor(settings, program))
    executor = await cluster.placing(settings, db, interactive, url, runner.fetch_limits(settings))
    both, bucket = sharing.shared(settings), uploading.Bucket(storage)
    hub = both.hub()
    traces = tracing.traces(settings, version())
    plans, base_url = planner(settings, ffmpeg.build_id(program)), (settings.base_url or url).rstrip("/")
    dispatcher = dispatching.dispatcher(
        settings, db, executor, plans, hub=hub, storage=storage, bucket=bucket, base_url=base_url, outcomes=metrics
    )
    closing = asyncio.Event()
    deps = Deps(
        db=db,
        storage=storage,
        executor=executor,
        incoming=settings.data_dir / "incoming",
        uploading=uploading.policy(settings),
        base_url=base_url,
        rates=both.rates,
        policy=guarding.policy(settings),
        sign_on=identity.sign_on(settings),
        hub=hub,
        limits=guarding.limits(settings),
        build=Build(version(), commit(), ffmpeg.version(program)),
        cors_origins=settings.cors_origins,
        delivery=delivery(settings),
        closing=closing,
        checks={"dispatcher": dispatcher.trouble, "storage": storages.readiness(storage)},
        lesser_checks=both.checks,
        direct=bucket,
        dispatch_state=dispatcher.state,
        prelude=plans,
    )
    seen = viewing.viewing(settings, db, storage, (executor, interactive), rates=both.rates, base_url=base_url)
    opening = Opening(db, seen.playback, lambda: dispatcher.leads)
    app = create_app(deps, viewing=seen, metrics=metrics, traced=traces.traced if traces else None)
    parts = (follower, executor, interactive, dispatcher, hub, seen, opening, app, closing, both, traces)
    return Platform(settings, db, storage, bucket, *parts)


def _program(settings: "Settings") -> Path:
    from vidcompute.media import ffmpeg

    program = ffmpeg.locate(str(settings.ffmpeg_path) if settings.ffmpeg_path else None)
    if warning := ffmpeg.safety_warning(program):
        _log().warning("ffmpeg_unsafe", detail=warning)
    return program


async def _opened(local: "LocalExecutor") -> "LocalExecutor":
    await local.open()
    for missing in local.missing:
        _log().warning("sandbox_incomplete", detail=missing)
    return local


# -- serving -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process alone; `data_dir_in_use` (conflict) while another server has it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            detail = f"Another server uses the data folder {data_dir}; stop it, or set VIDCOMPUTE_DATA_DIR."
            raise VidComputeError(Kind.CONFLICT, "data_dir_in_use", detail) from error
        yield


def listen(settings: "Settings") -> socket.socket:
    """A bound socket, so that a free port is known before anything refers to it; `address_unusable` (invalid)."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        detail = (
            f"The server can't listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Set VIDCOMPUTE_HOST and VIDCOMPUTE_PORT."
        )
        raise VidComputeError(Kind.INVALID, "address_unusable", detail) from error
    return listening


def local_url(listening: socket.socket) -> str:
    """Where programs on this machine reach the server."""
    host, port = listening.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(settings: "Settings", on_ready: Callable[[str], None] | None = None) -> None:
    """Be the platform until SIGTERM or SIGINT: then no new work, and running attempts finish or are handed back."""
    with claimed(settings.data_dir), contextlib.closing(listen(settings)) as listening:
        url = local_url(listening)
        platform = await build(settings, url)
        beside = [
            asyncio.create_task(platform.opening.run(), name="opening"),
            asyncio.create_task(platform.interactive.discover(), name="discovery"),
            asyncio.create_task(platform.follower.run(platform.storage), name="library"),
        ]
        telling = contextlib.AsyncExitStack()
        try:
            if platform.traces is not None:
                await telling.enter_async_context(
                    platform.traces.telling(platform.db, lambda: platform.dispatcher.leads)
                )
            await platform.dispatcher.start()
            with _announcer(settings.data_dir, url) as announce:

                def ready() -> None:
                    # What is there now stays: to go through all of it now and then would hold everybody up for 80 ms.
                    gc.collect()
                    gc.freeze()
                    announce()
                    if on_ready:
                        on_ready(url)

                await _run_http(platform, listening, ready)
        finally:
            platform.closing.set()
            platform.hub.close()
            for task in beside:
                task.cancel()
            await platform.viewing.playback.makers.close()
            await platform.dispatcher.stop(settings.shutdown_grace_s)
            await telling.aclose()
            await platform.shared.close()
            await platform.interactive.close(0)
            await platform.bucket.close()
            await platform.follower.end()
            await platform.db.close()
            _log().info("server_stopped")


async def _run_http(platform: Platform, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve HTTP until told to end; requests under way then get some seconds."""
    import uvicorn

    from vidcompute.api.protocol import HttpProtocol
    from vidcompute.wiring.hardening import proxies

    class Server(uvicorn.Server):
        """Leaves signals to us: after a graceful end the exit code is 0, not the signal's."""

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

    config = uvicorn.Config(
        platform.app,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(platform.settings.trusted_proxies),
        forwarded_allow_ips=proxies(platform.settings),
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = Server(config)
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.force_exit = server.should_exit  # a second signal is for the impatient
        server.should_exit = True
        platform.closing.set()
        platform.hub.close()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    announcing = asyncio.create_task(_when_started(server, ready))
    try:
        await server.serve([listening])
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)


async def _when_started(server: Any, ready: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    _log().info("server_started")
    ready()


@contextlib.contextmanager
def _announcer(data_dir: Path, url: str) -> Iterator[Callable[[], None]]:
    """What writes `server.json` (mode 0600), which tells `vidctl` where the server is; it goes with the server."""
    path = data_dir / "server.json"
    fresh = data_dir / ".server.json"
    path.unlink(missing_ok=True)  # of a server that was killed

    def announce() -> None:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"url": url, "pid": os.getpid(), "version": version()}, file)
        fresh.replace(path)

    try:
        yield announce
    finally:
        path.unlink(missing_ok=True)


# -- commands ------------------------------------------------------------------------------------------------------


def serve_command() -> int:
    """`vidctl serve`: exit code 0 after a graceful end; raises where it could not start."""
    import uvloop

    from vidcompute import logs, scrubbing
    from vidcompute.settings import load, unknown_variables
    from vidcompute.wiring import hardening

    settings = load()
    scrubbing.hide(*hardening.secrets_of(settings))
    logs.configure(settings.log_level, settings.log_format)
    for name in unknown_variables():
        _log().warning("setting_unknown", variable=name, detail="no such setting; see .env.example for the names")
    settings = settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})
    hardening.check(settings)
    for detail in hardening.warnings(settings):
        _log().warning("served_to_others", detail=detail)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0


def _load() -> "Settings":
    from vidcompute.settings import load

    return load()


def _explain(settings: "Settings") -> "list[Explained]":
    from vidcompute.settings import explain

    return explain(settings)


def _prove_storage(settings: "Settings") -> "list[Proof]":
    from vidcompute.wiring.proving import prove

    return prove(settings)


def _local_executor(settings: "Settings", program: Path) -> "LocalExecutor":
    from vidcompute.wiring.runner import executor

    return executor(settings, program)


def _planner(settings: "Settings", ffmpeg_build: str) -> "Planner":
    from vidcompute.wiring.planning import planner

    return planner(settings, ffmpeg_build)


def _mover(settings: "Settings") -> "Mover":
    from vidcompute.wiring.migrating import Mover

    return Mover(settings)


def _fsck(settings: "Settings", tell: Callable[[Any], object], *, mend: bool) -> None:
    from vidcompute.wiring.examining import fsck

    fsck(settings, tell, mend=mend)


def _cluster(token_file: Path | None) -> "Cluster":
    from vidcompute.wiring.cluster import own_node

    return own_node(_load(), token_file)


def _api_document(form: str) -> str:
    from vidcompute.api.app import describe
    from vidcompute.api.deps import Build
    from vidcompute.api.openapi import as_json, as_yaml

    document = describe(Build(version()))
    return as_yaml(document) if form == "yaml" else as_json(document)


def vidctl() -> None:
    """The console entry: ends the process with the command's exit code."""
    arguments = sys.argv[1:]
    if arguments and arguments[0].startswith("_"):
        from vidcompute.wiring import cluster, runner

        for command in (runner.command, cluster.command):
            if (status := command(arguments)) is not None:
                sys.exit(status)
    from vidcompute.cli.app import create_app as create_cli
    from vidcompute.local import Composition, parts

    root = Composition(
        load=_load,
        explain=_explain,
        executor=_local_executor,
        planner=_planner,
        prove_storage=_prove_storage,
        mover=_mover,
        fsck=_fsck,
        serve=serve_command,
        cluster=_cluster,
        describe_api=_api_document,
        version=version(),
        commit=commit(),
    )
    try:
        create_cli()(prog_name="vidctl", obj=parts(root))
    except SystemExit as end:
        if "obstore" in sys.modules:  # its threads want something of the interpreter still, which then aborts
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else bool(end.code))
        raise


if __name__ == "__main__":
    vidctl()
