"""The organization that a request is about: what it is called, who is in it, and who is invited."""

from fastapi import APIRouter
from sqlalchemy import Connection

from vidcompute.api import people_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import Cursor, InvitationId, Limit, PersonId, problems
from vidcompute.api.deps import Given
from vidcompute.api.people import Entrance
from vidcompute.api.views import when
from vidcompute.db.outbox import now_ms
from vidcompute.services import organizations, people
from vidcompute.services.organizations import Changes, Invitation, Member, Organization

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.get(
    "/organization", operation_id="get_organization", summary="Read the organization", responses=problems(401, 404)
)
async def get_organization(caller: Caller, deps: Given) -> schemas.Organization:
    """The organization that the key, or `X-Organization`, stands for."""
    return view(await deps.db.read(organizations.get, caller.organization_id))


@router.patch(
    "/organization",
    operation_id="update_organization",
    summary="Change the organization",
    responses=problems(400, 401, 404, 409, 413, 422),
)
async def update_organization(
    wish: Json[schemas.OrganizationChanges], caller: Caller, deps: Given
) -> schemas.Organization:
    """Change its name, its name in addresses, or whether it demands a second factor of its members."""
    changes = Changes(wish.name, wish.slug, wish.second_factor_required)
    return view(await deps.db.write(organizations.change, caller.organization_id, changes, caller.person_id))


def view(found: Organization) -> schemas.Organization:
    """An organization on the wire."""
    return schemas.Organization(
        id=found.id,
        name=found.name,
        slug=found.slug,
        logo_digest=found.logo_digest,
        second_factor_required=found.second_factor_required,
        created_at=when(found.created_ms),
    )


@router.post(
    "/organization/transfer",
    operation_id="transfer_ownership",
    summary="Hand the organization over",
    responses=problems(400, 401, 404, 413, 422),
)
async def transfer_ownership(wish: Json[schemas.Transfer], caller: Caller, deps: Given) -> schemas.Member:
    """Make a member the owner, and be an admin from then on."""
    return _member(await deps.db.write(organizations.transfer, caller, wish.person_id))


@router.get("/members", operation_id="list_members", summary="List members", responses=problems(400, 401, 422))
async def list_members(caller: Caller, deps: Given, limit: Limit = 20, cursor: Cursor = None) -> schemas.MemberPage:
    """Who is in the organization."""
    page = await deps.db.read(organizations.list_members, caller.organization_id, limit=limit, cursor=cursor)
    return schemas.MemberPage(items=[_member(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/members/{person_id}", operation_id="get_member", summary="Read a member", responses=problems(401, 404))
async def get_member(person_id: PersonId, caller: Caller, deps: Given) -> schemas.Member:
    """A person in the organization."""
    return _member(await deps.db.read(organizations.get_member, caller.organization_id, person_id))


@router.patch(
    "/members/{person_id}",
    operation_id="set_member_role",
    summary="Give a member another role",
    responses=problems(400, 401, 404, 409, 413, 422),
)
async def set_member_role(
    wish: Json[schemas.RoleChange], person_id: PersonId, caller: Caller, deps: Given
) -> schemas.Member:
    """Change what a member is: never from, or to, more than you are."""
    return _member(await deps.db.write(organizations.set_role, caller, person_id, wish.role))


@router.delete(
    "/members/{person_id}",
    operation_id="remove_member",
    summary="Remove a member",
    status_code=204,
    responses=problems(401, 404, 409),
)
async def remove_member(person_id: PersonId, caller: Caller, deps: Given) -> None:
    """Take a member out of the organization; their account stays."""
    await deps.db.write(organizations.remove, caller, person_id)


def _member(member: Member) -> schemas.Member:
    return schemas.Member(
        person_id=member.person_id,
        email=member.email,
        name=member.name,
        role=member.role,
        joined_at=when(member.created_ms),
    )


@router.get(
    "/invitations", operation_id="list_invitations", summary="List invitations", responses=problems(400, 401, 422)
)
async def list_invitations(
    caller: Caller, deps: Given, limit: Limit = 20, cursor: Cursor = None
) -> schemas.InvitationPage:
    """Invitations that wait to be accepted, newest first."""

    def read(conn: Connection) -> schemas.InvitationPage:
        page = organizations.list_invitations(conn, caller.organization_id, now_ms(), limit=limit, cursor=cursor)
        return schemas.InvitationPage(items=[_invited(one) for one in page.items], next_cursor=page.next_cursor)

    return await deps.db.read(read)


@router.post(
    "/invitations",
    operation_id="create_invitation",
    summary="Invite somebody",
    status_code=201,
    responses=problems(400, 401, 403, 409, 413, 422, 429),
)
async def create_invitation(
    wish: Json[schemas.InvitationWish], caller: Caller, deps: Given, lobby: Entrance
) -> schemas.Invitation:
    """Send an invitation by mail, good once and for a while. Never to more than you may."""
    await people.limit_invitations(lobby, caller.organization_id, wish.email, deps.limits.max_invitations)

    def work(conn: Connection) -> Invitation:
        return organizations.invite(
            conn,
            caller,
            wish.email,
            wish.role,
            lifetime_ms=deps.limits.invitation_s * 1000,
            most=deps.limits.max_invitations,
            base_url=deps.base_url,
        )

    return _invited(await deps.db.write(work))


@router.delete(
    "/invitations/{invitation_id}",
    operation_id="revoke_invitation",
    summary="Take an invitation back",
    status_code=204,
    responses=problems(401, 404),
)
async def revoke_invitation(invitation_id: InvitationId, caller: Caller, deps: Given) -> None:
    """Let the link open nothing from now on."""
    await deps.db.write(organizations.revoke_invitation, caller.organization_id, invitation_id)


def _invited(invitation: Invitation) -> schemas.Invitation:
    return schemas.Invitation(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        invited_by=invitation.invited_by,
        created_at=when(invitation.created_ms),
        expires_at=when(invitation.expires_ms),
    )
