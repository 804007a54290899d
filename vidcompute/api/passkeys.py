"""Passkeys (WebAuthn): added, named and removed by their owner; and logging in by one."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api import cookies
from vidcompute.api import security_schemas as schemas
from vidcompute.api.auth import Caller, CameFrom
from vidcompute.api.body import Json, JsonBody
from vidcompute.api.declared import PasskeyId, problems
from vidcompute.api.deps import Given
from vidcompute.api.people import LOGGED_IN, Entrance, logged_in
from vidcompute.api.views import when
from vidcompute.services import people
from vidcompute.services.people import Passkey

router = APIRouter(prefix="/api/v1", tags=["people"])

_LIMITS = (400, 401, 413, 422)
_LONGEST_ANSWER = 64 * 1024  # bytes of what a device says
_MADE = JsonBody(schemas.NewPasskey, max_bytes=_LONGEST_ANSWER)
_RECOGNISED = JsonBody(schemas.PasskeyLogIn, max_bytes=_LONGEST_ANSWER)


def _passkey(found: Passkey) -> schemas.Passkey:
    used_at = None if found.used_ms is None else when(found.used_ms)
    return schemas.Passkey(id=found.id, name=found.name, created_at=when(found.created_ms), used_at=used_at)


@router.get("/me/passkeys", operation_id="list_passkeys", summary="My passkeys", responses=problems(401, 403))
async def list_passkeys(caller: Caller, deps: Given) -> schemas.PasskeyList:
    """The keys on devices that open one's account."""
    found = await deps.db.read(people.passkeys_of, caller.person_id)
    return schemas.PasskeyList(items=[_passkey(one) for one in found])


@router.post(
    "/me/passkeys/options",
    operation_id="begin_passkey",
    summary="Begin to add a passkey",
    responses=problems(*_LIMITS, 403, 409, 429),
)
async def begin_passkey(
    wish: Json[schemas.PasswordProof], caller: Caller, lobby: Entrance, visitor: CameFrom
) -> schemas.PasskeyOptions:
    """What the browser is to ask a device for. Takes the password; its challenge is good once, for five minutes."""
    password = wish.current_password.get_secret_value()
    options = await people.begin_passkey(lobby, caller.person_id, password, visitor)
    return schemas.PasskeyOptions(options=options)


@router.post(
    "/me/passkeys",
    operation_id="add_passkey",
    summary="Add a passkey",
    status_code=201,
    responses=problems(*_LIMITS, 403, 409),
)
async def add_passkey(
    wish: Annotated[schemas.NewPasskey, Depends(_MADE)], caller: Caller, deps: Given, lobby: Entrance
) -> schemas.Passkey:
    """Let what a device has made open the account, by itself: it is two factors in one."""
    most = deps.limits.max_passkeys
    return _passkey(await people.add_passkey(lobby, caller.person_id, wish.name, wish.credential, most=most))


@router.patch(
    "/me/passkeys/{passkey_id}",
    operation_id="rename_passkey",
    summary="Name a passkey",
    responses=problems(*_LIMITS, 403, 404),
)
async def rename_passkey(
    passkey_id: PasskeyId, wish: Json[schemas.PasskeyName], caller: Caller, deps: Given
) -> schemas.Passkey:
    """Call it otherwise from now on."""
    return _passkey(await deps.db.write(people.rename_passkey, caller.person_id, passkey_id, wish.name))


@router.delete(
    "/me/passkeys/{passkey_id}",
    operation_id="remove_passkey",
    summary="Remove a passkey",
    status_code=204,
    responses=problems(401, 403, 404),
)
async def remove_passkey(passkey_id: PasskeyId, caller: Caller, deps: Given) -> None:
    """Let it open nothing any more."""
    await deps.db.write(people.remove_passkey, caller.person_id, passkey_id)


@router.post(
    "/login/passkey/options",
    operation_id="begin_passkey_log_in",
    summary="Begin to log in by a passkey",
    responses=problems(409, 429),
)
async def begin_passkey_log_in(lobby: Entrance, visitor: CameFrom) -> schemas.PasskeyOptions:
    """What the browser is to ask any device for. Its challenge is good once, for five minutes."""
    return schemas.PasskeyOptions(options=await people.begin_passkey_log_in(lobby, visitor))


@router.post(
    "/login/passkey",
    operation_id="log_in_by_passkey",
    summary="Log in by a passkey",
    response_class=Response,
    responses=problems(*_LIMITS, 403, 409, 429, own=LOGGED_IN),
)
async def log_in_by_passkey(
    request: Request,
    wish: Annotated[schemas.PasskeyLogIn, Depends(_RECOGNISED)],
    deps: Given,
    lobby: Entrance,
    visitor: CameFrom,
) -> Response:
    """Begin a session for whom the device has recognised; no password is asked for, and no code."""
    if wish.kind == "browser":
        cookies.check_site(request, deps)
    started = await people.log_in_by_passkey(lobby, wish.credential, wish.kind, visitor)
    return logged_in(started, deps)
