"""A browser without an account: it trades an API key for one of its own, which its scripts can't read.

So does the dashboard of a machine open: `vidctl dashboard` makes a key that is good for some minutes and once,
and prints a link with it behind the `#`, which browsers send to nobody. Being able to read the key file is what proves
that one may. Coming from the same machine proves nothing: other users of it do, and so do proxies.
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vidcompute.api import cookies
from vidcompute.api.auth import Caller
from vidcompute.api.body import OptionalJson
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.api.times import Time
from vidcompute.api.views import when
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import accounts
from vidcompute.services.accounts import ApiKey, NewKey

router = APIRouter(prefix="/api/v1", tags=["access"])

LIFETIME_S = 30 * 24 * 3600


class BrowserWish(BaseModel):
    """How a browser trades a key for one of its own."""

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_extra={"example": {"name": "Laptop", "once": True}}
    )

    name: Annotated[str, Field(min_length=1, max_length=200)] = "Browser"
    """What the browser's key is called."""
    once: bool = False
    """Revoke the key that the request brought: it was made for this alone."""


class BrowserKey(BaseModel):
    """The key that a browser has in a cookie now. Nobody is told its secret."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    key_id: str
    """Revoke it to log the browser out."""
    expires_at: Time


@router.post(
    "/browser-key",
    operation_id="create_browser_key",
    summary="Let this browser in by a key",
    status_code=201,
    response_class=Response,
    responses=problems(
        400, 401, 403, 409, 413, 422, own={201: {"model": BrowserKey, "description": "The browser has its cookie."}}
    ),
)
async def create_browser_key(
    request: Request, wish: OptionalJson[BrowserWish], caller: Caller, deps: Given
) -> Response:
    """Make a key that may do what the given one may, and let the browser keep it where scripts can't read it."""
    if "sec-fetch-site" in request.headers:  # a browser; programs keep no cookies
        cookies.check_site(request, deps)
    if not caller.key_id:
        raise VidComputeError(Kind.CONFLICT, "key_required", "You have logged in; this is for who brings an API key.")
    expires_ms = now_ms() + LIFETIME_S * 1000

    def work(conn: Connection) -> tuple[ApiKey, str]:
        given = accounts.get_key(conn, caller.organization_id, caller.key_id)
        wanted = NewKey(wish.name, tuple(given.scopes), expires_ms)
        made = accounts.create_key(conn, caller, wanted, most=deps.limits.max_api_keys)
        if wish.once:
            accounts.revoke_key(conn, caller.organization_id, caller.key_id)
        return made

    key, secret = await deps.db.write(work)
    told = BrowserKey(key_id=key.id, expires_at=when(expires_ms))
    response = JSONResponse(told.model_dump(mode="json"), 201)
    cookies.give(response, deps, secret, LIFETIME_S, samesite="strict")
    return response
