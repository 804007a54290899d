"""What attempts hold of the nodes, as the dispatcher counts it."""

from collections.abc import Iterable, Sequence

from vidcompute.dispatch.placement import Busy
from vidcompute.dispatch.room import demand
from vidcompute.ports.executor import NodeInfo
from vidcompute.services.gauges import NodeUse


def usage(nodes: Iterable[NodeInfo], running: Sequence[Busy]) -> tuple[NodeUse, ...]:
    """The use of each node. An attempt that wants more cores than its node has holds all of them."""
    return tuple(_use(node, [busy for busy in running if busy.node == node.name]) for node in nodes)


def _use(node: NodeInfo, here: Sequence[Busy]) -> NodeUse:
    held = [demand(busy.needs, background=busy.background) for busy in here]

    def cores(*, background: bool) -> float:
        return sum((min(h.cores, node.cpu) for h in held if h.background is background), start=0.0)

    return NodeUse(
        name=node.name,
        attempts=len(here),
        cpu=node.cpu,
        cpu_background=cores(background=True),
        cpu_foreground=cores(background=False),
        memory_bytes=node.memory_bytes,
        memory_used_bytes=sum(h.memory_bytes for h in held),
        gpus=len(node.gpus),
        gpus_used=sum((h.gpu_count * h.gpu_share for h in held), start=0.0),
        gpu_memory_bytes=sum(gpu.memory_bytes for gpu in node.gpus),
        gpu_memory_used_bytes=sum(h.gpu_count * h.gpu_memory_bytes for h in held),
    )
