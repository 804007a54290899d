"""Finds the agent of a node, and starts it where there is none."""

from collections.abc import Mapping
from typing import Any

PREFIX = "node:"


def agent_of(node_id: str, namespace: str, config: Mapping[str, Any]) -> Any:
    """The actor on this node that runs attempts for the servers of this namespace; it lives as long as the node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from vidcompute.adapters.ray_cluster.node import NodeAgent

    here = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return (
        ray.remote(NodeAgent)
        .options(
            name=f"{PREFIX}{node_id}",
            namespace=namespace,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            scheduling_strategy=here,
        )
        .remote(node_id, dict(config))
    )
