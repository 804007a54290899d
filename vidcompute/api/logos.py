"""The organization's logo. What is sent is made anew; what is served is a PNG that can run nothing."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api.auth import Caller
from vidcompute.api.body import read_limited
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.services import organizations

router = APIRouter(prefix="/api/v1", tags=["people"])

_PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_SENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": _PICTURE}, "description": "The logo, 256 pixels wide or high at most."}
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Content-Disposition": 'inline; filename="logo.png"',
    "Cache-Control": "private, no-cache",
}


@router.get(
    "/organization/logo",
    operation_id="get_logo",
    summary="The organization's logo",
    response_class=Response,
    responses=problems(401, 404, own=_SENT),
)
async def get_logo(caller: Caller, deps: Given) -> Response:
    """A PNG, where the organization has a logo."""
    return Response(await deps.db.read(organizations.logo, caller.organization_id), 200, _HEADERS, "image/png")


@router.put(
    "/organization/logo",
    operation_id="put_logo",
    summary="Give the organization a logo",
    status_code=204,
    responses=problems(401, 404, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"image/*": _PICTURE}}},
)
async def put_logo(request: Request, caller: Caller, deps: Given) -> None:
    """Send a PNG, JPEG or WebP. It is scaled down, and nothing but its pixels is kept."""
    data = await read_limited(request, deps.limits.max_logo_bytes)
    await organizations.put_logo(deps.db, caller.organization_id, data)


@router.delete(
    "/organization/logo",
    operation_id="delete_logo",
    summary="Let the organization have no logo",
    status_code=204,
    responses=problems(401, 404),
)
async def delete_logo(caller: Caller, deps: Given) -> None:
    """Take the logo away, where there is one."""
    await deps.db.write(organizations.remove_logo, caller.organization_id)
