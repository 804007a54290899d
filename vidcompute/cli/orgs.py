"""The commands about one's organizations: list, use, create, rename, logo, leave."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcompute.cli import wishes
from vidcompute.cli.jobs import local_time
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError, invalid, not_found

ORGANIZATIONS = "/api/v1/organizations"
ORGANIZATION = "/api/v1/organization"
# Asked for nowhere in particular: one may have been taken out of the organization that was in use.
_ANYWHERE = {"X-Organization": ""}

OrganizationArgument = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="An organization's slug or id.")]


def _mine(session: Session) -> list[dict[str, Any]]:
    """Where one is a member; for a key, its organization."""
    if session.api.answer("GET", "/api/v1/caller", headers=_ANYWHERE).json()["person_id"] is not None:
        return list(session.api.answer("GET", ORGANIZATIONS, headers=_ANYWHERE).json()["items"])
    one = session.api.get(ORGANIZATION)
    told = {"name": one["name"], "slug": one["slug"], "role": None, "joined_at": one["created_at"]}
    return [{"organization_id": one["id"], **told}]


def _in_use(session: Session, items: list[dict[str, Any]]) -> str | None:
    """The one that commands are about: that of the login, else the first that was joined."""
    login = session.login()
    if login is not None and login.organization_id is not None:
        return login.organization_id
    return items[0]["organization_id"] if items else None


def list_orgs(session: Session) -> int | None:
    """List one's organizations; a star marks the one that commands are about."""
    items = _mine(session)
    using = _in_use(session, items)
    session.output.json({"items": [{**one, "in_use": one["organization_id"] == using} for one in items]})
    head = ("", "slug", "name", "role", "since", "organization")
    session.output.table(head, (_row(one, using) for one in items))
    return None


def _row(one: Mapping[str, Any], using: str | None) -> tuple[object, ...]:
    mark = "*" if one["organization_id"] == using else ""
    return (mark, one["slug"], one["name"], one["role"], local_time(one["joined_at"]), one["organization_id"])


def use(session: Session, organization: OrganizationArgument) -> int | None:
    """Let commands be about this organization from now on. Needs a login; a key has its own."""
    items = _mine(session)
    found = next((one for one in items if organization in {one["organization_id"], one["slug"]}), None)
    if found is None:
        raise not_found("organization", organization)
    _switch(session, found["organization_id"])
    session.output.json(found)
    session.output.say(f"{found['name']} is in use now")
    return None


def _switch(session: Session, organization_id: str | None) -> None:
    url = session.server_url()
    if session.login() is None:
        detail = "A key works in its own organization; log in by `vidctl login` to choose among yours."
        raise VidComputeError(Kind.UNAUTHENTICATED, "not_logged_in", detail)
    session.logins.change(url, lambda login: login and replace(login, organization_id=organization_id))


def create(session: Session, name: Annotated[str, typer.Argument(help="What people call it.")]) -> int | None:
    """Make an organization and be its owner. `vidctl orgs use` goes there."""
    made = session.api.answer("POST", ORGANIZATIONS, json={"name": name}, headers=_ANYWHERE).json()
    session.output.json(made)
    session.output.say(f"{made['name']} ({made['slug']}) is made; to work there: vidctl orgs use {made['slug']}")
    return None


def rename(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="What people call it from now on.")] = None,
    *,
    slug: Annotated[str | None, typer.Option(help="Its name in addresses from now on.")] = None,
) -> int | None:
    """Give the organization in use another name, or another slug."""
    changes = {key: value for key, value in (("name", name), ("slug", slug)) if value is not None}
    if not changes:
        raise typer.BadParameter("say a name, or --slug")
    changed = session.api.patch(ORGANIZATION, changes)
    session.output.json(changed)
    session.output.say(f"It is {changed['name']} ({changed['slug']}) now")
    return None


def logo(
    session: Session,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A PNG, JPEG or WebP.")] = None,
    *,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Save the present one (PNG).")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Let it have none.")] = False,
) -> int | None:
    """Give the organization in use a logo, save it as a file, or take it away."""
    address = f"{ORGANIZATION}/logo"
    if [file is not None, save is not None, remove].count(True) != 1:
        raise typer.BadParameter("say a file, or --save FILE, or --remove")
    if file is not None:
        try:
            data = wishes.media_file(file).read_bytes()
        except OSError as error:
            raise invalid("file_unreadable", f"{file} can't be read: {error.strerror}.") from error
        session.api.answer("PUT", address, content=data)
    elif save is not None:
        session.api.download(address, save, lambda _sent, _all: None)
    else:
        session.api.delete(address)
    session.output.json({"done": True})
    session.output.say("done")
    return None


def demand(
    session: Session,
    *,
    second_factor: Annotated[bool, typer.Option(help="Whether members need one to do anything.")],
) -> int | None:
    """Say whether the organization in use demands a second factor of its members."""
    changed = session.api.patch(ORGANIZATION, {"second_factor_required": second_factor})
    session.output.json(changed)
    told = "demands a second factor now" if second_factor else "demands no second factor any more"
    session.output.say(f"{changed['name']} {told}")
    return None


def leave(session: Session) -> int | None:
    """Be a member of the organization in use no more."""
    session.api.post(f"{ORGANIZATION}/leave")
    if session.login() is not None:
        _switch(session, None)
    session.output.json({"left": True})
    session.output.say("left")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands, as a group."""
    group = typer.Typer(help="List, choose, make, rename and leave organizations.", no_args_is_help=True)
    for name, function in (
        ("list", list_orgs),
        ("use", use),
        ("create", create),
        ("rename", rename),
        ("logo", logo),
        ("demand", demand),
        ("leave", leave),
    ):
        command(group, name)(function)
    app.add_typer(group, name="orgs", rich_help_panel="Access")
