"""Why a task isn't placed, in words that are shown to users."""

from collections.abc import Iterator, Sequence

from vidcompute.dispatch.room import demand
from vidcompute.ports.executor import Needs, NodeInfo

NO_NODE = "Waits for a node: there is none."
BEHIND = "Waits behind an older task for which the room is kept."
_GIGABYTE = 10**9


def busy(needs: Needs) -> str:
    """Nodes have it, but not now."""
    return f"Waits for room: it needs {_amount(needs)}, and the nodes are busy."


def lacking(needs: Needs, nodes: Sequence[NodeInfo]) -> str:
    """No node has it, however long one waits."""
    if not nodes:
        return NO_NODE
    return f"Waits for {', and '.join(_lacking(needs, nodes)) or f'a node with {_amount(needs)}'}."


def _lacking(needs: Needs, nodes: Sequence[NodeInfo]) -> Iterator[str]:
    memory = max(node.memory_bytes for node in nodes)
    if needs.memory_bytes > memory:
        yield f"{_gigabytes(needs.memory_bytes)} memory; the largest node has {_gigabytes(memory)}"
    most = max(len(node.gpus) for node in nodes)
    count = demand(needs, background=True).gpu_count
    if count > most:
        wanted = "a GPU" if count == 1 else f"{count} GPUs"
        yield f"{wanted}; {f'the largest node has {most}' if most else 'no node has one'}"
    gpu_memory = max(node.gpu_memory_bytes for node in nodes)
    if most and needs.gpu_memory_bytes > gpu_memory:
        yield f"{_gigabytes(needs.gpu_memory_bytes)} GPU memory; the largest node has {_gigabytes(gpu_memory)}"
    for ability in needs.abilities:
        if not any(ability in node.encoders or ability in node.decoders for node in nodes):
            yield f"{ability}; no node has it"


def _amount(needs: Needs) -> str:
    parts = [f"{needs.cpu:g} CPU", f"{_gigabytes(needs.memory_bytes)} memory"]
    if needs.gpus:
        parts.append(f"{needs.gpus:g} GPU")
    if needs.gpu_memory_bytes:
        parts.append(f"{_gigabytes(needs.gpu_memory_bytes)} GPU memory")
    return ", ".join((*parts, *needs.abilities))


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / _GIGABYTE:.3g} GB"
