"""API keys: list, read, make, replace, revoke; and who a request is made by."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from vidcompute.api import account_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json, OptionalJson
from vidcompute.api.declared import Cursor, KeyId, Limit, problems
from vidcompute.api.deps import Given
from vidcompute.api.times import milliseconds
from vidcompute.api.views import at, when
from vidcompute.db.outbox import now_ms
from vidcompute.services import accounts, organizations
from vidcompute.services.accounts import ApiKey, NewKey

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.get("/caller", operation_id="get_caller", summary="Who am I?", responses=problems(401))
async def get_caller(caller: Caller) -> schemas.Caller:
    """Who the key, or the session, stands for, and what they may do."""
    return schemas.Caller(
        organization_id=caller.organization_id or None,
        key_id=caller.key_id or None,
        person_id=caller.person_id or None,
        name=caller.name,
        role=caller.role,
        scopes=sorted(caller.scopes),
    )


@router.get("/keys", operation_id="list_keys", summary="List API keys", responses=problems(400, 401, 422))
async def list_keys(
    caller: Caller,
    deps: Given,
    limit: Limit = 20,
    cursor: Cursor = None,
    dead: Annotated[bool | None, Query(description="Those that have expired or were revoked as well.")] = None,
) -> schemas.KeyPage:
    """API keys, newest first."""
    page = await deps.db.read(
        accounts.list_keys, caller.organization_id, limit=limit, cursor=cursor, alive_ms=None if dead else now_ms()
    )
    return schemas.KeyPage(items=[_view(key) for key in page.items], next_cursor=page.next_cursor)


@router.get("/keys/{key_id}", operation_id="get_key", summary="Read an API key", responses=problems(401, 404))
async def get_key(key_id: KeyId, caller: Caller, deps: Given) -> schemas.Key:
    """The key, without its secret."""
    return _view(await deps.db.read(accounts.get_key, caller.organization_id, key_id))


@router.post(
    "/keys",
    operation_id="create_key",
    summary="Make an API key",
    status_code=201,
    responses=problems(400, 401, 403, 409, 413, 422),
)
async def create_key(wish: Json[schemas.KeyWish], caller: Caller, deps: Given) -> schemas.NewKey:
    """Make a key that may do no more than you. Its secret is in the answer, and can't be looked up later."""
    wanted = NewKey(wish.name, tuple(str(scope) for scope in wish.scopes), milliseconds(wish.expires_at))
    made = await deps.db.write(accounts.create_key, caller, wanted, most=deps.limits.max_api_keys)
    return _shown(made)


@router.post(
    "/keys/{key_id}/rotate",
    operation_id="rotate_key",
    summary="Replace an API key",
    status_code=201,
    responses=problems(400, 401, 403, 404, 409, 413, 422),
)
async def rotate_key(
    wish: OptionalJson[schemas.KeyRotation], key_id: KeyId, caller: Caller, deps: Given
) -> schemas.NewKey:
    """Make a key that may do the same; the old one goes on for a while."""

    def work(conn: Connection) -> tuple[ApiKey, str]:
        overlap_ms = wish.overlap_s * 1000
        return accounts.rotate_key(
            conn, caller, key_id, overlap_ms=overlap_ms, expires_ms=milliseconds(wish.expires_at)
        )

    return _shown(await deps.db.write(work))


@router.delete("/keys/{key_id}", operation_id="revoke_key", summary="Revoke an API key", responses=problems(401, 404))
async def revoke_key(key_id: KeyId, caller: Caller, deps: Given) -> schemas.Key:
    """Let the key open nothing from now on, nor the invitations that it made. It stays in the list of the dead ones."""

    def work(conn: Connection) -> ApiKey:
        organizations.take_back_beyond(conn, caller.organization_id, key_id, frozenset())
        return accounts.revoke_key(conn, caller.organization_id, key_id)

    return _view(await deps.db.write(work))


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "replaces": key.replaces,
        "created_at": when(key.created_ms),
        "expires_at": at(key.expires_ms),
        "last_used_at": at(key.used_ms),
        "revoked_at": at(key.revoked_ms),
    }


def _view(key: ApiKey) -> schemas.Key:
    return schemas.Key(**_fields(key))


def _shown(made: tuple[ApiKey, str]) -> schemas.NewKey:
    key, secret = made
    return schemas.NewKey(**_fields(key), secret=secret)
