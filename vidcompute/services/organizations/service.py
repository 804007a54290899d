"""What is done with organizations: made, named, and who is in them as what.

Nobody gives, or takes, a role that may do more than they may; and an organization always has an owner, once it had one.
"""

import re
import unicodedata

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema import organizations
from vidcompute.db.schema_people import invitations, memberships
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.ids import new_id
from vidcompute.services.accounts import Principal, Role, Scope, scopes_of
from vidcompute.services.organizations import queries
from vidcompute.services.organizations.models import Changes, Invitation, Member, Organization

_SLUG = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_LONGEST_SLUG = 60


def create(conn: Connection, person_id: str, email: str, name: str, *, most: int | None = None) -> Organization:
    """Make an organization that this person owns; `organizations_full` (conflict) beyond `most` of those."""
    if most is not None and queries.count_owned(conn, person_id) >= most:
        detail = f"You are the owner of {most} organizations, which is the most."
        raise VidComputeError(Kind.CONFLICT, "organizations_full", detail, extra={"limit": most})
    organization_id = new_id("org")
    made = Organization(organization_id, name, _free_slug(conn, name, organization_id), now_ms())
    conn.execute(insert(organizations).values(**vars(made)))
    emit(conn, organization_id, "organization.created", organization_id, {"name": name, "slug": made.slug})
    join(conn, organization_id, person_id, email, Role.OWNER)
    return made


def change(conn: Connection, organization_id: str, changes: Changes, person_id: str = "") -> Organization:
    """Change its name, its slug, or what it demands, for a person where one asks for it.

    `slug_invalid`; `slug_taken`, `second_factor_missing` (conflict).
    """
    fresh = {name: value for name, value in vars(changes).items() if value is not None}
    before = queries.get(conn, organization_id)
    if changes.slug is not None and changes.slug != before.slug:
        _check_slug(conn, changes.slug)
    if changes.second_factor_required and not before.second_factor_required:
        _check_second_factors(conn, organization_id, person_id)
    if fresh:
        conn.execute(update(organizations).where(organizations.c.id == organization_id).values(fresh))
        emit(conn, organization_id, "organization.updated", organization_id, {"fields": sorted(fresh)})
    return queries.get(conn, organization_id)


def join(conn: Connection, organization_id: str, person_id: str, email: str, role: Role) -> None:
    """Make a person a member."""
    row = {"organization_id": organization_id, "person_id": person_id, "role": role.value, "created_ms": now_ms()}
    conn.execute(insert(memberships).values(row))
    emit(conn, organization_id, "member.joined", person_id, _told(person_id, email, role))


def set_role(conn: Connection, caller: Principal, person_id: str, role: Role) -> Member:
    """Give a member another role. `member_not_found`, `role_not_granted` (forbidden), `last_owner` (conflict)."""
    member = queries.get_member(conn, caller.organization_id, person_id)
    check_role(caller, member.role)
    check_role(caller, role)
    if member.role is not role:
        _check_owners(conn, caller.organization_id, member, stays=role is Role.OWNER)
        _set(conn, caller.organization_id, member, role)
    return queries.get_member(conn, caller.organization_id, person_id)


def remove(conn: Connection, caller: Principal, person_id: str) -> None:
    """Take a member out. `member_not_found`, `role_not_granted` (forbidden), `last_owner` (conflict)."""
    member = queries.get_member(conn, caller.organization_id, person_id)
    check_role(caller, member.role)
    _leave(conn, caller.organization_id, member)


def leave(conn: Connection, caller: Principal) -> None:
    """Let the caller go. `member_not_found` for who is in none, `last_owner` (conflict)."""
    _leave(conn, caller.organization_id, queries.get_member(conn, caller.organization_id, caller.person_id))


def transfer(conn: Connection, caller: Principal, person_id: str) -> Member:
    """Make a member the owner; a person who was it, and asks for this, is an admin then. `member_not_found`."""
    member = queries.get_member(conn, caller.organization_id, person_id)
    if member.role is not Role.OWNER:
        _set(conn, caller.organization_id, member, Role.OWNER)
    if caller.person_id and caller.person_id != person_id:
        former = queries.get_member(conn, caller.organization_id, caller.person_id)
        _set(conn, caller.organization_id, former, Role.ADMIN)
    return queries.get_member(conn, caller.organization_id, person_id)


def check_role(caller: Principal, role: Role) -> None:
    """Refuse who would give, or take, what they do not have themselves: `role_not_granted` (forbidden)."""
    if not scopes_of(role, caller.organization_id) <= caller.scopes:
        detail = f"The role {role.value} may do more than you may: somebody else has to decide about it."
        raise VidComputeError(Kind.FORBIDDEN, "role_not_granted", detail)


def _leave(conn: Connection, organization_id: str, member: Member) -> None:
    _check_owners(conn, organization_id, member, stays=False)
    mine = (memberships.c.organization_id == organization_id) & (memberships.c.person_id == member.person_id)
    conn.execute(delete(memberships).where(mine))
    emit(conn, organization_id, "member.left", member.person_id, _told(member.person_id, member.email, member.role))
    take_back_beyond(conn, organization_id, member.person_id, frozenset())


def _set(conn: Connection, organization_id: str, member: Member, role: Role) -> None:
    mine = (memberships.c.organization_id == organization_id) & (memberships.c.person_id == member.person_id)
    conn.execute(update(memberships).where(mine).values(role=role.value))
    emit(conn, organization_id, "member.changed", member.person_id, _told(member.person_id, member.email, role))
    take_back_beyond(conn, organization_id, member.person_id, scopes_of(role, organization_id))


def take_back_beyond(conn: Connection, organization_id: str, inviter_id: str, scopes: frozenset[Scope]) -> None:
    """End the invitations of a person, or a key, to more than these scopes: who has lost them leaves no way back."""
    for found in queries.invitations_by(conn, organization_id, inviter_id, now_ms()):
        if not scopes_of(found.role, organization_id) <= scopes:
            take_back(conn, found)


def take_back(conn: Connection, invitation: Invitation) -> None:
    """Let an invitation open nothing any more."""
    conn.execute(update(invitations).where(invitations.c.id == invitation.id).values(revoked_ms=now_ms()))
    emit(conn, invitation.organization_id, "invitation.revoked", invitation.id, invitation.told())


def _check_owners(conn: Connection, organization_id: str, member: Member, *, stays: bool) -> None:
    if member.role is Role.OWNER and not stays and queries.count_owners(conn, organization_id) == 1:
        detail = "This is the only owner: make somebody else an owner first."
        raise VidComputeError(Kind.CONFLICT, "last_owner", detail)


def _told(person_id: str, email: str, role: Role) -> dict[str, str]:
    return {"person_id": person_id, "email": email, "role": role.value}


def _check_second_factors(conn: Connection, organization_id: str, person_id: str) -> None:
    """Who makes the rule has to keep it, and so has an owner: there is always somebody who can lift it."""
    having = queries.with_second_factor(conn, organization_id)
    if person_id and person_id not in having:
        detail = "Set up a second factor for yourself first, at /account/security."
        raise VidComputeError(Kind.CONFLICT, "second_factor_missing", detail)
    if Role.OWNER not in having.values() and queries.count_owners(conn, organization_id):
        detail = "No owner of this organization has a second factor: one of them has to set it up first."
        raise VidComputeError(Kind.CONFLICT, "second_factor_missing", detail)


def _check_slug(conn: Connection, slug: str) -> None:
    if len(slug) > _LONGEST_SLUG or not _SLUG.fullmatch(slug):
        told = "Use letters a to z, digits, and single hyphens between them."
        raise invalid("slug_invalid", f"{slug[:80]!r} can't be in an address. {told}", FieldProblem("/slug", told))
    if queries.slug_is_taken(conn, slug):
        raise VidComputeError(Kind.CONFLICT, "slug_taken", f"There is an organization {slug!r} already.")


def _free_slug(conn: Connection, name: str, organization_id: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    if slug and not queries.slug_is_taken(conn, slug):
        return slug
    return f"{slug or 'org'}-{organization_id[-10:]}"
