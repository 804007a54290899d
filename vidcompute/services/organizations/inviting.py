"""Invitations: by mail, for one mailbox, good once and for a while."""

import hashlib

from sqlalchemy import Connection, insert, update

from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema_people import invitations
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id, new_secret
from vidcompute.services import mail, mailboxes
from vidcompute.services.accounts import Principal, Role
from vidcompute.services.mail import Mail
from vidcompute.services.organizations import queries, service
from vidcompute.services.organizations.models import Invitation

_DAY_MS = 24 * 3600 * 1000


def invite(
    conn: Connection, caller: Principal, email: str, role: Role, *, lifetime_ms: int, most: int, base_url: str
) -> Invitation:
    """Invite who has this mailbox, never to more than the caller may; the link goes there and nowhere else.

    `email_invalid`, `role_not_granted` (forbidden), `already_member`, `invitations_full` (conflict).
    """
    email = mailboxes.parse(email)
    organization = queries.get(conn, caller.organization_id)
    service.check_role(caller, role)
    if queries.is_member(conn, organization.id, email):
        raise VidComputeError(Kind.CONFLICT, "already_member", f"{email} is a member already.")
    at = now_ms()
    if queries.count_open_invitations(conn, organization.id, at) >= most:
        detail = f"{most} invitations wait to be accepted, which is the most; revoke one."
        raise VidComputeError(Kind.CONFLICT, "invitations_full", detail, extra={"limit": most})
    secret = new_secret()
    inviter = caller.person_id or caller.key_id
    made = Invitation(new_id("inv"), organization.id, email, role, inviter, at, at + lifetime_ms)
    conn.execute(insert(invitations).values(**{**vars(made), "role": role.value}, digest=_digest(secret)))
    emit(conn, organization.id, "invitation.created", made.id, made.told())
    values = {
        "inviter": caller.name if caller.person_id else organization.name,
        "organization": organization.name,
        "role": role.value,
        "link": f"{base_url}/account/invitation#{secret}",
        "valid_for": f"{max(1, round(lifetime_ms / _DAY_MS))} days",
    }
    mail.queue(conn, Mail(email, "invitation", values, organization.id))
    return made


def revoke_invitation(conn: Connection, organization_id: str, invitation_id: str) -> None:
    """Take an invitation back. `invitation_not_found` where it is over."""
    service.take_back(conn, queries.get_invitation(conn, organization_id, invitation_id, now_ms()))


def find_invitation(conn: Connection, secret: str, email: str | None = None) -> Invitation:
    """The invitation with this secret, to this mailbox; `invitation_not_found`, alike for all others."""
    found = queries.invitation_by_digest(conn, _digest(secret), now_ms())
    if found is None or (email is not None and found.email != email):
        detail = "This invitation was accepted, has ended, was taken back, or is for somebody else."
        raise VidComputeError(Kind.NOT_FOUND, "invitation_not_found", detail)
    return found


def accept(conn: Connection, secret: str, person_id: str, email: str) -> str:
    """Join by an invitation, once; the organization's id. `invitation_not_found`, `already_member` (conflict)."""
    found = find_invitation(conn, secret, email)
    if queries.is_member(conn, found.organization_id, email):
        raise VidComputeError(Kind.CONFLICT, "already_member", "You are a member already.")
    conn.execute(update(invitations).where(invitations.c.id == found.id).values(accepted_ms=now_ms()))
    service.join(conn, found.organization_id, person_id, email, found.role)
    return found.organization_id


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
