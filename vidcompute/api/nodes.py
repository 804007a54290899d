"""The machines that run attempts: what they have, and what runs there."""

from datetime import UTC, datetime

from fastapi import APIRouter

from vidcompute.api import platform_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.services import tasks
from vidcompute.services.tasks import Placed

router = APIRouter(prefix="/api/v1", tags=["platform"])


@router.get("/nodes", operation_id="list_nodes", summary="List the nodes", responses=problems(401))
async def list_nodes(caller: Caller, deps: Given) -> schemas.NodeList:
    """The machines that can run attempts now, with what runs there. Other organizations' attempts are only counted."""
    placed = await deps.db.read(tasks.placed)
    return schemas.NodeList(
        items=[
            schemas.Node(
                name=node.name,
                cpu=node.cpu,
                memory_bytes=node.memory_bytes,
                gpu_memory_bytes=node.gpu_memory_bytes,
                gpus=[gpu.name for gpu in node.gpus],
                encoders=list(node.encoders),
                decoders=list(node.decoders),
                simulated=node.simulated,
                cache_bytes=node.cache_bytes,
                cache_max_bytes=node.cache_max_bytes,
                running=sum(attempt.node == node.name for attempt in placed),
                attempts=[
                    _attempt(attempt)
                    for attempt in placed
                    if attempt.node == node.name and attempt.organization_id == caller.organization_id
                ],
            )
            for node in await deps.executor.nodes()
        ]
    )


def _attempt(placed: Placed) -> schemas.NodeAttempt:
    since = datetime.fromtimestamp(placed.created_ms / 1000, UTC)
    return schemas.NodeAttempt(
        id=placed.id, job_id=placed.job_id or "", stage=placed.stage, label=placed.label, since=since
    )
