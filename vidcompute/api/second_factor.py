"""The second factor: codes of an authenticator app beside the password, and log-ins that take one."""

from io import BytesIO

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api import cookies
from vidcompute.api import security_schemas as schemas
from vidcompute.api.auth import Caller, CameFrom
from vidcompute.api.body import Json
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.api.people import LOGGED_IN, Entrance, logged_in
from vidcompute.api.privacy_schemas import Whom
from vidcompute.api.views import when
from vidcompute.services import mailboxes, people

router = APIRouter(prefix="/api/v1", tags=["people"])

_LIMITS = (400, 401, 413, 422, 429)


@router.get(
    "/me/second-factor",
    operation_id="get_second_factor",
    summary="Is a code asked for?",
    responses=problems(401, 403),
)
async def get_second_factor(caller: Caller, deps: Given) -> schemas.SecondFactor:
    """Whether logging in takes a code beside the password, and how many recovery codes are left."""
    found = await deps.db.read(people.second_factor_of, caller.person_id)
    since = None if found.on_ms is None else when(found.on_ms)
    return schemas.SecondFactor(on=since is not None, since=since, recovery_codes=found.recovery_codes)


@router.post(
    "/me/second-factor",
    operation_id="begin_second_factor",
    summary="Get a secret for an app",
    status_code=201,
    responses=problems(*_LIMITS, 403, 409),
)
async def begin_second_factor(
    wish: Json[schemas.PasswordProof], caller: Caller, lobby: Entrance, visitor: CameFrom
) -> schemas.Enrolment:
    """A secret for an authenticator app, shown this once. Nothing is asked for before a code of it was confirmed."""
    password = wish.current_password.get_secret_value()
    made = await people.begin_second_factor(lobby, caller.person_id, password, visitor)
    return schemas.Enrolment(secret=made.secret, uri=made.uri, qr_svg=await to_thread.run_sync(_picture, made.uri))


def _picture(uri: str) -> str:
    """A QR code as SVG that stands by itself: black on white, whatever is around it."""
    import segno

    picture = BytesIO()
    segno.make_qr(uri).save(picture, kind="svg", xmldecl=False, omitsize=True, border=4, light="#fff")
    return picture.getvalue().decode()


@router.post(
    "/me/second-factor/confirm",
    operation_id="confirm_second_factor",
    summary="Ask for codes from now on",
    responses=problems(*_LIMITS, 403, 409),
)
async def confirm_second_factor(
    wish: Json[schemas.AppCode], caller: Caller, lobby: Entrance, visitor: CameFrom
) -> schemas.RecoveryCodes:
    """Show that the app has the secret. Gives recovery codes, this once; all sessions end, but this one."""
    code, own = wish.code.get_secret_value(), caller.session_id
    codes = await people.confirm_second_factor(lobby, caller.person_id, code, visitor, but=own)
    return schemas.RecoveryCodes(recovery_codes=codes)


@router.post(
    "/me/second-factor/off",
    operation_id="end_second_factor",
    summary="Ask for codes no more",
    status_code=204,
    responses=problems(*_LIMITS, 403, 409),
)
async def end_second_factor(
    wish: Json[schemas.SecondFactorEnd], caller: Caller, lobby: Entrance, visitor: CameFrom
) -> None:
    """Log in by the password alone again. Takes the password and a code."""
    password, code = wish.current_password.get_secret_value(), wish.code.get_secret_value()
    await people.end_second_factor(lobby, caller.person_id, password, code, visitor)


@router.post(
    "/people/second-factor/off",
    operation_id="end_second_factor_of",
    summary="Ask a person for codes no more",
    status_code=204,
    responses=problems(400, 401, 404, 409, 413, 422),
)
async def end_second_factor_of(wish: Json[Whom], caller: Caller, deps: Given) -> None:
    """For who runs the installation: let somebody in by the password alone who has lost app and recovery codes.

    Be sure first that it is them who asks: what is left is their password.
    """
    await deps.db.write(people.take_second_factor, mailboxes.normal(wish.email), caller.organization_id)


@router.post(
    "/login/second-factor",
    operation_id="finish_log_in",
    summary="Log in, second step",
    response_class=Response,
    responses=problems(*_LIMITS, 403, own=LOGGED_IN),
)
async def finish_log_in(
    request: Request, wish: Json[schemas.FinishingLogIn], deps: Given, lobby: Entrance, visitor: CameFrom
) -> Response:
    """Begin the session that the password alone did not: with the ticket that it got, and a code."""
    if wish.kind == "browser":
        cookies.check_site(request, deps)
    ticket, code = wish.ticket.get_secret_value(), wish.code.get_secret_value()
    started = await people.finish_log_in(lobby, ticket, code, wish.kind, visitor)
    return logged_in(started, deps)
