"""A person's own account: who they are, where they are logged in, and where they are members."""

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from vidcompute.api import cookies
from vidcompute.api import people_schemas as schemas
from vidcompute.api.auth import Caller, CameFrom
from vidcompute.api.body import Json
from vidcompute.api.declared import SessionId, problems
from vidcompute.api.deps import Given
from vidcompute.api.organizations import view
from vidcompute.api.people import Entrance
from vidcompute.api.views import when
from vidcompute.db.outbox import now_ms
from vidcompute.services import organizations, people

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.get("/me", operation_id="get_me", summary="My account", responses=problems(401, 403))
async def get_me(caller: Caller, deps: Given) -> schemas.Me:
    """Who one is, and where one is a member."""
    return await deps.db.read(_me, caller.person_id)


@router.patch(
    "/me",
    operation_id="update_me",
    summary="Change my name",
    responses=problems(400, 401, 403, 413, 422),
)
async def update_me(wish: Json[schemas.MeChanges], caller: Caller, deps: Given) -> schemas.Me:
    """Be called otherwise from now on."""

    def work(conn: Connection) -> schemas.Me:
        people.rename(conn, caller.person_id, wish.name)
        return _me(conn, caller.person_id)

    return await deps.db.write(work)


def _me(conn: Connection, person_id: str) -> schemas.Me:
    person = people.get(conn, person_id)
    return schemas.Me(
        id=person.id,
        email=person.email,
        name=person.name,
        created_at=when(person.created_ms),
        organizations=_memberships(conn, person_id),
    )


def _memberships(conn: Connection, person_id: str) -> list[schemas.Membership]:
    return [
        schemas.Membership(
            organization_id=one.organization_id,
            name=one.name,
            slug=one.slug,
            role=one.role,
            joined_at=when(one.created_ms),
            logo_digest=one.logo_digest,
            second_factor_required=one.second_factor_required,
        )
        for one in people.memberships_of(conn, person_id)
    ]


@router.post(
    "/me/password",
    operation_id="change_password",
    summary="Change my password",
    status_code=204,
    responses=problems(400, 401, 403, 413, 422, 429),
)
async def change_password(
    wish: Json[schemas.PasswordChange], caller: Caller, lobby: Entrance, visitor: CameFrom
) -> None:
    """Set another password. All sessions end, but this one."""
    current, password = wish.current_password.get_secret_value(), wish.password.get_secret_value()
    await people.change_password(lobby, caller.person_id, current, password, visitor, but=caller.session_id)


@router.post(
    "/me/email",
    operation_id="change_email",
    summary="Change my e-mail address",
    status_code=202,
    responses=problems(400, 401, 403, 413, 422, 429),
)
async def change_email(wish: Json[schemas.EmailChange], caller: Caller, lobby: Entrance, visitor: CameFrom) -> None:
    """Send a link to the new mailbox. It counts when that is followed."""
    current = wish.current_password.get_secret_value()
    await people.change_email(lobby, caller.person_id, current, wish.email, visitor)


@router.post(
    "/me/email/confirm",
    operation_id="confirm_email",
    summary="Take the new e-mail address",
    responses=problems(400, 401, 403, 409, 413, 422),
)
async def confirm_email(wish: Json[schemas.Link], caller: Caller, deps: Given) -> schemas.Me:
    """Follow the link in the new mailbox, logged in as who asked for it."""

    def work(conn: Connection) -> schemas.Me:
        people.take_email(conn, caller.person_id, wish.token.get_secret_value())
        return _me(conn, caller.person_id)

    return await deps.db.write(work)


@router.get("/me/sessions", operation_id="list_sessions", summary="My sessions", responses=problems(401, 403))
async def list_sessions(caller: Caller, deps: Given) -> schemas.SessionList:
    """Where one is logged in."""
    found = await deps.db.read(people.sessions_of, caller.person_id, now_ms())
    items = [
        schemas.Session(
            id=session.id,
            kind=session.kind,
            current=session.id == caller.session_id,
            agent=session.agent,
            address=session.address,
            created_at=when(session.created_ms),
            seen_at=when(session.seen_ms),
            expires_at=when(session.expires_ms),
        )
        for session in found
    ]
    return schemas.SessionList(items=items)


@router.delete(
    "/me/sessions/{session_id}",
    operation_id="end_session",
    summary="End a session",
    status_code=204,
    responses=problems(401, 403, 404),
)
async def end_session(session_id: SessionId, caller: Caller, deps: Given) -> None:
    """Log out one browser or app, at once."""
    await deps.db.write(people.end, caller.person_id, session_id)


@router.delete(
    "/me/sessions", operation_id="end_other_sessions", summary="End all other sessions", responses=problems(401, 403)
)
async def end_other_sessions(caller: Caller, deps: Given) -> schemas.Ended:
    """Log out every browser and app but this one."""
    return schemas.Ended(ended=await deps.db.write(people.end_all, caller.person_id, but=caller.session_id))


@router.post("/logout", operation_id="log_out", summary="Log out", status_code=204, responses=problems(401, 403))
async def log_out(caller: Caller, deps: Given) -> Response:
    """End this session."""
    await deps.db.write(people.end, caller.person_id, caller.session_id)
    response = Response(status_code=204)
    cookies.take_back(response, deps)
    return response


@router.get(
    "/organizations",
    operation_id="list_organizations",
    summary="My organizations",
    responses=problems(401, 403),
)
async def list_organizations(caller: Caller, deps: Given) -> schemas.MembershipList:
    """Where one is a member. `X-Organization` says which one a request is about."""
    return schemas.MembershipList(items=await deps.db.read(_memberships, caller.person_id))


@router.post(
    "/organizations",
    operation_id="create_organization",
    summary="Make an organization",
    status_code=201,
    responses=problems(400, 401, 403, 409, 413, 422),
)
async def create_organization(
    wish: Json[schemas.OrganizationWish], caller: Caller, deps: Given
) -> schemas.Organization:
    """Make an organization, and be its owner."""
    most = deps.limits.max_organizations
    made = await deps.db.write(organizations.create, caller.person_id, caller.name, wish.name, most=most)
    return view(made)


@router.post(
    "/organization/leave",
    operation_id="leave_organization",
    summary="Leave the organization",
    status_code=204,
    responses=problems(401, 403, 404, 409),
)
async def leave_organization(caller: Caller, deps: Given) -> None:
    """Be a member no more. The last owner has to make somebody else one first."""
    await deps.db.write(organizations.leave, caller)


@router.post(
    "/invitations/accept",
    operation_id="accept_invitation",
    summary="Accept an invitation",
    responses=problems(400, 401, 403, 404, 409, 413, 422),
)
async def accept_invitation(wish: Json[schemas.Link], caller: Caller, deps: Given) -> schemas.Joined:
    """Join the organization that one was invited to, at the address of one's account."""
    token = wish.token.get_secret_value()
    joined = await deps.db.write(organizations.accept, token, caller.person_id, caller.name)
    return schemas.Joined(organization_id=joined)
