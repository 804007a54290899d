"""Organizations, their members and invitations."""

from vidcompute.services.organizations.inviting import accept, find_invitation, invite, revoke_invitation
from vidcompute.services.organizations.logos import put_logo, remove_logo
from vidcompute.services.organizations.models import Changes, Invitation, Member, Organization
from vidcompute.services.organizations.queries import get, get_member, list_invitations, list_members, logo
from vidcompute.services.organizations.service import (
    change,
    create,
    leave,
    remove,
    set_role,
    take_back_beyond,
    transfer,
)

__all__ = [
    "Changes",
    "Invitation",
    "Member",
    "Organization",
    "accept",
    "change",
    "create",
    "find_invitation",
    "get",
    "get_member",
    "invite",
    "leave",
    "list_invitations",
    "list_members",
    "logo",
    "put_logo",
    "remove",
    "remove_logo",
    "revoke_invitation",
    "set_role",
    "take_back_beyond",
    "transfer",
]
