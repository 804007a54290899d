"""How people come in: register, prove a mailbox, log in, stay logged in, set a forgotten password."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vidcompute.api import cookies
from vidcompute.api import people_schemas as schemas
from vidcompute.api.auth import CameFrom
from vidcompute.api.body import Json
from vidcompute.api.declared import problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.views import when
from vidcompute.errors import VidComputeError
from vidcompute.services import organizations, people
from vidcompute.services.accounts import Role
from vidcompute.services.people import Lobby, Newcomer, Started

router = APIRouter(prefix="/api/v1", tags=["people"])

_LIMITS = (400, 413, 422, 429)
LOGGED_IN: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.LoggedIn, "description": "A session has begun; a browser has its cookie."}
}


def lobby_of(deps: Given) -> Lobby:
    """What coming in needs."""
    return Lobby(deps.db, deps.rates, deps.policy, deps.base_url)


Entrance = Annotated[Lobby, Depends(lobby_of)]


@router.get("/ways-in", operation_id="get_ways_in", summary="How does one come in?")
async def get_ways_in(deps: Given) -> schemas.WaysIn:
    """Whether one can register, what a password must be like, at whose provider one can log in, if passkeys work."""
    return schemas.WaysIn(
        registration=deps.policy.registration,
        shortest_password=deps.policy.shortest_password,
        provider=None if deps.sign_on is None else deps.sign_on.name,
        passkeys=people.takes_passkeys(deps.base_url),
    )


@router.post(
    "/register",
    operation_id="register_person",
    summary="Register",
    status_code=202,
    responses=problems(*_LIMITS, 403, 404, 409),
)
async def register(wish: Json[schemas.Registering], lobby: Entrance, visitor: CameFrom) -> schemas.Registered:
    """Make an account: at once by an invitation, else once the link in a mail was followed. Tells nothing of others."""
    invitation = wish.invitation.get_secret_value() if wish.invitation else None
    newcomer = Newcomer(wish.email, wish.name, wish.password.get_secret_value(), invitation)
    await people.register(lobby, newcomer, visitor)
    return schemas.Registered(verified=invitation is not None)


@router.post(
    "/verify-email",
    operation_id="verify_email",
    summary="Prove a mailbox",
    status_code=204,
    responses=problems(*_LIMITS, 401),
)
async def verify_email(wish: Json[schemas.Verifying], lobby: Entrance, visitor: CameFrom) -> None:
    """Open an account by the link in a mail, and its password."""
    await people.verify(lobby, wish.token.get_secret_value(), wish.password.get_secret_value(), visitor)


@router.post(
    "/verify-email/again",
    operation_id="send_verification",
    summary="Send the link again",
    status_code=202,
    responses=problems(*_LIMITS),
)
async def send_verification(wish: Json[schemas.Addressed], lobby: Entrance, visitor: CameFrom) -> None:
    """Send the link once more, where an account waits for it. The answer is the same in any case."""
    await people.verify_again(lobby, wish.email, visitor)


@router.post(
    "/login",
    operation_id="log_in",
    summary="Log in",
    response_class=Response,
    responses=problems(*_LIMITS, 401, 403, own=LOGGED_IN),
)
async def log_in(
    request: Request, wish: Json[schemas.LoggingIn], deps: Given, lobby: Entrance, visitor: CameFrom
) -> Response:
    """Begin a session. A browser gets a cookie that scripts can't read, an app a pair of tokens.

    Where a code is asked for beside the password, the answer is the problem `second_factor_wanted` (401) with a
    `ticket`, good for `ticket_s` seconds: `POST /login/second-factor` takes it with the code.
    """
    if wish.kind == "browser":
        cookies.check_site(request, deps)
    started = await people.log_in(lobby, wish.email, wish.password.get_secret_value(), wish.kind, visitor)
    return logged_in(started, deps)


@router.post(
    "/tokens/refresh",
    operation_id="refresh_tokens",
    summary="Get the next pair of tokens",
    response_class=Response,
    responses=problems(400, 401, 413, 422, own=LOGGED_IN),
)
async def refresh(wish: Json[schemas.Refreshing], deps: Given) -> Response:
    """Trade a refresh token for the next pair. One that comes a second time ends the session."""
    outcome = await deps.db.write(people.refresh, wish.refresh_token.get_secret_value(), deps.policy)
    if isinstance(outcome, VidComputeError):
        raise outcome
    return logged_in(outcome, deps)


def logged_in(started: Started, deps: Deps) -> Response:
    """The answer that a session begins, or goes on, with."""
    pair = started.tokens and schemas.TokenPair(
        access_token=started.tokens.access,
        access_expires_at=when(started.tokens.access_expires_ms),
        refresh_token=started.tokens.refresh,
    )
    told = schemas.LoggedIn(
        session_id=started.session_id,
        person_id=started.person_id,
        expires_at=when(started.expires_ms),
        tokens=pair,
    )
    response = JSONResponse(told.model_dump(mode="json"))
    if started.cookie is not None:
        cookies.give(response, deps, started.cookie, deps.policy.session_ms // 1000)
    return response


@router.post(
    "/forgot-password",
    operation_id="forgot_password",
    summary="Ask for a new password",
    status_code=202,
    responses=problems(*_LIMITS),
)
async def forgot_password(wish: Json[schemas.Addressed], lobby: Entrance, visitor: CameFrom) -> None:
    """Send a link that sets a new password, where there is such an account. The answer is the same in any case."""
    await people.forgot_password(lobby, wish.email, visitor)


@router.post(
    "/reset-password",
    operation_id="reset_password",
    summary="Set a new password",
    status_code=204,
    responses=problems(*_LIMITS),
)
async def reset_password(wish: Json[schemas.NewPassword], lobby: Entrance, visitor: CameFrom) -> None:
    """Set a password by the link in a mail. All sessions end."""
    token, password = wish.token.get_secret_value(), wish.password.get_secret_value()
    await people.set_forgotten(lobby, token, password, visitor)


@router.post(
    "/invitations/view",
    operation_id="view_invitation",
    summary="Look at an invitation",
    responses=problems(400, 404, 413, 422),
)
async def view_invitation(wish: Json[schemas.Link], deps: Given) -> schemas.InvitationView:
    """What an invitation says to who has its link."""

    def read(conn: Connection) -> schemas.InvitationView:
        found = organizations.find_invitation(conn, wish.token.get_secret_value())
        return schemas.InvitationView(
            organization=organizations.get(conn, found.organization_id).name,
            email=found.email,
            role=Role(found.role),
            expires_at=when(found.expires_ms),
            registered=people.is_registered(conn, found.email),
        )

    return await deps.db.read(read)
