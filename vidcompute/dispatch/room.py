"""Room on a node: what is free of its cores, memory and GPUs, and which GPUs a task gets."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vidcompute.ports.executor import Needs, NodeInfo

_SLACK = 1e-9  # of sums of fractions


@dataclass(frozen=True, slots=True)
class Demand:
    """What one attempt takes of a node: `cores` of its class, and of each of `gpu_count` GPUs a share and memory."""

    background: bool
    cores: float
    memory_bytes: int
    gpu_count: int
    gpu_share: float
    gpu_memory_bytes: int


def demand(needs: Needs, *, background: bool) -> Demand:
    """What these needs take of a node."""
    count = max(-int(-needs.gpus // 1), 1 if needs.gpu_memory_bytes else 0)
    share = needs.gpus / count if count else 0.0
    return Demand(background, needs.cpu, needs.memory_bytes, count, share, needs.gpu_memory_bytes)


class Inventory:
    """What nodes have in all: which of them could run what, if they ran nothing else."""

    def __init__(self, nodes: Sequence[NodeInfo]) -> None:
        self._nodes = nodes
        # In their order, but those with a GPU last for who needs none.
        self._plain_first = sorted(range(len(nodes)), key=lambda index: bool(nodes[index].gpus))
        self._gpus = [sorted((gpu.memory_bytes for gpu in node.gpus), reverse=True) for node in nodes]
        self._abilities = [frozenset((*node.encoders, *node.decoders)) for node in nodes]
        self._memories = sorted({node.memory_bytes for node in nodes})
        self._cores = sorted({node.cpu for node in nodes})
        self._gpu_memories = sorted({size for sizes in self._gpus for size in sizes})
        self._known: dict[tuple[object, ...], tuple[list[int], float]] = {}
        self._most = (
            max(self._cores, default=0) or 1,
            max(self._memories, default=0) or 1,
            max(map(len, self._gpus), default=0) or 1,
            max(self._gpu_memories, default=0) or 1,
        )

    def able(self, wanted: Demand, abilities: tuple[str, ...]) -> tuple[list[int], float]:
        """The numbers of the nodes that have all of this, in order of preference, and how many cores it gets at most.

        Where none has so many cores, those are taken that have most, of all that have the rest.
        """
        key = (
            bisect_left(self._cores, wanted.cores),
            bisect_left(self._memories, wanted.memory_bytes),
            bisect_left(self._gpu_memories, wanted.gpu_memory_bytes),
            wanted.gpu_count,
            abilities,
        )
        found = self._known.get(key)
        if found is None:
            rest = [index for index in self._order(wanted, abilities) if self._holds(index, wanted, abilities)]
            most = max((self._nodes[index].cpu for index in rest), default=0.0)
            least = min(wanted.cores, most)
            found = self._known[key] = [index for index in rest if self._nodes[index].cpu >= least], most
        return found

    def _order(self, wanted: Demand, abilities: tuple[str, ...]) -> Iterable[int]:
        return range(len(self._nodes)) if wanted.gpu_count or abilities else self._plain_first

    def _holds(self, index: int, wanted: Demand, abilities: tuple[str, ...]) -> bool:
        gpus, count = self._gpus[index], wanted.gpu_count
        if wanted.memory_bytes > self._nodes[index].memory_bytes or count > len(gpus):
            return False
        if count and gpus[count - 1] < wanted.gpu_memory_bytes:
            return False
        return self._abilities[index].issuperset(abilities)

    def share(self, wanted: Demand) -> float:
        """How large it is: the largest of its shares of the largest node."""
        cores, memory_bytes, gpus, gpu_memory_bytes = self._most
        return max(
            wanted.cores / cores,
            wanted.memory_bytes / memory_bytes,
            wanted.gpu_count * wanted.gpu_share / gpus,
            wanted.gpu_memory_bytes / gpu_memory_bytes,
        )


class Room:
    """What is free on one node. Below zero where limits were lowered, or more was promised than there is."""

    __slots__ = ("back", "front", "gpu_memory_bytes", "gpu_share", "memory_bytes")

    def __init__(self, node: NodeInfo) -> None:
        self.back = self.front = node.cpu
        self.memory_bytes = node.memory_bytes
        self.gpu_share = [1.0] * len(node.gpus)
        self.gpu_memory_bytes = [gpu.memory_bytes for gpu in node.gpus]

    def has(self, wanted: Demand) -> bool:
        """Whether there are cores and memory. What isn't wanted is not asked for, however little there is of it."""
        cores = self.back if wanted.background else self.front
        if wanted.cores > cores + _SLACK and wanted.cores:
            return False
        return wanted.memory_bytes <= self.memory_bytes or not wanted.memory_bytes

    def has_gpu(self, number: int, wanted: Demand) -> bool:
        """Whether one of the GPUs has the share and the memory."""
        if wanted.gpu_share > self.gpu_share[number] + _SLACK and wanted.gpu_share:
            return False
        return wanted.gpu_memory_bytes <= self.gpu_memory_bytes[number] or not wanted.gpu_memory_bytes

    def take(self, wanted: Demand, gpus: tuple[int, ...]) -> None:
        """Take it away."""
        if wanted.background:
            self.back -= wanted.cores
        else:
            self.front -= wanted.cores
        self.memory_bytes -= wanted.memory_bytes
        for number in gpus:
            self.gpu_share[number] -= wanted.gpu_share
            self.gpu_memory_bytes[number] -= wanted.gpu_memory_bytes

    def roomiest_gpus(self, count: int) -> tuple[int, ...]:
        """The GPUs with most that is free, for what has to be counted somewhere."""
        order = sorted(range(len(self.gpu_share)), key=lambda n: (-self.gpu_share[n], -self.gpu_memory_bytes[n]))
        return tuple(sorted(order[:count]))


class Most:
    """The most of each that is free on any node: who wants more needs no look at the nodes one by one."""

    __slots__ = ("_back", "_front", "_gpu_memory_bytes", "_gpu_share", "_memory_bytes")

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._back = max((room.back for room in rooms), default=0.0) + _SLACK
        self._front = max((room.front for room in rooms), default=0.0) + _SLACK
        self._memory_bytes = max((room.memory_bytes for room in rooms), default=0)
        self._gpu_share = max((share for room in rooms for share in room.gpu_share), default=0.0) + _SLACK
        self._gpu_memory_bytes = max((size for room in rooms for size in room.gpu_memory_bytes), default=0)

    def refuses(self, wanted: Demand) -> bool:
        """Whether there is surely no room for it."""
        if wanted.cores > (self._back if wanted.background else self._front) and wanted.cores:
            return True
        if wanted.memory_bytes > self._memory_bytes and wanted.memory_bytes:
            return True
        if not wanted.gpu_count:
            return False
        share, memory_bytes = wanted.gpu_share, wanted.gpu_memory_bytes
        return bool((share > self._gpu_share and share) or (memory_bytes > self._gpu_memory_bytes and memory_bytes))


def fit(wanted: Demand, room: Room, kept: Room | None = None) -> tuple[int, ...] | None:
    """The GPUs that it gets (none where it wants none), or None where it doesn't fit.

    With `kept` it must fit there, too. Of several GPUs those are taken that have least to spare, so that whole ones
    are left for who wants a whole one.
    """
    if not room.has(wanted) or (kept is not None and not kept.has(wanted)):
        return None
    if not wanted.gpu_count:
        return ()
    rooms = (room,) if kept is None else (room, kept)
    open_ = [n for n in range(len(room.gpu_share)) if all(each.has_gpu(n, wanted) for each in rooms)]
    if len(open_) < wanted.gpu_count:
        return None
    open_.sort(key=lambda n: (room.gpu_share[n], room.gpu_memory_bytes[n]))
    return tuple(sorted(open_[: wanted.gpu_count]))
