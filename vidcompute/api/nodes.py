"""The machines that run attempts: what they have, and what runs there."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter

from vidcompute.api import platform_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.ports.executor import NodeInfo
from vidcompute.services import tasks
from vidcompute.services.tasks import Placed

router = APIRouter(prefix="/api/v1", tags=["platform"])


@router.get("/nodes", operation_id="list_nodes", summary="List the nodes", responses=problems(401))
async def list_nodes(caller: Caller, deps: Given) -> schemas.NodeList:
    """The machines that can run attempts now, with what runs there. Other organizations' attempts are only counted."""
    placed = await deps.db.read(tasks.placed)
    nodes = await deps.executor.nodes()
    return schemas.NodeList(
        items=[_node(node, [one for one in placed if one.node == node.name], caller.organization_id) for node in nodes]
    )


def _node(node: NodeInfo, placed: Sequence[Placed], organization_id: str) -> schemas.Node:
    return schemas.Node(
        name=node.name,
        cpu=node.cpu,
        cpu_used=sum(one.needs.cpu for one in placed),
        memory_bytes=node.memory_bytes,
        memory_used_bytes=sum(one.needs.memory_bytes for one in placed),
        gpu_memory_bytes=node.gpu_memory_bytes,
        gpus=[gpu.name for gpu in node.gpus],
        gpus_used=sum(one.needs.gpus for one in placed),
        encoders=list(node.encoders),
        decoders=list(node.decoders),
        simulated=node.simulated,
        cache_bytes=node.cache_bytes,
        cache_max_bytes=node.cache_max_bytes,
        running=len(placed),
        attempts=[_attempt(one) for one in placed if one.organization_id == organization_id],
    )


def _attempt(placed: Placed) -> schemas.NodeAttempt:
    since = datetime.fromtimestamp(placed.created_ms / 1000, UTC)
    return schemas.NodeAttempt(
        id=placed.id, job_id=placed.job_id or "", stage=placed.stage, label=placed.label, since=since
    )
