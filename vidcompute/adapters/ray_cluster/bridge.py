"""The one process beside a server that is a driver of Ray. JSON lines over a socket: questions and answers, events.

A question is `{"n", "op", …}`, its answer `{"n", …}` or `{"n", "error"}`; `{"event": …}` comes by itself: "ready",
"nodes" whenever they change, "attempt" with an attempt's event in `data`, "alive" every other second, or "refused" with
the reason, where there is no way to the cluster from this machine. It ends when the server does.
"""

import asyncio
import base64
import contextlib
import importlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from vidcompute.adapters.ray_cluster.agents import agent_of
from vidcompute.adapters.ray_cluster.attempt import AttemptActor, lost_event
from vidcompute.adapters.ray_cluster.node import machine
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.sandbox import die_with_parent
from vidcompute.ports.attempt_wire import error_to_json
from vidcompute.ports.executor import Needs

_LONGEST_LINE_BYTES = 64 * 2**20
_LOOK_S = 1.0
_PULSE_S = 2.0
_MEET_S = 15
_NO_NODE = "No node info found"  # what Ray says where a node of another cluster runs here
_HELLO_S = 30.0
_ANSWER_S = 5.0
_MISSES = 3  # Ray says whether a node lives; a busy one may not answer at once
_PREFIX = "attempt:"

Json = dict[str, Any]


@dataclass(frozen=True)
class BridgeConfig:
    """What the server tells its bridge. `namespace` is the installation's; `agent` goes to the nodes' agents.

    `urls` are where nodes reach the servers.
    `accept_s` is how long an attempt waits for room that others (another installation, say) have of its node.
    """

    address: str
    namespace: str
    agent: Json
    urls: Sequence[str] = ()
    accept_s: float = 120.0


@dataclass
class _Node:
    """A node that answers."""

    about: Json
    agent: Any
    misses: int = 0


class Bridge:
    """Serves one server until it goes."""

    def __init__(self, config: BridgeConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._config = config
        self._reader = reader
        self._writer = writer
        self._epoch = 0
        self._nodes: dict[str, _Node] = {}  # by Ray's id
        self._attempts: dict[str, Any] = {}
        self._beginning: dict[str, Any] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._operations: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "start": self._start,
            "cancel": self._cancel,
            "read": self._read,
            "hold": self._hold,
            "adopt": self._adopt,
            "follow": self._follow,
            "collected": self._collected,
        }

    async def serve(self) -> None:
        """Look at the nodes, say that it is ready, answer until the server goes."""
        await self._look()
        self._tell({"event": "ready"})
        self._spawn(self._watch())
        self._spawn(self._pulse())
        while line := await self._reader.readline():
            self._spawn(self._answer(json.loads(line)))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _tell(self, message: Mapping[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def _answer(self, question: Json) -> None:
        try:
            answer = await self._operations[question["op"]](question)
        except VidComputeError as error:
            answer = {"error": error_to_json(error)}
        except Exception as problem:  # whatever Ray raises
            detail = f"{type(problem).__name__}: {problem}"[:500]
            answer = {"error": error_to_json(VidComputeError(Kind.UNAVAILABLE, "cluster_failed", detail))}
        self._tell({"n": question["n"], **answer})

    # -- nodes --------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        missed = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self._look()
                missed = 0
            except Exception as problem:  # whatever Ray raises while its head is away: the next looks tell
                sys.stderr.write(f"bridge: the nodes can't be looked at: {problem!r}\n"[:500])
                missed += 1
            if missed > _MISSES and self._nodes:
                self._nodes = {}
                self._tell({"event": "nodes", "nodes": []})

    async def _pulse(self) -> None:
        while True:
            self._tell({"event": "alive"})
            await asyncio.sleep(_PULSE_S)

    async def _look(self) -> None:
        """Meet nodes that are new, forget those that have gone, and tell the server what changed."""
        import ray

        alive = {node["NodeID"] for node in await asyncio.to_thread(ray.nodes) if node["Alive"]}
        found = await asyncio.gather(*(self._meet(node_id) for node_id in alive))
        nodes = {node.about["id"]: node for node in found if node is not None}
        before = [node.about["node"] for node in self._nodes.values()]
        self._nodes = nodes
        now = [node.about["node"] for node in nodes.values()]
        if now != before:
            self._tell({"event": "nodes", "nodes": now})

    async def _meet(self, node_id: str) -> _Node | None:
        known = self._nodes.get(node_id)
        try:
            agent = known.agent if known else agent_of(node_id, self._config.namespace, self._config.agent)
            hello = agent.hello.remote(self._epoch, self._config.urls)
            about = await asyncio.wait_for(hello, _HELLO_S if known is None else _ANSWER_S)
        except Exception as problem:  # it has just gone, or is too busy to say that it is there: the next looks tell
            if known is None:
                sys.stderr.write(f"bridge: node {node_id[:8]} does not answer: {problem!r}\n"[:500])
                return None
            return replace(known, misses=known.misses + 1) if known.misses < _MISSES else None
        return _Node({**about, "id": node_id}, agent)

    def _id_of(self, name: str) -> str:
        return next((node_id for node_id, node in self._nodes.items() if node.about["node"]["name"] == name), "")

    # -- attempts -----------------------------------------------------------------------------------------------------

    async def _start(self, asked: Json) -> Json:
        attempt_id = asked["spec"]["attempt_id"]
        actor = self._actor(asked["spec"], int(asked["epoch"]))
        begun = asyncio.ensure_future(actor.run.remote())
        self._beginning[attempt_id] = actor
        await asyncio.wait({begun}, timeout=self._config.accept_s)
        del self._beginning[attempt_id]
        if not begun.done():
            begun.cancel()
            _kill(actor)
            detail = f"The cluster had no room for it within {self._config.accept_s:g} s: others have it."
            raise VidComputeError(Kind.UNAVAILABLE, "cluster_busy", detail)
        try:
            answer: Json = await begun
        except BaseException:
            _kill(actor)
            raise
        if "error" in answer:
            _kill(actor)
            return answer
        self._attempts[attempt_id] = actor
        self._spawn(self._pass_on(attempt_id, actor, int(asked["epoch"]), anew=False))
        return answer

    def _actor(self, spec: Json, epoch: int) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node_id = self._id_of(spec["node"]) or next(iter(self._nodes), "")
        if not node_id:
            raise VidComputeError(Kind.UNAVAILABLE, "cluster_failed", "The cluster has no node.")
        options = _resources(Needs(**spec["needs"]), self._nodes[node_id].about["node"], background=spec["background"])
        try:
            return (
                ray.remote(AttemptActor)
                .options(
                    name=f"{_PREFIX}{spec['attempt_id']}",
                    namespace=self._config.namespace,
                    lifetime="detached",
                    max_restarts=0,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=True),
                    **options,
                )
                .remote(spec, epoch, {"namespace": self._config.namespace, "config": self._config.agent})
            )
        except ValueError as error:  # the name is taken
            detail = f"Attempt {spec['attempt_id']} runs already."
            raise VidComputeError(Kind.CONFLICT, "attempt_exists", detail) from error

    async def _pass_on(self, attempt_id: str, actor: Any, epoch: int, *, anew: bool) -> None:
        """Tell the server an attempt's events, the end last, whatever becomes of the actor."""
        from ray.exceptions import ActorUnavailableError

        while True:
            try:
                async for reference in actor.follow.options(num_returns="streaming").remote(epoch, anew=anew):
                    for event in await reference:
                        self._tell({"event": "attempt", "data": event})
            except ActorUnavailableError:
                anew = True  # a bad moment of the line: it may still be there
                await asyncio.sleep(_LOOK_S)
            except Exception as problem:
                await self._throw_away(actor, epoch)  # where it is still there, it is not to go on unheard
                detail = f"Its node, or its process there, is gone ({type(problem).__name__})."
                self._tell({"event": "attempt", "data": lost_event(attempt_id, code="node_lost", detail=detail)})
                self._attempts.pop(attempt_id, None)
                return
            else:
                return

    async def _throw_away(self, actor: Any, epoch: int) -> None:
        """End an attempt's actor, and the attempt with it, unless a newer leader has adopted it."""
        with contextlib.suppress(Exception):  # it has gone before
            if await asyncio.wait_for(actor.may_go.remote(epoch), _ANSWER_S):
                _kill(actor)

    async def _find(self, attempt_id: str) -> Any:
        """An attempt's actor, be it one that an earlier bridge started; None where there is none."""
        import ray

        if attempt_id not in self._attempts:
            with contextlib.suppress(ValueError):
                name = f"{_PREFIX}{attempt_id}"
                self._attempts[attempt_id] = await asyncio.to_thread(ray.get_actor, name, self._config.namespace)
        return self._attempts.get(attempt_id)

    async def _cancel(self, asked: Json) -> Json:
        if asked["attempt_id"] in self._beginning:  # it may wait for room, and would hear of it only then
            _kill(self._beginning[asked["attempt_id"]])
            return {}
        actor = await self._find(asked["attempt_id"])
        if actor is None:
            return {}
        answer: Json = await actor.cancel.remote(int(asked["epoch"]))
        return answer

    async def _read(self, asked: Json) -> Json:
        actor = self._attempts.get(asked["attempt_id"])
        data = b"" if actor is None else await actor.read_output.remote(asked["path"], asked["start"])
        return {"data": base64.b64encode(data).decode()}

    async def _hold(self, asked: Json) -> Json:
        """Only on this machine: it is its cores that a first segment wants."""
        mine = [node.agent for node in self._nodes.values() if node.about["machine"] == machine()]
        await asyncio.gather(*(agent.hold.remote(held=asked["held"]) for agent in mine))
        return {}

    async def _adopt(self, asked: Json) -> Json:
        """Make the epoch known to every node, then say which attempts live, or have an end to tell."""
        import ray

        epoch = int(asked["epoch"])
        self._epoch = max(self._epoch, epoch)
        await self._look()
        newest = max((node.about["epoch"] for node in self._nodes.values()), default=0)
        if newest > epoch:
            detail = f"Epoch {epoch} is over: the cluster has heard of epoch {newest}."
            raise VidComputeError(Kind.CONFLICT, "epoch_over", detail)
        named = await asyncio.to_thread(ray.util.list_named_actors, all_namespaces=True)
        names = [item["name"] for item in named if item["namespace"] == self._config.namespace]
        found = await asyncio.gather(*(self._about(name, epoch) for name in names if name.startswith(_PREFIX)))
        return {"attempts": [about for about in found if about is not None]}

    async def _about(self, name: str, epoch: int) -> Json | None:
        import ray

        try:
            actor = await asyncio.to_thread(ray.get_actor, name, self._config.namespace)
        except ValueError:  # it has just gone
            return None
        about: Json = {"since_ms": 0}
        with contextlib.suppress(Exception):  # it has gone, or waits for room: nothing of it is worth keeping
            about = await asyncio.wait_for(actor.about.remote(epoch), _ANSWER_S)
        if about.pop("newer", False):
            return None
        if not about["since_ms"]:
            _kill(actor)
            return None
        self._attempts[about["spec"]["attempt_id"]] = actor
        return about

    async def _follow(self, asked: Json) -> Json:
        """Tell of an attempt that `adopt` found."""
        attempt_id = asked["attempt_id"]
        actor = await self._find(attempt_id)
        if actor is None:
            lost = lost_event(attempt_id, code="node_lost", detail="Nothing of it is left in the cluster.")
            self._tell({"event": "attempt", "data": lost})
        else:
            self._spawn(self._pass_on(attempt_id, actor, int(asked["epoch"]), anew=True))
        return {}

    async def _collected(self, asked: Json) -> Json:
        actor = await self._find(asked["attempt_id"])  # by its name, where another bridge started it
        self._attempts.pop(asked["attempt_id"], None)
        if actor is not None:
            await self._throw_away(actor, int(asked["epoch"]))
        return {}


def _kill(actor: Any) -> None:
    import ray

    with contextlib.suppress(Exception):  # it has gone before
        ray.kill(actor, no_restart=True)


def _resources(needs: Needs, node: Mapping[str, Any], *, background: bool) -> Json:
    """What Ray is to set aside. Foreground attempts take no cores from background ones (see `dispatch.placement`)."""
    options: Json = {"num_cpus": min(needs.cpu, float(node["cpu"])) if background else 0, "memory": needs.memory_bytes}
    gpus = node.get("gpus") or []
    if needs.gpus and gpus:
        options["num_gpus"] = min(needs.gpus, len(gpus))
    return options


async def _serve(config: BridgeConfig, connection: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_LONGEST_LINE_BYTES)
    await Bridge(config, reader, writer).serve()


def run_bridge(config_json: str, control_fd: int) -> int:
    """Connect to the cluster and serve the server behind `control_fd`. Returns the exit status."""
    die_with_parent()
    os.environ.setdefault("RAY_gcs_server_request_timeout_seconds", str(_MEET_S))  # how long it looks for a node here
    import ray

    config = BridgeConfig(**json.loads(config_json))
    connection = socket.socket(fileno=control_fd)
    if not _has_node():
        return refuse(connection, config.address)
    try:
        ray.init(
            address=config.address,
            namespace=config.namespace,
            log_to_driver=False,
            logging_level=logging.WARNING,
            configure_logging=False,
        )
    except RuntimeError as error:
        if _NO_NODE not in str(error):
            raise
        return refuse(connection, config.address)
    asyncio.run(_serve(config, connection))
    return os.EX_OK


def _has_node() -> bool:
    """Whether a node of some cluster runs on this machine, or begins soon: a driver of Ray needs one."""
    services: Any = importlib.import_module("ray._private.services")
    deadline_s = time.monotonic() + _MEET_S
    while not services.find_node_ids():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(_LOOK_S)
    return True


def refuse(connection: socket.socket, address: str) -> int:
    """Tell the server why there is no way to the cluster from here. Returns the exit status."""
    detail = (
        f"This machine is no node of the cluster at {address}, which it must be to reach it. Make it one that runs no "
        f"attempts, and start the server again: vidctl cluster join {address} --cpus 0"
    )
    error = VidComputeError(Kind.UNAVAILABLE, "cluster_node_missing", detail)
    connection.sendall(json.dumps({"event": "refused", "error": error_to_json(error)}).encode() + b"\n")
    return os.EX_UNAVAILABLE


def as_argument(config: BridgeConfig) -> str:
    """The configuration as `run_bridge` takes it."""
    return json.dumps(asdict(config))
