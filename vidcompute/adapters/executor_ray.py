"""Runs attempts on the nodes of a Ray cluster. What speaks to Ray is a child process (see `ray_cluster.bridge`)."""

import asyncio
import base64
import contextlib
import itertools
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.run import Service, start_service
from vidcompute.ports.attempt_wire import error_from_json, event_from_json, node_from_json, spec_from_json, spec_to_json
from vidcompute.ports.executor import Adopted, AttemptEvent, AttemptSpec, Finished, NodeInfo, Outcome

_log = logging.getLogger(__name__)

_LONGEST_LINE_BYTES = 64 * 2**20
_BIRTH_S = 60.0
_ADOPT_S = 15.0
_CANCEL_S = 1.9
_AGAIN_S, _LONGEST_AGAIN_S = 0.5, 10.0
_END_S = 5.0
_COLLECT_S = 5.0
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")

Json = dict[str, Any]


class _Line:
    """One bridge process, as seen from here."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.service = service
        self.reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self.ready = asyncio.Event()

    def send(self, op: str, **what: Any) -> "asyncio.Future[Json]":
        """Ask something at once; the answer comes later, or `cluster_failed` where the bridge goes before."""
        number = next(self._numbers)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._writer.write(json.dumps({"n": number, "op": op, **what}).encode() + b"\n")
        return answer

    async def ask(self, op: str, **what: Any) -> Json:
        """Ask something and wait; raises the error that is the answer."""
        answer = await self.send(op, **what)
        if "error" in answer:
            raise error_from_json(answer["error"])
        return answer

    def answered(self, message: Json) -> None:
        """Take an answer."""
        waiting = self._asked.pop(message["n"], None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def close(self) -> None:
        """Nothing is answered any more."""
        self._writer.close()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(_failed("The line to the cluster broke."))
                waiting.exception()  # looked at here: nobody may be waiting
        self._asked.clear()


def _failed(detail: str) -> VidComputeError:
    return VidComputeError(Kind.UNAVAILABLE, "cluster_failed", detail)


@dataclass
class _Running:
    """An attempt between its start and its `Finished`."""

    spec: AttemptSpec
    cancelled: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


class RayExecutor:
    """Implements `ports.executor.Executor`.

    `argv` starts the bridge; the number of its socket's descriptor is added to it. It gets `env` and a few plain
    variables of ours. `access` says what opens the storage to an attempt. While the cluster is away there are no
    nodes, and the bridge is started again and again; attempts that live on are then heard of again. A bridge that was
    connected and says nothing for `silent_s` counts as away.
    """

    outlives = True

    def __init__(
        self,
        argv: Sequence[str],
        access: Callable[[AttemptSpec], Mapping[str, str]],
        *,
        env: Mapping[str, str] | None = None,
        silent_s: float = 30.0,
    ) -> None:
        self._argv = tuple(argv)
        self._access = access
        self._environment = {name: os.environ[name] for name in _PASSED if name in os.environ} | dict(env or {})
        self._silent_s = silent_s
        self._line: _Line | None = None
        self._connected = asyncio.Event()
        self._answered = asyncio.Event()  # connected, or refused
        self._refusal: VidComputeError | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._running: dict[str, _Running] = {}
        self._events: asyncio.Queue[AttemptEvent | None] = asyncio.Queue()
        self._nodes: list[NodeInfo] = []
        self._epoch = 0
        self._held = False
        self._owed: set[str] = set()  # attempts that are over here, of which the cluster is still to be told
        self._uncollected: dict[str, asyncio.Event] = {}  # whose end was told here, and may not be recorded yet
        self._closing = False

    # -- the bridge ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Start the bridge and wait until it is connected.

        Raises `cluster_failed`, or `cluster_node_missing` where this machine is no node of it (kind unavailable).
        """
        self._keeping = asyncio.create_task(self._keep_connected(), name="ray-bridge")
        try:
            await asyncio.wait_for(self._answered.wait(), _BIRTH_S)
        except TimeoutError as error:
            raise _failed("The Ray cluster can't be reached; `vidctl cluster start` starts one.") from error
        if self._refusal is not None and not self._connected.is_set():
            self._closing = True
            await self._end()
            raise self._refusal

    async def _keep_connected(self) -> None:
        pause_s = _AGAIN_S
        while not self._closing:
            was_ready = await self._be_connected()
            if self._closing:
                return
            _log.error("the bridge to the cluster ended; it is started again")
            pause_s = _AGAIN_S if was_ready else min(pause_s * 2, _LONGEST_AGAIN_S)
            await asyncio.sleep(pause_s)

    async def _be_connected(self) -> bool:
        """Start a bridge, and listen until it ends; whether it was ever connected."""
        try:
            line = await self._begin()
        except OSError as problem:  # no processes or descriptors are left, say
            _log.error("no bridge to the cluster can be started: %s", problem)
            return False
        try:
            await self._listen(line)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            _log.warning("the line to the cluster broke: %r", problem)
        self._forget(line)
        if not await asyncio.to_thread(line.service.wait, _END_S):
            line.service.kill()  # it hangs, or is stopped
        return line.ready.is_set()

    async def _begin(self) -> _Line:
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [*self._argv, str(theirs.fileno())]
            service = start_service(argv, pass_fds=[theirs.fileno()], env=self._environment)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LONGEST_LINE_BYTES)
        return _Line(service, reader, writer)

    async def _listen(self, line: _Line) -> None:
        while text := await self._next(line):
            message = json.loads(text)
            kind = message.get("event")
            if kind == "alive":
                continue
            if kind is None:
                line.answered(message)
            elif kind == "attempt":
                self._tell(event_from_json(message["data"]))
            elif kind == "refused":
                self._refusal = error_from_json(message["error"])
                _log.error("%s", self._refusal.detail)
                self._answered.set()
            elif kind == "nodes":
                self._nodes = [node_from_json(node) for node in message["nodes"]]
            else:
                self._ready(line)

    async def _next(self, line: _Line) -> bytes:
        """The next line that the bridge says; TimeoutError (which is an OSError) where it hangs."""
        async with asyncio.timeout(self._silent_s if line.ready.is_set() else None):
            return await line.reader.readline()

    def _ready(self, line: _Line) -> None:
        self._line = line
        line.ready.set()
        if self._running or self._held or self._owed:
            asyncio.create_task(self._resume(line)).add_done_callback(_look_at)
        self._connected.set()
        self._answered.set()

    async def _resume(self, line: _Line) -> None:
        """After a break: take up again what goes on in the cluster, however often that is refused for now."""
        known = dict(self._running)
        while line is self._line:  # where it breaks again, this is done over the next one
            try:
                await self._take_up(line, known)
            except VidComputeError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("what runs in the cluster is not heard of yet: %s", error.detail)
                await asyncio.sleep(_AGAIN_S)
            else:
                await self.hold(held=self._held)
                return

    async def _take_up(self, line: _Line, known: Mapping[str, _Running]) -> None:
        """Hear again of what lives; what does not is lost. Say what the break kept from being said."""
        if known:
            await line.ask("adopt", epoch=self._epoch)
        for attempt_id, running in known.items():
            line.send("follow", attempt_id=attempt_id, epoch=self._epoch)
            if running.cancelled:
                line.send("cancel", attempt_id=attempt_id, epoch=self._epoch)
        for attempt_id in list(self._owed):
            await line.ask("collected", attempt_id=attempt_id, epoch=self._epoch)
            self._owed.discard(attempt_id)

    def _there(self) -> _Line:
        if self._line is None:
            raise _failed("The cluster is away.")
        return self._line

    def _forget(self, line: _Line) -> None:
        self._connected.clear()
        self._line = None
        self._nodes = []
        line.close()

    def _tell(self, event: AttemptEvent) -> None:
        running = self._running.get(event.attempt_id)
        if running is None:
            return
        if isinstance(event, Finished):
            del self._running[event.attempt_id]
            if running.cancelled and event.outcome in {Outcome.FAILED, Outcome.LOST}:
                event = replace(event, outcome=Outcome.CANCELLED)
            running.done.set()
            self._uncollected[event.attempt_id] = asyncio.Event()
        self._events.put_nowait(event)

    # -- the port -----------------------------------------------------------------------------------------------------

    async def start(self, spec: AttemptSpec) -> None:
        """See `Executor.start`. Raises `executor_closing`, `attempt_exists`, `epoch_over`.

        Where the cluster can't take it now (its node has just gone, say), the attempt is lost at once. It is handed
        back where others have its room.
        """
        if self._closing:
            raise VidComputeError(Kind.UNAVAILABLE, "executor_closing", "No new work: the server is shutting down.")
        if spec.attempt_id in self._running:
            raise VidComputeError(Kind.CONFLICT, "attempt_exists", f"Attempt {spec.attempt_id} runs already.")
        running = self._running[spec.attempt_id] = _Running(spec)
        line = self._line
        try:
            sent = spec_to_json(replace(spec, access=self._access(spec)))
            await self._there().ask("start", spec=sent, epoch=self._epoch)
        except VidComputeError as error:
            if error.kind is not Kind.UNAVAILABLE:
                self._running.pop(spec.attempt_id, None)
                raise
            if error.code == "cluster_busy":  # which is not its task's fault: it is handed back
                self._tell(_unfinished(spec.attempt_id, Outcome.CANCELLED, error.code, error.detail))
                return
            if line is not self._line:  # it broke over this: the attempt may have begun, and is not to go on unheard
                self._owed.add(spec.attempt_id)
            self._tell(_unfinished(spec.attempt_id, Outcome.LOST, error.code, error.detail))
        except BaseException:
            self._running.pop(spec.attempt_id, None)
            raise
        if running.cancelled:
            await self.cancel(spec.attempt_id)

    async def cancel(self, attempt_id: str) -> None:
        """See `Executor.cancel`."""
        running = self._running.get(attempt_id)
        if running is None:
            return
        running.cancelled = True
        if self._line is not None:
            self._line.send("cancel", attempt_id=attempt_id, epoch=self._epoch)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running.done.wait(), _CANCEL_S)

    async def read_output(self, attempt_id: str, path: str, start: int) -> bytes:
        """See `Executor.read_output`."""
        if attempt_id not in self._running or self._line is None:
            return b""
        try:
            answer = await self._line.ask("read", attempt_id=attempt_id, path=path, start=start)
        except VidComputeError:  # it has just gone
            return b""
        return base64.b64decode(answer["data"])

    async def hold(self, *, held: bool) -> None:
        """See `Executor.hold`: on this machine, for it is its cores that a first segment gets."""
        self._held = held
        if self._line is not None:
            with contextlib.suppress(VidComputeError):
                await self._line.ask("hold", held=held)

    async def events(self) -> AsyncIterator[AttemptEvent]:
        """See `Executor.events`; ends after `close`."""
        while (event := await self._events.get()) is not None:
            yield event

    async def nodes(self) -> list[NodeInfo]:
        """See `Executor.nodes`: those that answer."""
        return [node for node in self._nodes if node.cpu > 0]

    async def adopt(self, epoch: int) -> list[Adopted]:
        """See `Executor.adopt`."""
        try:
            async with asyncio.timeout(_ADOPT_S):
                await self._connected.wait()
                line = self._there()
                answer = await line.ask("adopt", epoch=epoch)
        except TimeoutError as error:
            raise _failed("The cluster does not say what runs there.") from error
        self._epoch = epoch
        found = [Adopted(spec_from_json(a["spec"]), a["node"], a["since_ms"]) for a in answer["attempts"]]
        ids = {adopted.spec.attempt_id for adopted in found}
        self._drop_ends(ids)
        # No event can come before these lines are through: nothing waits here.
        for adopted in found:
            self._running[adopted.spec.attempt_id] = _Running(adopted.spec)
            line.send("follow", attempt_id=adopted.spec.attempt_id, epoch=epoch)
        return found

    def _forget_ends(self, *attempt_ids: str) -> None:
        """Ends that nobody is to wait for any more; all of them where none is named."""
        for attempt_id in attempt_ids or tuple(self._uncollected):
            if collected := self._uncollected.pop(attempt_id, None):
                collected.set()

    def _drop_ends(self, ids: set[str]) -> None:
        """Of attempts that were let go and are adopted now, what was still to be told is not true."""
        kept = []
        while not self._events.empty():
            event = self._events.get_nowait()
            if event is None or event.attempt_id not in ids:
                kept.append(event)
        for event in kept:
            self._events.put_nowait(event)

    async def let_go(self) -> None:
        """See `Executor.let_go`: they go on in the cluster, and are not heard of here any more."""
        for attempt_id in list(self._running):
            self._tell(
                _unfinished(attempt_id, Outcome.LOST, "leader_changed", "Another server leads, and may adopt it.")
            )
        self._forget_ends()

    async def collected(self, attempt_id: str) -> None:
        """See `Executor.collected`. Where the line is broken now, it is told as soon as there is one again."""
        line = self._line
        if line is not None:
            with contextlib.suppress(VidComputeError):
                await line.ask("collected", attempt_id=attempt_id, epoch=self._epoch)
        if line is None or line is not self._line:
            self._owed.add(attempt_id)
        self._forget_ends(attempt_id)

    async def close(self, grace_s: float) -> None:
        """See `Executor.close`. Then the bridge is ended; the nodes stay.

        The ends of attempts are waited for to be collected, for 5 s: one that is not holds its cores until the next
        leader comes for it.
        """
        self._closing = True
        waiting = [asyncio.create_task(running.done.wait()) for running in self._running.values()]
        if waiting and grace_s > 0:
            await asyncio.wait(waiting, timeout=grace_s)
        await asyncio.gather(*(self.cancel(attempt_id) for attempt_id in list(self._running)))
        for task in waiting:
            task.cancel()
        for attempt_id in list(self._running):
            self._tell(
                _unfinished(attempt_id, Outcome.CANCELLED, "cluster_failed", "The cluster did not say how it ended.")
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COLLECT_S):
                for collected in tuple(self._uncollected.values()):
                    await collected.wait()
        await self._end()
        self._events.put_nowait(None)

    async def _end(self) -> None:
        if self._line is not None:
            self._line.service.kill()
            self._forget(self._line)
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)


def _unfinished(attempt_id: str, outcome: Outcome, code: str, detail: str) -> Finished:
    return Finished(attempt_id, outcome, error_kind=Kind.UNAVAILABLE, error_code=code, error_detail=detail)


def _look_at(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("what runs in the cluster was not heard of again: %r", task.exception())
