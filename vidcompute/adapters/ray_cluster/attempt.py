"""One attempt as Ray sees it: an actor that holds what the attempt needs, tells its events, and keeps its end."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from vidcompute.errors import Kind
from vidcompute.media.sandbox import die_with_parent
from vidcompute.ports.attempt_wire import event_to_json
from vidcompute.ports.executor import Finished, Outcome

_LONGEST_LINE_BYTES = 64 * 2**20
_KEPT_S = 3600.0  # for how long an end waits to be collected
_READY_S = 60.0

Json = dict[str, Any]


class AttemptActor:
    """Named after its attempt and detached, so that whoever leads finds it. `spec` and events are in their JSON form.

    The attempt itself runs at the node's agent, which ends it when this process goes.
    """

    def __init__(self, spec: Json, epoch: int, agent: Any) -> None:
        die_with_parent()
        self._spec = spec
        self._epoch = epoch
        self._agent = agent
        self._node = ""
        self._since_ms = 0
        self._events: asyncio.Queue[Json | None] = asyncio.Queue()
        self._progress: Json | None = None
        self._finished: Json | None = None
        self._listening: asyncio.Task[None] | None = None

    async def run(self) -> Json:
        """Begin; what the node's agent says against it as `{"error": …}`."""
        async with asyncio.timeout(_READY_S):
            about = await self._agent_here().hello.remote(self._epoch)
        self._node = about["node"]["name"]
        reader, writer = await asyncio.open_unix_connection(about["socket"], limit=_LONGEST_LINE_BYTES)
        writer.write(json.dumps({"spec": self._spec, "epoch": self._epoch}).encode() + b"\n")
        answer: Json = json.loads(await reader.readline() or b"{}")
        if "pid" not in answer:
            writer.close()
            return answer or {"error": _lost_error("The node's agent ended.")}
        self._since_ms = time.time_ns() // 1_000_000
        self._listening = asyncio.create_task(self._listen(reader, writer))
        return {"node": self._node}

    def _agent_here(self) -> Any:
        """The agent of the node that this is on: another one than it was meant for, where that one has gone."""
        import ray

        from vidcompute.adapters.ray_cluster.agents import agent_of

        here = ray.get_runtime_context().get_node_id()
        return agent_of(here, self._agent["namespace"], self._agent["config"])

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        finished: Json | None = None
        with contextlib.suppress(OSError, ValueError):
            while finished is None and (line := await reader.readline()):
                event: Json = json.loads(line)
                if event["event"] == "finished":
                    finished = event
                else:
                    self._progress = event if event["event"] == "progress" else self._progress
                    self._events.put_nowait(event)
        writer.close()
        self._finished = finished or lost_event(
            self._spec["attempt_id"], code="agent_lost", detail="The node's agent ended."
        )
        self._events.put_nowait(self._finished)
        await asyncio.sleep(_KEPT_S)
        os._exit(0)  # nobody has come for it

    async def about(self, epoch: int) -> Json:
        """What a new leader wants to know; `since_ms` is 0 where it has not begun, `newer` says that it is not new."""
        newer = epoch < self._epoch
        self._epoch = max(self._epoch, epoch)
        return {"spec": self._spec, "node": self._node, "since_ms": self._since_ms, "newer": newer}

    async def follow(self, epoch: int, *, anew: bool) -> AsyncGenerator[list[Json]]:
        """Events as they come, the end last; `anew` from where it is now. Who followed before hears no more.

        Nothing for a leader of an earlier epoch, which woke up late: it must not take them from the one there is.
        """
        if epoch < self._epoch:
            return
        self._epoch = epoch
        if anew:
            self._events.put_nowait(None)
            self._events = asyncio.Queue()
            for known in (self._progress, self._finished):
                if known is not None:
                    self._events.put_nowait(known)
        events = self._events
        while True:
            batch = [await events.get()]
            while not events.empty():
                batch.append(events.get_nowait())
            told = [event for event in batch if event is not None]
            if told:
                yield told
            if batch[-1] is None or batch[-1]["event"] == "finished":
                return

    async def cancel(self, epoch: int) -> Json:
        """End the attempt and every process of it; `{"error": …}` where the leader's epoch is over."""
        answer: Json = await self._agent_here().cancel.remote(self._spec["attempt_id"], max(epoch, 0))
        return answer

    async def read_output(self, path: str, start: int) -> bytes:
        """See `Executor.read_output`."""
        data: bytes = await self._agent_here().read_output.remote(self._spec["attempt_id"], path, start)
        return data

    async def may_go(self, epoch: int) -> bool:
        """Whether the leader of this epoch may throw it away: not where a newer one has adopted it."""
        return epoch >= self._epoch


def lost_event(attempt_id: str, *, code: str, detail: str) -> Json:
    """The end of an attempt that can't tell of it itself."""
    return event_to_json(
        Finished(attempt_id, Outcome.LOST, error_kind=Kind.UNAVAILABLE, error_code=code, error_detail=detail)
    )


def _lost_error(detail: str) -> Mapping[str, str]:
    return {"kind": Kind.UNAVAILABLE, "code": "agent_lost", "detail": detail}
