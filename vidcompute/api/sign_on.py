"""Logging in at a provider (OpenID Connect): the browser is sent there, and comes back to us with a code."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vidcompute import logs
from vidcompute.api import cookies
from vidcompute.api.auth import CameFrom
from vidcompute.api.deps import Deps, Given
from vidcompute.api.people import Entrance
from vidcompute.errors import VidComputeError, not_found
from vidcompute.ports.identity import Returned
from vidcompute.services import people
from vidcompute.services.people import SignOn

router = APIRouter(prefix="/oauth", include_in_schema=False)

LIFETIME_S = 600
_log = logs.get("sign_on")


@router.get("/login")
async def login(deps: Given, lobby: Entrance, visitor: CameFrom) -> Response:
    """Send the browser to the provider; afterwards it goes on at the log-in page."""
    sign_on = _configured(deps)
    try:
        leaving = await people.begin_sign_on(lobby, sign_on, _return_url(deps), visitor)
    except VidComputeError as error:
        return _failed(deps, error)
    response = _to(leaving.url)
    cookies.give(response, deps, leaving.secret, LIFETIME_S, cookies.SIGN_ON)
    return response


@router.get("/callback")
async def callback(
    request: Request,
    deps: Given,
    lobby: Entrance,
    visitor: CameFrom,
    *,
    code: str = "",
    state: str = "",
    iss: str = "",
    error: str = "",
) -> Response:
    """Take a browser back that was sent to the provider by us: it has a session then."""
    sign_on = _configured(deps)
    secret = request.cookies.get(cookies.name_of(deps, cookies.SIGN_ON), "")
    returned = Returned(code, state, iss, error)
    try:
        started = await people.finish_sign_on(
            lobby, sign_on, returned, visitor, return_url=_return_url(deps), secret=secret
        )
    except VidComputeError as refusal:
        response = _failed(deps, refusal)
    else:
        response = _to(f"{deps.base_url}/account/login")
        cookies.give(response, deps, started.cookie or "", deps.policy.session_ms // 1000)
    cookies.take_back(response, deps, cookies.SIGN_ON)
    return response


def _configured(deps: Deps) -> SignOn:
    if deps.sign_on is None:
        raise not_found("page", "login")
    return deps.sign_on


def _return_url(deps: Deps) -> str:
    return f"{deps.base_url}/oauth/callback"


def _to(url: str) -> Response:
    return RedirectResponse(url, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _failed(deps: Deps, error: VidComputeError) -> Response:
    """The log-in page says what went wrong, by the code, or asks for a code: no text of others gets onto it."""
    if "ticket" in error.extra:
        return _to(f"{deps.base_url}/account/login#{error.extra['ticket']}")
    _log.warning("sign_on_failed", code=error.code, detail=error.detail)
    return _to(f"{deps.base_url}/account/login?problem={error.code}")
