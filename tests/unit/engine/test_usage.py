"""What attempts hold of nodes."""

from vidcompute.dispatch.placement import Busy
from vidcompute.dispatch.usage import usage
from vidcompute.ports.executor import Gpu, Needs, NodeInfo

NODES = (
    NodeInfo("big", 8.0, 1000, (Gpu("a", 100), Gpu("b", 300))),
    NodeInfo("small", 2.0, 500),
)


def test_each_node_is_charged_with_what_runs_there() -> None:
    running = [
        Busy("big", Needs(4.0, 100, gpu_memory_bytes=50, gpus=0.25), background=True, since_ms=0, gpus=(0,)),
        Busy("big", Needs(1.0, 200, gpu_memory_bytes=60, gpus=2.0), background=True, since_ms=0, gpus=(0, 1)),
        Busy("big", Needs(0.5, 0, gpu_memory_bytes=10), background=False, since_ms=0, gpus=(1,)),
        Busy("small", Needs(4.0, 50), background=True, since_ms=0),  # more cores than it has: all of them
        Busy("gone", Needs(1.0, 50), background=True, since_ms=0),
    ]
    big, small = usage(NODES, running)
    assert (big.attempts, big.cpu_background, big.cpu_foreground, big.memory_used_bytes) == (3, 5.0, 0.5, 300)
    assert (big.gpus, big.gpus_used, big.gpu_memory_bytes, big.gpu_memory_used_bytes) == (2, 2.25, 400, 180)
    assert (small.attempts, small.cpu_background, small.memory_used_bytes, small.gpus_used) == (1, 2.0, 50, 0)
