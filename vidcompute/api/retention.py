"""How long the organization keeps what it has, and its clean-up: what it would take, and the doing of it."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from vidcompute.api import idempotency
from vidcompute.api import retention_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import Cursor, Limit, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.views import when
from vidcompute.db.outbox import now_ms
from vidcompute.services import retention
from vidcompute.services.retention import Position, Work

router = APIRouter(prefix="/api/v1", tags=["retention"])

_PART_S = 5.0  # of a clean-up in one request

Supposed = Annotated[
    schemas.Kept | Literal["ever"] | None,
    Query(description="As if this were set; left out, as it is. `ever`: for ever."),
]


async def _supposed(
    sources_s: Supposed = None, outputs_s: Supposed = None, frames_s: Supposed = None, logs_s: Supposed = None
) -> dict[str, int | None]:
    asked = {"sources_s": sources_s, "outputs_s": outputs_s, "frames_s": frames_s, "logs_s": logs_s}
    return {name: kept if isinstance(kept, int) else None for name, kept in asked.items() if kept is not None}


@router.get(
    "/organization/retention",
    operation_id="get_retention",
    summary="How long are things kept?",
    responses=problems(401, 404),
)
async def get_retention(caller: Caller, deps: Given) -> schemas.Retention:
    """How long the organization keeps sources, outputs, frames and logs."""
    kept = await deps.db.read(retention.retention, caller.organization_id)
    return schemas.Retention(**asdict(kept))


@router.patch(
    "/organization/retention",
    operation_id="update_retention",
    summary="Change how long things are kept",
    responses=problems(400, 401, 404, 413, 422),
)
async def update_retention(wish: Json[schemas.RetentionChanges], caller: Caller, deps: Given) -> schemas.Retention:
    """Change how long the organization keeps what it has. It counts for what is there already as well."""
    changes = wish.model_dump(exclude_unset=True)
    kept = await deps.db.write(retention.change_retention, caller.organization_id, changes)
    return schemas.Retention(**asdict(kept))


@router.get(
    "/cleanup",
    operation_id="preview_cleanup",
    summary="What would a clean-up take?",
    responses=problems(400, 401, 422),
)
async def preview_cleanup(
    caller: Caller,
    deps: Given,
    supposed: Annotated[dict[str, int | None], Depends(_supposed)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> schemas.CleanupPreview:
    """Exactly what a clean-up of the organization would take now, and how much room that makes. Nothing is changed.

    It tells as well what would go if things were kept for another time: ask before you set it.
    """
    since = Position.parse(cursor) if cursor is not None else Position(now_ms())
    found, then = await retention.look(_work(caller.organization_id, deps), since, limit, supposed)
    items = [schemas.Takable.model_validate({**asdict(item), "what": item.what.value}) for item in found]
    return schemas.CleanupPreview(at=when(since.at_ms), items=items, next_cursor=None if then is None else str(then))


@router.post("/cleanup", operation_id="run_cleanup", summary="Clean up", responses=problems(401, 503))
async def run_cleanup(request: Request, caller: Caller, deps: Given) -> schemas.CleanupPart:
    """Take what is not kept any longer, for some seconds; where there is `more`, ask again."""
    await idempotency.recall(request)
    total, more = await retention.clean_by_hand(_work(caller.organization_id, deps), _PART_S)
    return schemas.CleanupPart(**asdict(total), more=more)


def _work(organization_id: str, deps: Deps) -> Work:
    return Work(deps.db, deps.storage, organization_id, deps.limits.undo_s * 1000)
