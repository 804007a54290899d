"""The commands about the members of an organization: list, invite, role, remove, transfer."""

from typing import Annotated

import typer

from vidcompute.cli.jobs import local_time, pages
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import is_id

MEMBERS = "/api/v1/members"
TRANSFER = "/api/v1/organization/transfer"
INVITATIONS = "/api/v1/invitations"

PersonArgument = Annotated[str, typer.Argument(metavar="PERSON", help="A person's id.")]
RoleOption = Annotated[str, typer.Option(metavar="owner|admin|editor|viewer", help="What they may do.")]


def path_of(person_id: str) -> str:
    """A member's address; `member_not_found` for what can't be one."""
    if not is_id("person", person_id):
        detail = f"{person_id!r} is no person's id; `vidctl members list` shows them."
        raise VidComputeError(Kind.NOT_FOUND, "member_not_found", detail)
    return f"{MEMBERS}/{person_id}"


def list_members(
    session: Session, *, limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 100
) -> int | None:
    """List members, and who is invited."""
    members = pages(session, MEMBERS, limit, {})
    invited = pages(session, INVITATIONS, limit, {})
    session.output.json({"members": members["items"], "invitations": invited["items"]})
    rows = [(one["person_id"], one["email"], one["role"], local_time(one["joined_at"])) for one in members["items"]]
    rows += [
        (one["id"], one["email"], one["role"], f"invited until {local_time(one['expires_at'])}")
        for one in invited["items"]
    ]
    session.output.table(("id", "address", "role", "since"), rows)
    return None


def invite(
    session: Session,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Their e-mail address.")],
    *,
    role: RoleOption = "viewer",
) -> int | None:
    """Invite somebody by mail."""
    invited = session.api.post(INVITATIONS, {"email": email, "role": role})
    session.output.json(invited)
    until = local_time(invited["expires_at"])
    session.output.say(f"{invited['email']} is invited as {invited['role']}, until {until} ({invited['id']})")
    return None


def role(session: Session, person_id: PersonArgument, role: Annotated[str, typer.Argument()]) -> int | None:
    """Give a member another role."""
    member = session.api.patch(path_of(person_id), {"role": role})
    session.output.json(member)
    session.output.say(f"{member['email']} is {member['role']} now")
    return None


def remove(
    session: Session, who: Annotated[str, typer.Argument(metavar="PERSON|INVITATION", help="Whose id.")]
) -> int | None:
    """Remove a member, or take an invitation back."""
    session.api.delete(f"{INVITATIONS}/{who}" if is_id("inv", who) else path_of(who))
    session.output.json({"id": who, "removed": True})
    session.output.say(f"{who} removed")
    return None


def transfer(session: Session, person_id: PersonArgument) -> int | None:
    """Make a member the owner of the organization, and be an admin from then on."""
    path_of(person_id)
    member = session.api.post(TRANSFER, {"person_id": person_id})
    session.output.json(member)
    session.output.say(f"{member['email']} is the owner now")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands, as a group."""
    group = typer.Typer(help="List, invite and remove members; change their roles.", no_args_is_help=True)
    for name, function in (
        ("list", list_members),
        ("invite", invite),
        ("role", role),
        ("remove", remove),
        ("transfer", transfer),
    ):
        command(group, name)(function)
    app.add_typer(group, name="members", rich_help_panel="Access")
