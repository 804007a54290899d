"""Passkeys (WebAuthn): added, named and removed by their owner; and logging in by one."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api import cookies
from vidcompute.api import security_schemas as schemas
from vidcompute.api.auth import Caller, visitor_of
from vidcompute.api.body import parse, read_limited, takes
from vidcompute.api.declared import PasskeyId, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.people import LOGGED_IN, Entrance, logged_in
from vidcompute.api.views import when
from vidcompute.services import people
from vidcompute.services.people import Passkey

router = APIRouter(prefix="/api/v1", tags=["people"])

_LIMITS = (400, 401, 413, 422)
_LONGEST_ANSWER = 64 * 1024  # bytes of what a device says


def _passkey(found: Passkey) -> schemas.Passkey:
    used_at = None if found.used_ms is None else when(found.used_ms)
    return schemas.Passkey(id=found.id, name=found.name, created_at=when(found.created_ms), used_at=used_at)


async def _read_answer(request: Request, deps: Deps) -> bytes:
    return await read_limited(request, min(deps.limits.max_json_bytes, _LONGEST_ANSWER))


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
    openapi_extra=takes("PasswordProof"),
)
async def begin_passkey(request: Request, caller: Caller, deps: Given, door: Entrance) -> schemas.PasskeyOptions:
    """What the browser is to ask a device for. Takes the password; its challenge is good once, for five minutes."""
    wish = parse(await read_limited(request, deps.limits.max_json_bytes), schemas.PasswordProof)
    password = wish.current_password.get_secret_value()
    options = await people.begin_passkey(door, caller.person_id, password, visitor_of(request))
    return schemas.PasskeyOptions(options=options)


@router.post(
    "/me/passkeys",
    operation_id="add_passkey",
    summary="Add a passkey",
    status_code=201,
    responses=problems(*_LIMITS, 403, 409),
    openapi_extra=takes("NewPasskey"),
)
async def add_passkey(request: Request, caller: Caller, deps: Given, door: Entrance) -> schemas.Passkey:
    """Let what a device has made open the account, by itself: it is two factors in one."""
    wish = parse(await _read_answer(request, deps), schemas.NewPasskey)
    most = deps.limits.max_passkeys
    return _passkey(await people.add_passkey(door, caller.person_id, wish.name, wish.credential, most=most))


@router.patch(
    "/me/passkeys/{passkey_id}",
    operation_id="rename_passkey",
    summary="Name a passkey",
    responses=problems(*_LIMITS, 403, 404),
    openapi_extra=takes("PasskeyName"),
)
async def rename_passkey(passkey_id: PasskeyId, request: Request, caller: Caller, deps: Given) -> schemas.Passkey:
    """Call it otherwise from now on."""
    wish = parse(await read_limited(request, deps.limits.max_json_bytes), schemas.PasskeyName)
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
async def begin_passkey_log_in(request: Request, door: Entrance) -> schemas.PasskeyOptions:
    """What the browser is to ask any device for. Its challenge is good once, for five minutes."""
    return schemas.PasskeyOptions(options=await people.begin_passkey_log_in(door, visitor_of(request)))


@router.post(
    "/login/passkey",
    operation_id="log_in_by_passkey",
    summary="Log in by a passkey",
    response_class=Response,
    responses=problems(*_LIMITS, 403, 409, 429, own=LOGGED_IN),
    openapi_extra=takes("PasskeyLogIn"),
)
async def log_in_by_passkey(request: Request, deps: Given, door: Entrance) -> Response:
    """Begin a session for whom the device has recognised; no password is asked for, and no code."""
    wish = parse(await _read_answer(request, deps), schemas.PasskeyLogIn)
    if wish.kind == "browser":
        cookies.check_site(request, deps)
    started = await people.log_in_by_passkey(door, wish.credential, wish.kind, visitor_of(request))
    return logged_in(started, deps)
