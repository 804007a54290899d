"""How programs without a browser are let in (RFC 8628), and stay so. It is OAuth: forms in, its errors out."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vidcompute.api.auth import CameFrom, visitor_of
from vidcompute.api.body import read_limited
from vidcompute.api.deps import Deps, Given
from vidcompute.api.people import Entrance
from vidcompute.api.problems import status_of
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.services import people
from vidcompute.services.people import Allowed, Started

router = APIRouter(prefix="/oauth", include_in_schema=False)

CLIENT = "vidctl"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_FORM = "application/x-www-form-urlencoded"
_MAX_BYTES = 8192
_MAX_FIELDS = 20
# What OAuth calls errors that have another name everywhere else.
_OAUTH_CODES = {"invalid_token": "invalid_grant", "refresh_token_reused": "invalid_grant"}


@router.post("/device")
async def device(request: Request, deps: Given, lobby: Entrance, visitor: CameFrom) -> Response:
    """Let a program ask: a secret for itself, and a code for a person to type at an address."""
    try:
        await _form(request)
        begun = await people.begin_device(lobby, visitor)
    except VidComputeError as error:
        return _refusal(error)
    page = f"{deps.base_url}/account/device"
    return _answer(
        {
            "device_code": begun.device_code,
            "user_code": begun.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}#{begun.user_code}",
            "expires_in": begun.lifetime_ms // 1000,
            "interval": begun.interval_s,
        }
    )


@router.post("/token")
async def token(request: Request, deps: Given) -> Response:
    """Trade a device code that was allowed, or a refresh token, for a pair of tokens; each once."""
    try:
        form = await _form(request)
        allowed = await _grant(form, request, deps)
    except VidComputeError as error:
        return _refusal(error)
    pair = allowed.started.tokens
    if pair is None:
        raise RuntimeError("a session of an app has no tokens")
    return _answer(
        {
            "access_token": pair.access,
            "token_type": "Bearer",
            "expires_in": max(0, pair.access_expires_ms - now_ms()) // 1000,
            "refresh_token": pair.refresh,
            "session_id": allowed.started.session_id,
            "organization_id": allowed.organization_id,
        }
    )


async def _grant(form: Mapping[str, str], request: Request, deps: Deps) -> Allowed:
    outcome: Allowed | Started | VidComputeError
    kind = form.get("grant_type", "")
    if kind == DEVICE_GRANT:
        held = form.get("device_code", "")
        outcome = await deps.db.write(people.redeem_device, held, visitor_of(request), deps.policy)
    elif kind == "refresh_token":
        outcome = await deps.db.write(people.refresh, form.get("refresh_token", ""), deps.policy)
    else:
        raise invalid("unsupported_grant_type", "Tokens are given for device codes and for refresh tokens.")
    if isinstance(outcome, VidComputeError):
        raise outcome
    return outcome if isinstance(outcome, Allowed) else Allowed(outcome, None)


async def _form(request: Request) -> dict[str, str]:
    """The form of a client that we know; `invalid_request`, `invalid_client`."""
    body = await read_limited(request, _MAX_BYTES)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise invalid("invalid_request", "The body is no form.") from error
    form = dict(pairs)
    if kind != _FORM or len(form) != len(pairs):
        raise invalid("invalid_request", f"Send a form ({_FORM}) with each field once.")
    if form.get("client_id") != CLIENT:
        raise VidComputeError(Kind.UNAUTHENTICATED, "invalid_client", f"The client_id that is known here is {CLIENT}.")
    return form


def _answer(document: Mapping[str, Any]) -> Response:
    return JSONResponse(dict(document), headers={"Cache-Control": "no-store"})


def _refusal(error: VidComputeError) -> Response:
    """An error as RFC 6749 (5.2) tells it."""
    code = _OAUTH_CODES.get(error.code, error.code)
    ours = error.kind in {Kind.INVALID, Kind.UNAUTHENTICATED}
    status = 401 if code == "invalid_client" else 400 if ours else status_of(error)
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(round(error.retry_after_s))
    return JSONResponse({"error": code, "error_description": error.detail}, status, headers)
