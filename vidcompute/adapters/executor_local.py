"""Runs attempts and calls as processes of this machine, forked from one warm child (see `runner.forkserver`)."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vidcompute.adapters.capacity import cpu_cores, memory_bytes
from vidcompute.adapters.discovery import Discovery, Found
from vidcompute.adapters.forkserver_link import Child, ForkserverLink
from vidcompute.adapters.gate import Gate
from vidcompute.adapters.holding import Holding
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.media.failures import failure
from vidcompute.media.run import kill_group
from vidcompute.ports.attempt_folder import folder_of
from vidcompute.ports.attempt_wire import call_to_json, error_from_json, event_from_json, spec_to_json
from vidcompute.ports.executor import (
    HEARTBEAT_S,
    Adopted,
    AttemptEvent,
    AttemptSpec,
    Call,
    Finished,
    Held,
    NodeInfo,
    Outcome,
)

_log = logging.getLogger(__name__)

_LONGEST_LINE_BYTES = 64 * 2**20
_OUTPUT_BYTES = 256 * 1024
_CANCEL_S = 1.7  # the forkserver has killed the group by then, or can't: then it is done from here
_KILLED_S = 0.2
_BIRTH_S = 30.0
_SIZE_S = 5.0

# What the forkserver gets of our environment: where programs and the home are, how text is written. No secrets.
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE")
_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # what has threads can't be forked safely


@dataclass
class _Running:
    """An attempt between its start and its `Finished`."""

    spec: AttemptSpec
    child: Child | None = None
    cancelled: bool = False
    waits: bool = False  # while others are held, or for room on this machine, which is less than nodes it simulates
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class LocalExecutor:
    """Implements `ports.executor.Executor` and `Interactive`.

    `argv` starts the forkserver; the number of its control socket's descriptor is added to it. It gets `env` and a
    few plain variables of ours as its environment, and its attempts work below `work_root`. `cores` and `memory`
    (bytes) say what attempts may fill in all; left out, it is what this machine has. Use it from one event loop, whose
    thread must live as long as the executor (the kernel ties the forkserver to it); `open` it first.

    `discovery` finds GPUs and what they can do, with `discover_first` as it is opened, else when `discover` is called.
    With an `inventory` those nodes are simulated: attempts on them run here, as many at a time as there are cores. A
    forkserver that does not answer for `silent_s` is replaced, and what it ran is lost.
    """

    outlives = False

    def __init__(
        self,
        argv: Sequence[str],
        work_root: Path,
        *,
        env: Mapping[str, str] | None = None,
        node: str = "local",
        cores: float | None = None,
        memory: int | None = None,
        discovery: Discovery | None = None,
        discover_first: bool = False,
        inventory: Sequence[NodeInfo] = (),
        silent_s: float = 30.0,
    ) -> None:
        self._argv = tuple(argv)
        self._work_root = work_root
        self._environment = {name: os.environ[name] for name in _PASSED if name in os.environ} | _THREADS
        self._environment |= dict(env or {})
        self._node = node
        self._cores = cores
        self._memory = memory
        self._discovery = discovery
        self._discover_first = discover_first
        self._inventory = list(inventory)
        self._silent_s = silent_s
        self._gate = Gate(cores or cpu_cores()) if inventory else None
        self._known_size = (0.0, 0)
        self._size_until_s = 0.0
        self.found = Found()  # what `discover` found
        self._server: ForkserverLink | None = None
        self._running: dict[str, _Running] = {}
        self._events: asyncio.Queue[AttemptEvent | None] = asyncio.Queue()
        self._holding = Holding(self._tell_of_hold, lambda: self.hold(held=False))
        self._closing = False
        self.missing: tuple[str, ...] = ()  # what this machine's sandbox can't enforce, in plain words

    async def open(self) -> None:
        """Start the forkserver and wait until it is warm; `runner_failed` (kind unavailable)."""
        await self._ready_server()
        if self._discover_first:
            await self.discover()

    async def discover(self) -> None:
        """Find out what GPUs this machine has, and what they can do. Takes seconds the first time after a boot."""
        if self._discovery is not None and not self._inventory:
            self.found = await self._discovery.look(self.call)

    def _started_server(self) -> ForkserverLink:
        if self._server is None or not self._server.alive:
            self._server = ForkserverLink(self._argv, self._environment, self._forkserver_lost, silent_s=self._silent_s)
        return self._server

    async def _ready_server(self) -> ForkserverLink:
        server = self._started_server()
        try:
            self.missing = await asyncio.wait_for(asyncio.shield(server.ready), _BIRTH_S)
        except TimeoutError as error:
            raise VidComputeError(Kind.UNAVAILABLE, "runner_failed", "The runner did not start in time.") from error
        return server

    def _forkserver_lost(self) -> None:
        """The forkserver ended of itself: start another, unless that one could not even begin."""
        _log.error("the forkserver ended; what it ran is lost")
        server = self._server
        born = server is not None and server.ready.done() and server.ready.exception() is None
        if born and not self._closing:
            fresh = self._started_server()
            if self._holding.held:
                asyncio.ensure_future(fresh.send({"op": "hold", "held": True})).add_done_callback(_look_at)

    async def start(self, spec: AttemptSpec) -> None:
        """See `Executor.start`. Raises `executor_closing`, `attempt_exists`, `runner_failed`."""
        self._check_open()
        if spec.attempt_id in self._running:
            raise VidComputeError(Kind.CONFLICT, "attempt_exists", f"Attempt {spec.attempt_id} runs already.")
        running = _Running(spec)
        self._running[spec.attempt_id] = running
        if spec.background and (self._gate is not None or self._holding.held):
            running.task = asyncio.create_task(self._in_turn(running))
            return
        try:
            child, ours = await self._begin(running)
        except BaseException:
            del self._running[spec.attempt_id]
            raise
        running.task = asyncio.create_task(self._follow(running, child, ours))

    def _check_open(self) -> None:
        if self._closing:
            raise VidComputeError(Kind.UNAVAILABLE, "executor_closing", "No new work: the server is shutting down.")

    async def _begin(self, running: _Running) -> tuple[Child, socket.socket]:
        self._check_open()
        spec = running.spec
        server = await self._ready_server()
        ours, theirs = socket.socketpair()
        message = {"op": "start", "id": spec.attempt_id, "background": spec.background}
        with theirs:
            running.child = await server.begin(message, theirs)
        if running.cancelled:
            await server.send({"op": "cancel", "id": spec.attempt_id})
        return running.child, ours

    async def _in_turn(self, running: _Running) -> None:
        """Run an attempt when nothing is held any more, and this machine has room for it where its node is simulated.

        What is held is not even forked: a first segment needs the cores for itself.
        """
        finished: Finished | None = None
        running.waits = True
        vouching = asyncio.create_task(self._vouch(running.spec.attempt_id))
        room = self._gate.room(running.spec.needs.cpu) if self._gate is not None else contextlib.nullcontext()
        try:
            await self._holding.free.wait()
            async with room:
                running.waits = False
                vouching.cancel()
                self._events.put_nowait(Held(running.spec.attempt_id, held=False))
                child, ours = await self._begin(running)
                await self._follow(running, child, ours)
                return
        except asyncio.CancelledError:
            running.cancelled = True
        except VidComputeError as error:
            running.cancelled = self._closing  # what was not begun by then is handed back
            finished = _unfinished(running.spec.attempt_id, Outcome.FAILED, error.code, error.detail)
        except OSError as problem:  # no descriptors or processes are left, say
            detail = f"It could not be begun: {problem}."
            finished = _unfinished(running.spec.attempt_id, Outcome.FAILED, "runner_failed", detail)
        finally:
            vouching.cancel()
        self._end(running, finished, None)

    async def _vouch(self, attempt_id: str) -> None:
        """Tell of an attempt that waits for its turn: it can give no sign of life itself."""
        while True:
            self._events.put_nowait(Held(attempt_id, held=True))
            await asyncio.sleep(HEARTBEAT_S)

    async def _follow(self, running: _Running, child: Child, connection: socket.socket) -> None:
        finished: Finished | None = None
        try:
            finished = await self._listen(running, connection)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            _log.warning("attempt %s: its events broke off: %r", running.spec.attempt_id, problem)
        self._end(running, finished, await child.exited)

    def _end(self, running: _Running, finished: Finished | None, status: int | None) -> None:
        del self._running[running.spec.attempt_id]
        self._events.put_nowait(_conclusion(running, finished, status))
        running.done.set()

    async def _listen(self, running: _Running, connection: socket.socket) -> Finished | None:
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_LONGEST_LINE_BYTES)
        try:
            writer.write(json.dumps(spec_to_json(running.spec)).encode() + b"\n")
            while line := await reader.readline():
                event = event_from_json(json.loads(line))
                if isinstance(event, Finished):
                    return event
                self._events.put_nowait(event)
        finally:
            writer.close()
        return None

    async def cancel(self, attempt_id: str) -> None:
        """See `Executor.cancel`; returns when nothing of its process group is left."""
        running = self._running.get(attempt_id)
        if running is None:
            return
        running.cancelled = True
        if running.waits and running.task is not None:
            running.task.cancel()
            await running.done.wait()
            return
        if self._server is not None:
            await self._server.send({"op": "cancel", "id": attempt_id})
        if running.child is not None and not await _within(running.done, _CANCEL_S):
            if running.child.pid is not None:
                kill_group(running.child.pid)
            await _within(running.done, _KILLED_S)

    async def read_output(self, attempt_id: str, path: str, start: int) -> bytes:
        """See `Executor.read_output`."""
        if attempt_id not in self._running:
            return b""
        return await asyncio.to_thread(_read_from, folder_of(self._work_root, attempt_id).output, path, start)

    async def hold(self, *, held: bool) -> None:
        """See `Executor.hold`. Background attempts that are started meanwhile wait; what is held too long goes on."""
        self._holding.change(held=held)
        if self._server is not None:
            await self._server.send({"op": "hold", "held": held})

    def _tell_of_hold(self, *, held: bool) -> None:
        for attempt_id, running in self._running.items():
            if running.spec.background and running.child is not None:
                self._events.put_nowait(Held(attempt_id, held=held))

    async def events(self) -> AsyncIterator[AttemptEvent]:
        """See `Executor.events`; ends after `close`."""
        while (event := await self._events.get()) is not None:
            yield event

    async def nodes(self) -> list[NodeInfo]:
        """See `Executor.nodes`: this machine, or the nodes that it simulates."""
        if self._inventory:
            return list(self._inventory)
        (cores, memory), found = self._size(), self.found
        return [NodeInfo(self._node, cores, memory, found.gpus, found.encoders, found.decoders)]

    async def adopt(self, epoch: int) -> list[Adopted]:
        """See `Executor.adopt`: what another process ran has ended with it."""
        del epoch
        return []

    async def let_go(self) -> None:
        """See `Executor.let_go`: nobody else can adopt a child of ours."""
        await asyncio.gather(*(self.cancel(attempt_id) for attempt_id in list(self._running)))

    async def collected(self, attempt_id: str) -> None:
        """See `Executor.collected`: nothing is kept."""

    def _size(self) -> tuple[float, int]:
        """Cores and bytes of memory. Control groups are asked now and then: it takes half a millisecond."""
        now_s = time.monotonic()
        if now_s >= self._size_until_s:
            self._known_size = (self._cores or cpu_cores(), self._memory or memory_bytes())
            self._size_until_s = now_s + _SIZE_S
        return self._known_size

    async def close(self, grace_s: float) -> None:
        """See `Executor.close`. Then the forkserver is ended."""
        self._closing = True
        await self.hold(held=False)
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks and grace_s > 0:
            await asyncio.wait(tasks, timeout=grace_s)
        await asyncio.gather(*(self.cancel(attempt_id) for attempt_id in list(self._running)))
        if self._server is not None:
            await self._server.stop()
        self._events.put_nowait(None)

    async def call(self, call: Call) -> AsyncGenerator[Mapping[str, Any]]:
        """See `Interactive.call`. Raises the stage's own error, or `stage_timeout` after `timeout_s`."""
        self._check_open()
        server = await self._ready_server()
        identifier = new_id("call")
        ours, theirs = socket.socketpair()
        with theirs:
            child = await server.begin({"op": "call", "id": identifier}, theirs)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LONGEST_LINE_BYTES)
        try:
            writer.write(json.dumps(call_to_json(call)).encode() + b"\n")
            async with contextlib.aclosing(_answers(reader, call, child)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            writer.close()
            if not child.exited.done():
                await server.send({"op": "kill", "id": identifier})
                await asyncio.wait([child.exited], timeout=_CANCEL_S)


def _read_from(folder: Path, path: str, start: int) -> bytes:
    # The stage's own process wrote this name: a link there could lead anywhere, a pipe hold us.
    try:
        with os.fdopen(os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as file:
            return os.pread(file.fileno(), _OUTPUT_BYTES, start)
    except OSError:
        return b""


def _look_at(task: "asyncio.Future[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("hold was not passed on: %r", task.exception())


async def _within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return False
    return True


def _conclusion(running: _Running, finished: Finished | None, status: int | None) -> Finished:
    """The one `Finished` of an attempt, whatever became of its processes."""
    attempt_id = running.spec.attempt_id
    if finished is not None:
        # A stage that was told to end may say that it failed before its parent hears of it.
        dying = running.cancelled and finished.outcome is Outcome.FAILED
        return replace(finished, outcome=Outcome.CANCELLED) if dying else finished
    if running.cancelled:
        return Finished(attempt_id, Outcome.CANCELLED)
    if status is None:
        return _unfinished(attempt_id, Outcome.LOST, "runner_lost", "The runner ended while it was at work.")
    return _unfinished(
        attempt_id, Outcome.LOST, "attempt_lost", f"Its process ended (status {status}) and said nothing."
    )


def _unfinished(attempt_id: str, outcome: Outcome, code: str, detail: str) -> Finished:
    return Finished(attempt_id, outcome, error_kind=Kind.UNAVAILABLE, error_code=code, error_detail=detail)


async def _answers(reader: asyncio.StreamReader, call: Call, child: Child) -> AsyncGenerator[Mapping[str, Any]]:
    """What a call emits, then its facts; its error raised."""
    deadline_s = asyncio.get_running_loop().time() + call.timeout_s
    while True:
        try:
            async with asyncio.timeout_at(deadline_s):
                line = await reader.readline()
        except TimeoutError as error:
            detail = f"Stage {call.stage} took more than {call.timeout_s:g} s."
            raise VidComputeError(Kind.TIMEOUT, "stage_timeout", detail) from error
        if not line:
            break
        message = json.loads(line)
        kind = message["event"]
        if kind == "emit":
            yield message["data"]
        elif kind == "result":
            yield {"facts": message["facts"]}
            return
        elif kind == "error":
            raise error_from_json(message)
        elif kind == "log" and message["level"] in {"warning", "error"}:
            _log.warning("call of %s: %s", call.stage, message["message"])
    status = await child.exited
    if status is None:
        raise VidComputeError(Kind.UNAVAILABLE, "runner_lost", "The runner ended while it was at work.")
    raise failure(status, (), program="stage")
