"""Which ready task goes to which node: pure functions over what is ready, what there is, and what runs.

Who goes is decided by the order: a priority is served as if those behind it were not there; within one priority the
first in order has the first choice, and as many of those behind it as there is room for in all go with it. Where
these go is decided by their size: the largest first, each to the first node with room, one that holds its inputs before
others. So nothing of the order is lost where there is one node, and little room where there are many.

The first that finds no room has it reserved on one node: later tasks get there only what it will not need, so that
it starts as soon as what ran before it ends.

Foreground tasks (fetch, probe: short, and somebody waits) have the CPU to themselves: background ones yield to them
by their scheduling class, so their cores aren't counted against each other. Memory is shared by all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from vidcompute.dispatch import reasons
from vidcompute.dispatch.room import Demand, Inventory, Most, Room, demand, fit
from vidcompute.ports.executor import Needs, NodeInfo


@dataclass(frozen=True)
class Waiting:
    """A task that could start now; `since_ms` is when it became ready. `inputs` are content keys."""

    task_id: str
    needs: Needs
    background: bool
    since_ms: int
    priority: int = 0
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Busy:
    """What an attempt holds of a node, and since when. Where its GPUs are not known, they are guessed."""

    node: str
    needs: Needs
    background: bool
    since_ms: int
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Where tasks go (in the order of starting), by task; and why each other one waits, in plain words.

    `gpus` has the numbers of the GPUs for tasks that get any. `spare` says whether some node has room left for one
    more that asks for as little as any of these: then it is worth it to look for tasks behind them.
    """

    nodes: Mapping[str, str]
    reasons: Mapping[str, str]
    gpus: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    spare: bool = True


def place(ready: Sequence[Waiting], nodes: Sequence[NodeInfo], running: Sequence[Busy]) -> Decision:
    """Assign tasks, given in order, to nodes. Never more than a node has.

    Tasks of one priority that follow each other are packed together; those behind them get what they leave.
    Every task that gets no place gets a reason. One that wants more cores than the largest node has gets all of
    that node's: cores can be shared in time.
    """
    sorting = _Round(nodes, running)
    for _, group in groupby(ready, key=lambda task: task.priority):
        sorting.serve(list(group))
    chosen = {task.task_id: sorting.chosen[task.task_id] for task in ready if task.task_id in sorting.chosen}
    return Decision(
        {task_id: nodes[index].name for task_id, (index, _) in chosen.items()},
        sorting.reasons,
        {task_id: gpus for task_id, (_, gpus) in chosen.items() if gpus},
        sorting.has_spare(),
    )


@dataclass(slots=True)
class _Shape:
    """What tasks of the same needs have in common. `able` are nodes by number, in order of preference.

    `full` says that there is no room for it any more: in one round, room only shrinks.
    """

    demand: Demand
    able: list[int]
    size: float
    reason: str
    full: bool = False


_Shaped = tuple[Waiting, _Shape]
_Spot = tuple[int, tuple[int, ...]]  # a node by number, and which of its GPUs


class _Round:
    """One round of placing: what is free of each node, what is kept, and what has been decided."""

    def __init__(self, nodes: Sequence[NodeInfo], running: Sequence[Busy]) -> None:
        self._nodes = nodes
        self._running = running
        self._rooms = [_room_of(node, [b for b in running if b.node == node.name]) for node in nodes]
        self._inventory = Inventory(nodes)
        self._most: Most | None = None  # as of the last time that somebody found no room
        self._shapes: dict[tuple[Needs, bool], _Shape] = {}
        self._holders = _holders(nodes)
        self._kept: tuple[int, Room] | None = None
        self.chosen: dict[str, _Spot] = {}
        self.reasons: dict[str, str] = {}

    def serve(self, group: list[Waiting]) -> None:
        """Place tasks of one priority, given in order."""
        first, *left = [(task, self._shape(task)) for task in group]
        self._serve_one(first)
        for _ in range(2):  # the first that finds no room divides them: for those behind it, room is kept
            if left:
                admitted, left = self._admit(left)
                self._pack(admitted)
            if left:
                self._serve_one(left.pop(0))
        for pair in left:
            self._serve_one(pair)

    def has_spare(self) -> bool:
        """Whether a node has room for one more in the background that wants as little as any of these."""
        wanted = [shape.demand for shape in self._shapes.values()]
        cores = min((one.cores for one in wanted), default=0.0)
        least = Demand(True, cores, min((one.memory_bytes for one in wanted), default=0), 0, 0.0, 0)
        return any(room.has(least) for room in self._rooms)

    def _pack(self, admitted: list[_Shaped]) -> None:
        for pair in sorted(admitted, key=lambda pair: -pair[1].size):
            self._place(pair)
        for pair in admitted:
            if pair[0].task_id not in self.chosen:
                self._serve_one(pair)

    def _serve_one(self, pair: _Shaped) -> None:
        """Place a task, or tell it why not; the first that finds no room gets some reserved."""
        task, shape = pair
        if self._place(pair):
            return
        self.reasons[task.task_id] = shape.reason
        if self._kept is None and shape.able:
            self._kept = shape.able[0], self._without(task, shape)

    def _admit(self, left: list[_Shaped]) -> tuple[list[_Shaped], list[_Shaped]]:
        """As many in order as there is room for in all nodes together; and the rest, from the first without room on."""
        total = _Total(self._rooms)
        admitted: list[_Shaped] = []
        known: set[int] = set()  # shapes that find room: until they are placed, it stays
        for number, (task, shape) in enumerate(left):
            if id(shape) not in known and (shape.full or self._spot(shape, shape.able) is None):
                if self._kept is None and shape.able:
                    return admitted, left[number:]
                self._serve_one((task, shape))
            elif total.take(shape.demand):
                known.add(id(shape))
                admitted.append((task, shape))
            else:
                return admitted, left[number:]
        return admitted, []

    def _place(self, pair: _Shaped) -> bool:
        task, shape = pair
        if shape.full:
            return False
        surely_none = self._most is not None and self._most.refuses(shape.demand)
        spot = None if surely_none else self._spot(shape, self._preferred(task, shape))
        if spot is None:
            shape.full = True
            behind = not surely_none and any(fit(shape.demand, self._rooms[i]) is not None for i in shape.able)
            shape.reason = reasons.BEHIND if behind else reasons.busy(task.needs)
            if not surely_none:
                self._most = Most(self._rooms)
            return False
        index, gpus = spot
        self._rooms[index].take(shape.demand, gpus)
        if self._kept is not None and self._kept[0] == index:
            self._kept[1].take(shape.demand, gpus)
        self.chosen[task.task_id] = spot
        return True

    def _spot(self, shape: _Shape, order: Iterable[int]) -> _Spot | None:
        """The first of these nodes with room, and which of its GPUs."""
        for index in order:
            kept = self._kept[1] if self._kept is not None and self._kept[0] == index else None
            gpus = fit(shape.demand, self._rooms[index], kept)
            if gpus is not None:
                return index, gpus
        return None

    def _preferred(self, task: Waiting, shape: _Shape) -> list[int]:
        """The nodes that could have it: who holds most of its inputs first."""
        if not self._holders:
            return shape.able
        held: dict[int, int] = {}
        for key in task.inputs:
            for index in self._holders.get(key, ()):
                held[index] = held.get(index, 0) + 1
        return sorted(shape.able, key=lambda index: -held.get(index, 0)) if held else shape.able

    def _shape(self, task: Waiting) -> _Shape:
        key = (task.needs, task.background)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = self._new_shape(task.needs, background=task.background)
        return shape

    def _new_shape(self, needs: Needs, *, background: bool) -> _Shape:
        wanted = demand(needs, background=background)
        able, most_cores = self._inventory.able(wanted, needs.abilities)
        if not able:
            return _Shape(wanted, able, 0.0, reasons.lacking(needs, self._nodes), full=True)
        if wanted.cores > most_cores:
            wanted = replace(wanted, cores=most_cores)
        return _Shape(wanted, able, self._inventory.share(wanted), "")

    def _without(self, task: Waiting, shape: _Shape) -> Room:
        """What is left of a task's node when all that ran before it has ended, and it is there itself."""
        node = self._nodes[shape.able[0]]
        room = _room_of(node, [b for b in self._running if b.node == node.name and b.since_ms >= task.since_ms])
        gpus = fit(shape.demand, room)
        room.take(shape.demand, room.roomiest_gpus(shape.demand.gpu_count) if gpus is None else gpus)
        return room


class _Total:
    """Room of all nodes together, as if they were one."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._back = sum(max(0.0, room.back) for room in rooms)
        self._front = sum(max(0.0, room.front) for room in rooms)
        self._memory_bytes = sum(max(0, room.memory_bytes) for room in rooms)
        self._gpu_share = sum(max(0.0, share) for room in rooms for share in room.gpu_share)
        self._gpu_memory_bytes = sum(max(0, size) for room in rooms for size in room.gpu_memory_bytes)

    def take(self, wanted: Demand) -> bool:
        """Take it away if it is there."""
        back, front = (wanted.cores, 0.0) if wanted.background else (0.0, wanted.cores)
        share, gpu_memory_bytes = wanted.gpu_count * wanted.gpu_share, wanted.gpu_count * wanted.gpu_memory_bytes
        if back > self._back or front > self._front or wanted.memory_bytes > self._memory_bytes:
            return False
        if share > self._gpu_share or gpu_memory_bytes > self._gpu_memory_bytes:
            return False
        self._back -= back
        self._front -= front
        self._memory_bytes -= wanted.memory_bytes
        self._gpu_share -= share
        self._gpu_memory_bytes -= gpu_memory_bytes
        return True


def _room_of(node: NodeInfo, running: Iterable[Busy]) -> Room:
    """What these attempts leave of a node."""
    room = Room(node)
    for attempt in running:
        taken = demand(attempt.needs, background=attempt.background)
        taken = replace(taken, cores=min(taken.cores, node.cpu))
        known = tuple(number for number in attempt.gpus if number < len(node.gpus))
        room.take(taken, known or room.roomiest_gpus(taken.gpu_count))
    return room


def _holders(nodes: Sequence[NodeInfo]) -> dict[str, list[int]]:
    """Which nodes hold a content key."""
    found: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for key in node.holds:
            found.setdefault(key, []).append(index)
    return found
