"""What is read about organizations and their members."""

from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select

from vidcompute.db.schema import organizations
from vidcompute.db.schema_people import invitations, logos, memberships, persons, second_factors
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.services.accounts import Role
from vidcompute.services.organizations.models import Invitation, Member, Organization
from vidcompute.services.paging import Page, page_of, parse_cursor

_ORGANIZATION = [organizations.c[name] for name in Organization.__annotations__]
_INVITATION = [invitations.c[name] for name in Invitation.__annotations__]


def get(conn: Connection, organization_id: str) -> Organization:
    """The organization; `organization_not_found`."""
    row = conn.execute(select(*_ORGANIZATION).where(organizations.c.id == organization_id)).one_or_none()
    if row is None:
        raise not_found("organization", organization_id)
    return Organization(**row._mapping)


def logo(conn: Connection, organization_id: str) -> bytes:
    """The organization's logo, a PNG; `logo_not_found`."""
    query = select(logos.c.picture).where(logos.c.organization_id == organization_id)
    found: bytes | None = conn.execute(query).scalar()
    if found is None:
        raise VidComputeError(Kind.NOT_FOUND, "logo_not_found", "This organization has no logo.")
    return found


def slug_is_taken(conn: Connection, slug: str) -> bool:
    """Whether an organization has this name in addresses."""
    return bool(conn.execute(select(exists().where(organizations.c.slug == slug))).scalar())


def _members(organization_id: str) -> Select[Any]:
    query = select(
        memberships.c.person_id, persons.c.email, persons.c.name, memberships.c.role, memberships.c.created_ms
    )
    query = query.join(persons, persons.c.id == memberships.c.person_id)
    return query.where(memberships.c.organization_id == organization_id)


def _member(row: Row[Any]) -> Member:
    return Member(**{**row._mapping, "role": Role(row.role)})


def list_members(conn: Connection, organization_id: str, *, limit: int = 20, cursor: str | None = None) -> Page[Member]:
    """A page of members, the newest persons first."""
    query = _members(organization_id)
    last = parse_cursor("person", cursor)
    if last is not None:
        query = query.where(memberships.c.person_id < last)
    rows = conn.execute(query.order_by(memberships.c.person_id.desc()).limit(limit + 1)).all()
    return page_of([_member(row) for row in rows], [row.person_id for row in rows], limit)


def get_member(conn: Connection, organization_id: str, person_id: str) -> Member:
    """The member; `member_not_found` where there is none of this organization."""
    row = conn.execute(_members(organization_id).where(memberships.c.person_id == person_id)).one_or_none()
    if row is None:
        raise not_found("member", person_id)
    return _member(row)


def is_member(conn: Connection, organization_id: str, email: str) -> bool:
    """Whether the person with this address is a member."""
    return conn.execute(_members(organization_id).where(persons.c.email == email)).first() is not None


def count_owners(conn: Connection, organization_id: str) -> int:
    """How many owners an organization has."""
    query = select(func.count()).select_from(memberships)
    query = query.where(memberships.c.organization_id == organization_id, memberships.c.role == Role.OWNER.value)
    return int(conn.execute(query).scalar_one())


def with_second_factor(conn: Connection, organization_id: str) -> dict[str, Role]:
    """The members who are asked for a code when they log in, and what they are."""
    query = select(memberships.c.person_id, memberships.c.role)
    query = query.join(second_factors, second_factors.c.person_id == memberships.c.person_id)
    query = query.where(memberships.c.organization_id == organization_id, second_factors.c.confirmed_ms.is_not(None))
    return {row.person_id: Role(row.role) for row in conn.execute(query)}


def count_owned(conn: Connection, person_id: str) -> int:
    """How many organizations a person is the owner of."""
    query = select(func.count()).select_from(memberships)
    query = query.where(memberships.c.person_id == person_id, memberships.c.role == Role.OWNER.value)
    return int(conn.execute(query).scalar_one())


def count_open_invitations(conn: Connection, organization_id: str, at_ms: int) -> int:
    """How many invitations wait to be accepted."""
    query = select(func.count()).select_from(invitations)
    query = query.where(invitations.c.organization_id == organization_id, *_open(at_ms))
    return int(conn.execute(query).scalar_one())


def _open(at_ms: int) -> tuple[Any, ...]:
    return invitations.c.accepted_ms.is_(None), invitations.c.revoked_ms.is_(None), invitations.c.expires_ms > at_ms


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(**{**row._mapping, "role": Role(row.role)})


def list_invitations(
    conn: Connection, organization_id: str, at_ms: int, *, limit: int = 20, cursor: str | None = None
) -> Page[Invitation]:
    """A page of the invitations that wait to be accepted, newest first."""
    query = select(*_INVITATION).where(invitations.c.organization_id == organization_id, *_open(at_ms))
    last = parse_cursor("inv", cursor)
    if last is not None:
        query = query.where(invitations.c.id < last)
    rows = conn.execute(query.order_by(invitations.c.id.desc()).limit(limit + 1)).all()
    return page_of([_invitation(row) for row in rows], [row.id for row in rows], limit)


def get_invitation(conn: Connection, organization_id: str, invitation_id: str, at_ms: int) -> Invitation:
    """An invitation that waits to be accepted; `invitation_not_found`."""
    query = select(*_INVITATION).where(invitations.c.id == invitation_id, *_open(at_ms))
    row = conn.execute(query.where(invitations.c.organization_id == organization_id)).one_or_none()
    if row is None:
        raise not_found("invitation", invitation_id)
    return _invitation(row)


def invitations_by(conn: Connection, organization_id: str, inviter_id: str, at_ms: int) -> list[Invitation]:
    """The invitations of a person, or a key, that wait to be accepted."""
    query = select(*_INVITATION).where(invitations.c.organization_id == organization_id, *_open(at_ms))
    return [_invitation(row) for row in conn.execute(query.where(invitations.c.invited_by == inviter_id))]


def invitation_by_digest(conn: Connection, digest: str, at_ms: int) -> Invitation | None:
    """The invitation with this secret, while it waits to be accepted."""
    row = conn.execute(select(*_INVITATION).where(invitations.c.digest == digest, *_open(at_ms))).one_or_none()
    return None if row is None else _invitation(row)
