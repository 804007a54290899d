"""Assets: list, read, change, delete, and what each has."""

from typing import Annotated, cast

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from vidcompute.api import asset_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import AssetId, Cursor, Limit, problems
from vidcompute.api.deps import Given
from vidcompute.api.times import milliseconds
from vidcompute.api.views import asset_outputs, asset_view
from vidcompute.db.outbox import now_ms
from vidcompute.services import assets, passwords, retention
from vidcompute.services.assets import AssetFilter, AssetOrder, Changes
from vidcompute.services.retention import Work
from vidcompute.services.states import AssetStatus

router = APIRouter(prefix="/api/v1", tags=["assets"])


@router.get("/assets", operation_id="list_assets", summary="List assets", responses=problems(400, 401, 422))
async def list_assets(
    caller: Caller,
    deps: Given,
    limit: Limit = 20,
    cursor: Cursor = None,
    *,
    status: Annotated[
        list[AssetStatus] | None, Query(max_length=4, description="Only assets in this state; may be repeated.")
    ] = None,
    q: Annotated[str, Query(max_length=200, description="Only those with this in the title, or with this id.")] = "",
    sort: Annotated[AssetOrder, Query(description="In which order.")] = AssetOrder.NEWEST,
    deleted: Annotated[bool, Query(description="Those instead that were deleted, and can be restored.")] = False,
) -> schemas.AssetPage:
    """Assets, newest first or as `sort` says."""
    mine = caller.organization_id
    if deleted:
        page = await deps.db.read(assets.list_deleted, mine, now_ms(), limit=limit, cursor=cursor)
    else:
        only = AssetFilter([one.value for one in status or ()], q.strip())
        page = await deps.db.read(assets.list_assets, mine, only, limit=limit, cursor=cursor, order=sort)
    items = [asset_view(asset, deps.base_url) for asset in page.items]
    return schemas.AssetPage(items=items, next_cursor=page.next_cursor)


@router.get("/assets/{asset_id}", operation_id="get_asset", summary="Read an asset", responses=problems(401, 404))
async def get_asset(asset_id: AssetId, caller: Caller, deps: Given) -> schemas.Asset:
    """The asset with what was found out about its source, and where it can be watched."""
    return asset_view(await deps.db.read(assets.get, caller.organization_id, asset_id), deps.base_url)


@router.patch(
    "/assets/{asset_id}",
    operation_id="update_asset",
    summary="Change an asset",
    responses=problems(400, 401, 404, 413, 422),
)
async def update_asset(
    wanted: Json[schemas.AssetChanges], asset_id: AssetId, caller: Caller, deps: Given
) -> schemas.Asset:
    """Change title, passthrough text, metadata, poster, who may watch or when it ends; what is left out stays."""
    changes = wanted.model_dump(exclude_unset=True)
    if "password" in changes:
        changes["password_digest"] = await passwords.hashed(changes.pop("password"))
    if "expires_at" in changes:
        changes["expires_ms"] = milliseconds(changes.pop("expires_at"))
    changed = await deps.db.write(assets.change, caller.organization_id, asset_id, cast(Changes, changes))
    return asset_view(changed, deps.base_url)


@router.delete(
    "/assets/{asset_id}",
    operation_id="delete_asset",
    summary="Delete an asset",
    status_code=204,
    responses=problems(401, 404, own={204: {"description": "It is deleted: for good, or to be restored for a while."}}),
)
async def delete_asset(
    asset_id: AssetId,
    caller: Caller,
    deps: Given,
    *,
    permanent: Annotated[
        bool, Query(description="At once and for good, to make room; also what was deleted before and can be restored.")
    ] = False,
) -> None:
    """Delete an asset: it does not play and its jobs are cancelled. Restore it, or it goes for good after a while.

    Of what goes for good, what another asset refers to stays; where a job at work reads its source, it goes with the
    next clean-up.
    """
    mine, undo_ms = caller.organization_id, deps.limits.undo_s * 1000
    if permanent:
        await retention.delete_for_good(Work(deps.db, deps.storage, mine, undo_ms), asset_id)
    else:
        await deps.db.write(retention.delete_asset, mine, asset_id, undo_ms)


@router.post(
    "/assets/{asset_id}/restore",
    operation_id="restore_asset",
    summary="Restore an asset",
    responses=problems(401, 404),
)
async def restore_asset(asset_id: AssetId, caller: Caller, deps: Given) -> schemas.Asset:
    """Take a deletion back. Jobs that it cancelled can be tried again."""
    restored = await deps.db.write(retention.restore, caller.organization_id, asset_id, deps.limits.undo_s * 1000)
    return asset_view(restored, deps.base_url)


@router.get(
    "/assets/{asset_id}/outputs", operation_id="list_outputs", summary="List outputs", responses=problems(401, 404)
)
async def list_outputs(asset_id: AssetId, caller: Caller, deps: Given) -> schemas.OutputList:
    """What the asset has: streams, files and images, with sizes and addresses."""

    def read(conn: Connection) -> schemas.OutputList:
        return schemas.OutputList(items=asset_outputs(conn, caller.organization_id, asset_id, deps.base_url))

    return await deps.db.read(read)
