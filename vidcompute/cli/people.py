"""`vidctl people`: for who runs the installation: what is kept about a person, shown and taken away; and a lost app."""

import json
from pathlib import Path
from typing import Annotated

import typer

from vidcompute.cli.session import Session, command

PEOPLE = "/api/v1/people"

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The address of their account.")]


def export(
    session: Session,
    email: EmailArgument,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Save it there.")] = None,
) -> int | None:
    """Print, or save, all that is kept about a person, as JSON."""
    kept = session.api.post(f"{PEOPLE}/export", {"email": email})
    text = json.dumps(kept, indent=2, ensure_ascii=False)
    if output is None:
        session.output.json(kept)
        for line in text.splitlines():
            session.output.say(line)
        return None
    output.write_text(text + "\n", encoding="utf-8")
    session.output.json({"file": str(output), "person_id": kept["person_id"]})
    session.output.say(f"saved as {output}")
    return None


def erase(
    session: Session,
    email: EmailArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int | None:
    """Erase a person: their account, and their name from logs. The videos of their organizations stay."""
    session.output.confirm(f"Erase {email} for good? It can't be undone.", yes=yes)
    session.api.post(f"{PEOPLE}/erase", {"email": email})
    session.output.json({"email": email, "erased": True})
    session.output.say(f"{email} erased")
    return None


def second_factor_off(
    session: Session,
    email: EmailArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int | None:
    """Ask a person for codes no more who has lost the app and the recovery codes. A mail tells them of it."""
    session.output.confirm(f"Let {email} in by the password alone? Be sure that it is them who asks.", yes=yes)
    session.api.post(f"{PEOPLE}/second-factor/off", {"email": email})
    session.output.json({"email": email, "second_factor": False})
    session.output.say(f"{email} is asked for codes no more")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands, as a group."""
    group = typer.Typer(help="Any person's account: show what is kept, erase it, help them in.", no_args_is_help=True)
    command(group, "export")(export)
    command(group, "erase")(erase)
    command(group, "second-factor-off")(second_factor_off)
    app.add_typer(group, name="people", rich_help_panel="Access")
