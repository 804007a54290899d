"""On each node of the cluster one of these: it runs attempts as the local executor does, for the actors beside it."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from vidcompute.adapters.discovery import Discovery
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.adapters.ray_cluster import servers
from vidcompute.adapters.storage_cached import CacheContents
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import ffmpeg
from vidcompute.media.sandbox import die_with_parent
from vidcompute.ports.attempt_wire import error_to_json, event_to_json, node_to_json, spec_from_json
from vidcompute.ports.executor import AttemptEvent, AttemptSpec, Finished
from vidcompute.ports.storage import content_of

NODE_VARIABLE = "VIDCOMPUTE_NODE"  # what `vidctl cluster` tells the node about itself, as JSON
_LONGEST_LINE_BYTES = 64 * 2**20
_IDLE_S = 900.0
_WEIGH_S = 5.0
_MOST_HELD = 2000  # that the leader is told of: what a node holds more is fetched again elsewhere, at worst


def machine() -> str:
    """What all processes of this machine share, and no other machine has."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class NodeAgent:
    """Runs a node's attempts. Attempts end when whoever asked for them goes, and all of them when this process does.

    `config` is the servers': `argv` of the runner (after Python's; "{work}" and "{node}" in it are replaced by the
    folder of attempts and by what the node says of itself, as JSON), and `idle_s`, after which it ends when no server
    asks for it any more. It refuses what leaders of earlier epochs ask for.
    """

    def __init__(self, node_id: str, config: Mapping[str, Any]) -> None:
        die_with_parent()
        self._node_id = node_id
        self._config = config
        self._own: dict[str, Any] = json.loads(os.environ.get(NODE_VARIABLE) or "{}") | dict(config.get("node") or {})
        self._epoch = 0
        self._heard_s = time.monotonic()
        self._cache_bytes = 0
        self._holds: tuple[str, ...] = ()
        self._beginning = asyncio.Lock()
        self._executor: LocalExecutor | None = None
        self._lock: BinaryIO | None = None
        self._work = Path()
        self._urls: Sequence[str] = ()
        self._socket = ""
        self._told: dict[str, asyncio.Queue[AttemptEvent]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    async def hello(self, epoch: int, urls: Sequence[str] = ()) -> dict[str, Any]:
        """Be ready to work for the leader of this epoch; what this node is.

        `urls` are where nodes reach the servers: attempts that an earlier leader began go on with those.
        """
        self._epoch = max(self._epoch, epoch)
        self._heard_s = time.monotonic()
        async with self._beginning:
            if self._executor is None:
                await self._begin()
        if epoch == self._epoch and urls and urls != self._urls:
            servers.remember(self._work, urls)
            self._urls = urls
        assert self._executor is not None, "it has begun"
        (info,) = await self._executor.nodes()
        cpu = 0.0 if self._own.get("cores") == 0 else info.cpu
        limit = int(self._own.get("cache_bytes", 0))
        info = replace(info, cpu=cpu, holds=self._holds, cache_bytes=self._cache_bytes, cache_max_bytes=limit)
        return {
            "node": node_to_json(info),
            "version": self._config.get("version"),
            "machine": machine(),
            "socket": self._socket,
            "running": sorted(self._told),
            "epoch": self._epoch,
            "missing": list(self._executor.missing),
            "pid": os.getpid(),
        }

    async def _begin(self) -> None:
        folder = Path(self._own.get("folder") or Path(tempfile.gettempdir()) / f"vidcompute-node-{os.getuid()}")
        work = self._work = self._claim(folder / "work")
        replaced = {"{work}": str(work), "{node}": json.dumps({**self._own, "folder": str(folder)})}
        executor = LocalExecutor(
            [sys.executable, *(replaced.get(word, word) for word in self._config["argv"])],
            work,
            node=f"{self._own.get('name') or os.uname().nodename}-{self._node_id[:8]}",
            cores=self._own.get("cores"),
            memory=self._own.get("memory_bytes"),
            discovery=Discovery(
                folder / "hardware.json", lambda: ffmpeg.build_id(ffmpeg.locate(self._own.get("ffmpeg")))
            ),
        )
        await executor.open()
        # A short path: the kernel allows a socket's name 107 bytes.
        self._socket = str(Path(tempfile.mkdtemp(prefix="vidcompute-")) / "agent")
        self._server = await asyncio.start_unix_server(self._serve, self._socket, limit=_LONGEST_LINE_BYTES)
        works = (self._pass_on(executor), self._end_when_idle(), executor.discover(), self._weigh(folder / "cache"))
        self._tasks = [asyncio.create_task(work) for work in works]
        self._executor = executor

    def _claim(self, work_root: Path) -> Path:
        """The folder of attempts on this node; those of nodes that have gone are removed."""
        mine = work_root / f"{self._node_id[:8]}-{os.getpid()}"  # several installations may share a node
        mine.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (mine / ".lock").open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for other in work_root.iterdir():
            if other != mine:
                _remove_unclaimed(other)
        return mine

    async def _pass_on(self, executor: LocalExecutor) -> None:
        async for event in executor.events():
            listening = self._told.get(event.attempt_id)
            if listening is not None:
                listening.put_nowait(event)

    async def _weigh(self, cache: Path) -> None:
        """Know about what the cache holds, and how much that is."""
        contents = CacheContents(cache)
        while True:
            await asyncio.to_thread(contents.look)
            self._cache_bytes = contents.size_bytes
            held = {found for key in contents.keys if (found := content_of(key)) is not None}
            self._holds = tuple(sorted(held)[:_MOST_HELD])
            await asyncio.sleep(_WEIGH_S)

    async def _end_when_idle(self) -> None:
        import ray

        idle_s = float(self._config.get("idle_s", _IDLE_S))
        while self._told or time.monotonic() - self._heard_s < idle_s:
            await asyncio.sleep(min(idle_s, 1.0))
        shutil.rmtree(Path(self._socket).parent, ignore_errors=True)
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def _check(self, epoch: int) -> None:
        if epoch < self._epoch:
            detail = f"Epoch {epoch} is over: this node has heard of epoch {self._epoch}."
            raise VidComputeError(Kind.CONFLICT, "epoch_over", detail)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One attempt: its specification comes, its events go. Who goes before its end wants it no more."""
        try:
            asked = json.loads(await reader.readline())
            spec = spec_from_json(asked["spec"])
            try:
                await self._start(spec, int(asked["epoch"]))
            except VidComputeError as error:
                writer.write(_line({"error": error_to_json(error)}))
                return
            writer.write(_line({"pid": os.getpid()}))
            await self._attend(spec.attempt_id, reader, writer)
        except (OSError, ValueError):
            pass  # it went while it was told something
        finally:
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()

    async def _start(self, spec: AttemptSpec, epoch: int) -> None:
        self._check(epoch)
        assert self._executor is not None, "nobody knows the socket before it has begun"
        if spec.attempt_id in self._told:
            raise VidComputeError(Kind.CONFLICT, "attempt_exists", f"Attempt {spec.attempt_id} runs already.")
        self._told[spec.attempt_id] = asyncio.Queue()
        try:
            await self._executor.start(spec)
        except BaseException:
            del self._told[spec.attempt_id]
            raise

    async def _attend(self, attempt_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._executor is not None
        telling = asyncio.create_task(self._tell(attempt_id, writer))
        gone = asyncio.create_task(reader.read(1))
        await asyncio.wait([telling, gone], return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not telling.done():
            await self._executor.cancel(attempt_id)
        await telling

    async def _tell(self, attempt_id: str, writer: asyncio.StreamWriter) -> None:
        """Pass events on until the last. One who hears nothing any more does not keep the attempt from ending."""
        while True:
            event = await self._told[attempt_id].get()
            if isinstance(event, Finished):
                del self._told[attempt_id]
            with contextlib.suppress(OSError):
                writer.write(_line(event_to_json(event)))
                await writer.drain()
            if isinstance(event, Finished):
                return

    async def cancel(self, attempt_id: str, epoch: int) -> dict[str, Any]:
        """End an attempt and all its processes; `{"error": …}` where the leader's epoch is over."""
        try:
            self._check(epoch)
        except VidComputeError as error:
            return {"error": error_to_json(error)}
        if self._executor is not None:
            await self._executor.cancel(attempt_id)
        return {}

    async def read_output(self, attempt_id: str, path: str, start: int) -> bytes:
        """See `Executor.read_output`."""
        return b"" if self._executor is None else await self._executor.read_output(attempt_id, path, start)

    async def hold(self, *, held: bool) -> None:
        """See `Executor.hold`."""
        if self._executor is not None:
            await self._executor.hold(held=held)


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _remove_unclaimed(folder: Path) -> None:
    """Remove a node's folder unless that node lives."""
    try:
        with (folder / ".lock").open("r+b") as lock:  # what has none is not ours
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
