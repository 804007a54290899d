"""The warm process that every attempt and call is forked from; it starts, watches, stops and ends them.

One packet a message on the control socket (JSON; the sockets of attempts travel beside it). From the executor:
`{"op": "start" | "call", "id", "background"}` with one socket, `{"op": "cancel" | "kill", "id"}`, `{"op": "hold",
"held"}`, `{"op": "ping"}`. To the executor: `{"event": "ready", "missing"}`, `{"event": "pong"}`, `{"event": "started",
"id", "pid"}` and, when nothing of its process group is left, `{"event": "exited", "id", "status"}`.
"""

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcompute.media import sandbox
from vidcompute.media.run import fork, kill_group
from vidcompute.ports.attempt_folder import folder_of
from vidcompute.ports.attempt_wire import call_from_json, error_to_json
from vidcompute.ports.executor import Call, InputRef
from vidcompute.runner.attempt import run_attempt
from vidcompute.runner.channel import LineReader, Sender
from vidcompute.runner.folder import make_folder, remove_aside, sweep
from vidcompute.runner.inner import Context, StageRun, error_of, run_stage
from vidcompute.runner.publish import store_left_log
from vidcompute.runner.work import LocalInput

# What stages import as they begin to work: loaded here, once, for all of them.
_PRELOADED_PACKAGES = ("vidcompute.media",)
_PRELOADED = (
    "asyncio",
    "av",
    "av.subtitles.stream",  # PyAV imports it with the first container it opens
    "numpy",
    "numpy.ma",
    "PIL.BmpImagePlugin",  # Pillow imports these before it writes its first picture, of whatever kind
    "PIL.GifImagePlugin",
    "PIL.Image",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "PIL.WebPImagePlugin",
)
_PACKET_BYTES = 4096
_GRACE_S = 1.0  # from asking to killing; with the rest it stays well within the 2 s that are promised
_GROUP_TICK_S = 0.005


def _run_call(connection: socket.socket, context: Context, folder_name: str) -> int:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # what libraries print about a file would reach the server's terminal
    os.dup2(null, 2)
    sender = Sender(connection)
    try:
        call = call_from_json(LineReader(connection.fileno()).one())
        return run_stage(_stage_run(call, context, folder_name), context, sender)
    except BrokenPipeError:
        return 1
    except Exception as problem:
        sender.send({"event": "error", **error_to_json(error_of(problem))})
        return 1


def _stage_run(call: Call, context: Context, folder_name: str) -> StageRun:
    folder = make_folder(context.work_root, folder_name)
    output = Path(call.output)
    output.mkdir(parents=True, exist_ok=True)
    paths = dict.fromkeys(call.facts, ()) | dict(call.inputs)
    inputs = {
        name: tuple(
            LocalInput(Path(path), InputRef(path, is_tree=False, facts=call.facts.get(name, {})))
            for path in given or (call.output,)
        )
        for name, given in paths.items()
    }
    return StageRun(
        stage=call.stage,
        version=call.version,
        options=call.options,
        inputs=inputs,
        output=output,
        scratch=folder.scratch,
        timeout_s=call.timeout_s,
        memory_bytes=None,
        emits=True,
    )


@dataclass
class _Child:
    """One process group. `pid` leads it; `kill_at_s` is when asking has been enough."""

    id: str
    pid: int
    pidfd: int
    background: bool
    kill_at_s: float | None = None
    status: int | None = None


@dataclass(frozen=True)
class _Waiting:
    """A background start that waits for the hold to end."""

    id: str
    connection: socket.socket


class Forkserver:
    """Serves one executor until its control socket ends."""

    def __init__(self, control: socket.socket, context: Context, cleaners: Iterable[int]) -> None:
        self._control = control
        self._context = context
        self._children: dict[str, _Child] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._cleaners = set(cleaners)
        self._held = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, None)
        self._operations: dict[str, Callable[[Mapping[str, Any], socket.socket | None], None]] = {
            "start": self._on_start,
            "call": self._on_call,
            "cancel": self._on_cancel,
            "kill": self._on_kill,
            "hold": self._on_hold,
            "ping": self._on_ping,
        }

    def serve(self) -> None:
        """Work until the executor has gone; then end every group."""
        self._tell({"event": "ready", "missing": list(_not_enforced())})
        try:
            while self._step():
                pass
        finally:
            for child in self._children.values():
                kill_group(child.pid)

    def _tell(self, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the next read says so too
            self._control.send(json.dumps(message).encode())

    def _step(self) -> bool:
        for key, _ in self._selector.select(self._patience_s()):
            if key.data is None:
                if not self._listen():
                    return False
            else:
                self._leader_ended(key.data)
        self._look_after_time()
        self._look_after_groups()
        return True

    def _patience_s(self) -> float | None:
        if any(child.status is not None for child in self._children.values()):
            return _GROUP_TICK_S
        deadlines = [child.kill_at_s for child in self._children.values() if child.kill_at_s is not None]
        if deadlines:
            return max(min(deadlines) - time.monotonic(), 0.0)
        return 1.0 if self._cleaners else None

    def _listen(self) -> bool:
        try:
            packet, fds, _, _ = socket.recv_fds(self._control, _PACKET_BYTES, 1)
        except ConnectionResetError:
            return False
        if not packet:
            return False
        message = json.loads(packet)
        connection = socket.socket(fileno=fds[0]) if fds else None
        self._operations[message["op"]](message, connection)
        return True

    def _on_start(self, message: Mapping[str, Any], connection: socket.socket | None) -> None:
        assert connection is not None, "a start brings its socket"
        background = bool(message["background"])
        if background and self._held:
            self._waiting[message["id"]] = _Waiting(message["id"], connection)
        else:
            self._fork(message["id"], connection, background=background, work=self._attempt)

    def _on_call(self, message: Mapping[str, Any], connection: socket.socket | None) -> None:
        assert connection is not None, "a call brings its socket"
        self._fork(message["id"], connection, background=False, work=self._call)

    def _attempt(self, connection: socket.socket, _id: str) -> int:
        return run_attempt(connection, self._context)

    def _call(self, connection: socket.socket, call_id: str) -> int:
        return _run_call(connection, self._context, call_id)

    def _fork(
        self, identifier: str, connection: socket.socket, *, background: bool, work: Callable[[socket.socket, str], int]
    ) -> None:
        with connection:
            pid = fork(lambda: work(connection, identifier), new_session=True, keep_fds=(connection.fileno(),))
        child = _Child(identifier, pid, os.pidfd_open(pid), background)
        self._children[identifier] = child
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        self._tell({"event": "started", "id": identifier, "pid": pid})

    def _on_ping(self, _message: Mapping[str, Any], _connection: socket.socket | None) -> None:
        self._tell({"event": "pong"})

    def _on_cancel(self, message: Mapping[str, Any], _connection: socket.socket | None) -> None:
        if self._dropped(message["id"]):
            return
        child = self._children.get(message["id"])
        if child is not None and child.kill_at_s is None and child.status is None:
            child.kill_at_s = time.monotonic() + _GRACE_S
            kill_group(child.pid, signal.SIGTERM)
            kill_group(child.pid, signal.SIGCONT)  # a stopped process hears nothing else but SIGKILL

    def _on_kill(self, message: Mapping[str, Any], _connection: socket.socket | None) -> None:
        child = self._children.get(message["id"])
        if not self._dropped(message["id"]) and child is not None and child.status is None:
            kill_group(child.pid)

    def _dropped(self, identifier: str) -> bool:
        waiting = self._waiting.pop(identifier, None)
        if waiting is None:
            return False
        waiting.connection.close()
        self._tell({"event": "exited", "id": identifier, "status": 0})
        return True

    def _on_hold(self, message: Mapping[str, Any], _connection: socket.socket | None) -> None:
        self._held = bool(message["held"])
        for child in self._children.values():
            # One that is to end is not stopped again: it is about to hear why.
            if child.background and child.status is None and child.kill_at_s is None:
                kill_group(child.pid, signal.SIGSTOP if self._held else signal.SIGCONT)
        if not self._held:
            started, self._waiting = self._waiting, {}
            for waiting in started.values():
                self._fork(waiting.id, waiting.connection, background=True, work=self._attempt)

    def _leader_ended(self, child: _Child) -> None:
        # The group first, the leader after: until it is reaped, no other process can get its number.
        kill_group(child.pid)
        _, status = os.waitpid(child.pid, 0)
        child.status = os.waitstatus_to_exitcode(status)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)

    def _look_after_time(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.kill_at_s is not None and child.status is None and child.kill_at_s <= now:
                kill_group(child.pid)
                child.kill_at_s = now + _GRACE_S

    def _look_after_groups(self) -> None:
        for child in [c for c in self._children.values() if c.status is not None]:
            with suppress(ChildProcessError):
                while os.waitpid(-child.pid, os.WNOHANG)[0]:  # orphans of the group, which are ours now
                    pass
            if kill_group(child.pid, 0):
                continue
            del self._children[child.id]
            self._tell({"event": "exited", "id": child.id, "status": child.status})
            folder = folder_of(self._context.work_root, child.id)
            if folder.root.exists():  # it was killed, or it was a call
                self._cleaners.add(remove_aside([folder.root]))
        for pid in list(self._cleaners):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self._cleaners.discard(pid)


def _not_enforced() -> tuple[str, ...]:
    return tuple(f"{name}: {state}" for name, state in sandbox.describe().items() if state.startswith("missing"))


def warm_up() -> None:
    """Load what stages use and settle the heap, so that a fork has nothing to do but begin."""
    for name in _PRELOADED:
        importlib.import_module(name)
    for package in map(importlib.import_module, _PRELOADED_PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    sandbox.system_read_paths()
    gc.collect()
    gc.freeze()


def run_forkserver(control: socket.socket, context: Context) -> int:
    """Sweep what was left, then serve until the executor has gone. Returns the exit status."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        sys.stderr.write(f"forkserver: {threads} threads; forking may hang. Set OPENBLAS_NUM_THREADS=1.\n")
    sweepers = sweep(context.work_root, lambda key, log: store_left_log(context.storage({}), key, log))
    Forkserver(control, context, sweepers).serve()
    return 0
