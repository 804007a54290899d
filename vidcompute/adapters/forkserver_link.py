"""The forkserver (see `runner.forkserver`) as the executor sees it: its process, its control socket, its children."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.run import start_service

_log = logging.getLogger(__name__)

_PACKET_BYTES = 4096
_END_S = 5.0
_BORN_S = 60.0
_LOOKS = 6  # while it has not answered: times are not compared, for this process may have been stopped itself


@dataclass
class Child:
    """One process group that the forkserver runs for us. `exited` has its status, or None when it was lost."""

    id: str
    exited: asyncio.Future[int | None]
    pid: int | None = None
    cancelled: bool = False


class ForkserverLink:
    """One forkserver, started as this is made; `on_lost` is called when it ends of itself.

    The number of its control socket's descriptor is added to `argv`; `env` is its environment. One that does not answer
    for `silent_s` is killed: what it runs could never end.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], on_lost: Callable[[], None], *, silent_s: float = 30.0
    ) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._service = start_service([*argv, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=dict(env))
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self.children: dict[str, Child] = {}
        self.ready: asyncio.Future[tuple[str, ...]] = self._loop.create_future()
        self.alive = True
        self._control.setblocking(False)
        self._loop.add_reader(self._control.fileno(), self._receive)
        self._heard = False
        self._watching = self._loop.create_task(self._watch(silent_s / _LOOKS), name="forkserver-watch")

    async def _watch(self, every_s: float) -> None:
        await asyncio.wait([self.ready], timeout=_BORN_S)
        missed = 0
        while missed < _LOOKS:
            self._heard = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self.send({"op": "ping"})
            await asyncio.sleep(every_s)
            missed = 0 if self._heard else missed + 1
        _log.error("the forkserver does not answer; it is killed")
        self._service.kill()

    def _receive(self) -> None:
        try:
            packet = self._control.recv(_PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lost()
            return
        self._heard = True
        message = json.loads(packet)
        if message["event"] == "ready":
            self.ready.set_result(tuple(message["missing"]))
            return
        if message["event"] == "pong":
            return
        child = self.children.get(message["id"])
        if child is None:
            return
        if message["event"] == "started":
            child.pid = message["pid"]
        elif message["event"] == "exited":
            del self.children[child.id]
            child.exited.set_result(message["status"])

    def _lost(self) -> None:
        self._close()
        self._service.kill()
        if not self.ready.done():
            self.ready.set_exception(VidComputeError(Kind.UNAVAILABLE, "runner_failed", "The runner did not start."))
            self.ready.exception()  # looked at here: nobody may be waiting
        for child in self.children.values():
            child.exited.set_result(None)
        self.children.clear()
        self._on_lost()

    def _close(self) -> None:
        self.alive = False
        self._watching.cancel()
        self._loop.remove_reader(self._control.fileno())
        self._control.close()

    async def send(self, message: Mapping[str, Any], connection: socket.socket | None = None) -> None:
        """Send one message; silently nothing when the forkserver has gone, for its children's ends tell of it."""
        data = json.dumps(message).encode()
        fds = [] if connection is None else [connection.fileno()]
        while self.alive:
            try:
                socket.send_fds(self._control, [data], fds)
            except BlockingIOError:
                await asyncio.sleep(0.001)  # its queue is full; it empties it as fast as it forks
            except OSError:
                return
            else:
                return

    async def begin(self, message: Mapping[str, Any], connection: socket.socket) -> Child:
        """Ask for a child; the caller's end of `connection` is its own affair."""
        child = Child(str(message["id"]), self._loop.create_future())
        self.children[child.id] = child
        await self.send(message, connection)
        if not self.alive and not child.exited.done():
            child.exited.set_result(None)
        return child

    async def stop(self) -> None:
        """Let go of it: it ends with its control socket, and its children with it."""
        if self.alive:
            self._close()
            for child in self.children.values():
                child.exited.set_result(None)
            self.children.clear()
        if not await asyncio.to_thread(self._service.wait, _END_S):
            self._service.kill()
