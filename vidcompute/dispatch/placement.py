"""Which ready task goes to which node: pure functions over what is ready, what there is, and what runs.

Tasks are taken in order; each goes to the first node with room. The first one that finds none has its room reserved
on one node: later tasks get there only what it will not need, so that it starts as soon as what ran before it ends.

Foreground tasks (fetch, probe: short, and somebody waits) have the CPU to themselves: background ones yield to them
by their scheduling class, so their cores aren't counted against each other. Memory is shared by all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidcompute.ports.executor import Needs, NodeInfo
from vidcompute.services.tasks import ReadyTask

GIGABYTE = 10**9
_SLACK = 1e-9  # of sums of fractions of cores

Vector = tuple[float, float, float, float]  # background cores, foreground cores, memory and GPU memory in bytes


@dataclass(frozen=True)
class Waiting:
    """A task that could start now; `since_ms` is when it became ready."""

    task_id: str
    needs: Needs
    background: bool
    since_ms: int


@dataclass(frozen=True)
class Busy:
    """What an attempt holds of a node, and since when."""

    node: str
    needs: Needs
    background: bool
    since_ms: int


@dataclass(frozen=True)
class Decision:
    """Where tasks go (in the order of starting), by task; and why each other one waits, in plain words."""

    nodes: Mapping[str, str]
    reasons: Mapping[str, str]


def in_order(ready: Sequence[ReadyTask], at_ms: int, ageing_s: float) -> list[Waiting]:
    """Ready tasks by priority, which grows by one with each `ageing_s` of waiting; then by age, then as planned."""

    def urgency(task: ReadyTask) -> tuple[float, int, int, str]:
        aged = max(0, at_ms - task.ready_ms) // max(1, round(ageing_s * 1000))
        return -(task.priority + aged), task.created_ms, task.position, task.id

    return [Waiting(t.id, t.needs, t.background, t.ready_ms) for t in sorted(ready, key=urgency)]


def place(ready: Sequence[Waiting], nodes: Sequence[NodeInfo], running: Sequence[Busy]) -> Decision:
    """Assign tasks, given in order, to nodes. Never more than a node has; every unassigned task gets a reason.

    A task that wants more cores than the largest node has gets all of that node's: cores can be shared in time.
    """
    capacity = {node.name: _capacity(node) for node in nodes}
    used = {name: _sum([_vector(b, nodes) for b in running if b.node == name]) for name in capacity}
    chosen: dict[str, str] = {}
    reasons: dict[str, str] = {}
    reserved: _Reservation | None = None
    for task in ready:
        wanted = _vector(task, nodes)
        able = [name for name in _preference(task.needs, nodes) if _fits(wanted, capacity[name])]
        free = [name for name in able if _fits(_add(used[name], wanted), capacity[name])]
        open_ = [name for name in free if reserved is None or reserved.leaves_room(name, wanted)]
        if open_:
            chosen[task.task_id] = open_[0]
            used[open_[0]] = _add(used[open_[0]], wanted)
            if reserved is not None:
                reserved.take(open_[0], wanted)
            continue
        reasons[task.task_id] = _reason(task.needs, nodes, able=bool(able), free=bool(free))
        if reserved is None and able:
            later = [b for b in running if b.node == able[0] and b.since_ms >= task.since_ms]
            taken = _sum([_vector(b, nodes) for b in later])
            reserved = _Reservation(able[0], capacity[able[0]], _add(wanted, taken))
    return Decision(chosen, reasons)


@dataclass
class _Reservation:
    """Room on a node for a task that does not fit yet, and what others took of the rest since it is ready."""

    node: str
    capacity: Vector
    held: Vector

    def leaves_room(self, node: str, wanted: Vector) -> bool:
        # Only what is wanted counts: where a late high task took background cores, foreground ones are still free.
        needed = zip(self.held, wanted, self.capacity, strict=True)
        return node != self.node or all(h + w <= c + _SLACK for h, w, c in needed if w)

    def take(self, node: str, wanted: Vector) -> None:
        if node == self.node:
            self.held = _add(self.held, wanted)


def _capacity(node: NodeInfo) -> Vector:
    return node.cpu, node.cpu, float(node.memory_bytes), float(node.gpu_memory_bytes)


def _vector(held: Waiting | Busy, nodes: Sequence[NodeInfo]) -> Vector:
    needs = held.needs
    cpu = min(needs.cpu, max((node.cpu for node in nodes), default=needs.cpu))
    memory, gpu = float(needs.memory_bytes), float(needs.gpu_memory_bytes)
    return (cpu, 0.0, memory, gpu) if held.background else (0.0, cpu, memory, gpu)


def _add(one: Vector, other: Vector) -> Vector:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _sum(vectors: Sequence[Vector]) -> Vector:
    total: Vector = (0.0, 0.0, 0.0, 0.0)
    for vector in vectors:
        total = _add(total, vector)
    return total


def _fits(wanted: Vector, room: Vector) -> bool:
    return all(w <= r + _SLACK for w, r in zip(wanted, room, strict=True))


def _preference(needs: Needs, nodes: Sequence[NodeInfo]) -> list[str]:
    """Nodes in their order, but those with a GPU last for who needs none."""
    if needs.gpu_memory_bytes:
        return [node.name for node in nodes]
    return [node.name for node in sorted(nodes, key=lambda node: node.gpu_memory_bytes > 0)]


def _reason(needs: Needs, nodes: Sequence[NodeInfo], *, able: bool, free: bool) -> str:
    if not nodes:
        return "Waits for a node: there is none."
    if free:
        return "Waits behind an older task for which the room is kept."
    if able:
        return f"Waits for room: it needs {_amount(needs)}, and the nodes are busy."
    lacking = []
    memory = max(node.memory_bytes for node in nodes)
    if needs.memory_bytes > memory:
        lacking.append(f"{_gigabytes(needs.memory_bytes)} memory; the largest node has {_gigabytes(memory)}")
    gpu = max(node.gpu_memory_bytes for node in nodes)
    if needs.gpu_memory_bytes > gpu:
        lacking.append(f"{_gigabytes(needs.gpu_memory_bytes)} GPU memory; the largest node has {_gigabytes(gpu)}")
    return f"Waits for {', and '.join(lacking) or f'a node with {_amount(needs)}'}."


def _amount(needs: Needs) -> str:
    parts = [f"{needs.cpu:g} CPU", f"{_gigabytes(needs.memory_bytes)} memory"]
    if needs.gpu_memory_bytes:
        parts.append(f"{_gigabytes(needs.gpu_memory_bytes)} GPU memory")
    return ", ".join(parts)


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / GIGABYTE:.3g} GB"
