"""`vidctl mails`: the log of mails; where no mail server is set, the mails themselves, in this machine's outbox."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcompute.cli.jobs import local_time, pages
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError

if TYPE_CHECKING:
    from email.message import EmailMessage


def log(session: Session, *, limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20) -> int | None:
    """List what was, and is to be, sent by mail for the organization, newest first, and what came of it."""
    found = pages(session, "/api/v1/mails", limit, {})
    session.output.json(found)
    rows = (
        (
            mail["id"],
            mail["status"],
            local_time(mail["created_at"]),
            mail["template"],
            mail["recipient"],
            f"{mail['error_detail']} [{mail['error_code']}]" if mail["error_code"] else "",
        )
        for mail in found["items"]
    )
    session.output.table(("mail", "status", "queued", "template", "to", "error"), rows)
    return None


def outbox(
    session: Session, *, limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20
) -> int | None:
    """List the mails in this machine's outbox, newest first: they are there while no mail server is set."""
    found = [(path.stem, _read(path)) for path in _files(session)[:limit]]
    session.output.json(
        {"items": [{"id": name, "to": str(mail["To"]), "subject": str(mail["Subject"])} for name, mail in found]}
    )
    rows = ((name, str(mail["Date"]), str(mail["To"]), str(mail["Subject"])) for name, mail in found)
    session.output.table(("mail", "date", "to", "subject"), rows)
    return None


def read(
    session: Session,
    mail_id: Annotated[str | None, typer.Argument(metavar="[MAIL]", help="Its id; left out, the newest.")] = None,
    *,
    html: Annotated[bool, typer.Option("--html", help="Print its HTML, instead of its text.")] = False,
) -> int | None:
    """Print a mail of this machine's outbox."""
    wanted = [path for path in _files(session) if mail_id in {None, path.stem}]
    if not wanted:
        raise VidComputeError(Kind.NOT_FOUND, "mail_not_found", "There is no such mail in this machine's outbox.")
    mail = _read(wanted[0])
    texts = {kind: part.get_content() if (part := mail.get_body((kind,))) else "" for kind in ("plain", "html")}
    session.output.json({"id": wanted[0].stem, "to": str(mail["To"]), "subject": str(mail["Subject"]), **texts})
    if html:
        session.output.say(texts["html"])
        return None
    session.output.say(f"To: {mail['To']}")
    session.output.say(f"Subject: {mail['Subject']}")
    for line in ("", *texts["plain"].splitlines()):
        session.output.say(line)
    return None


def _files(session: Session) -> list[Path]:
    folder = session.local.outbox()
    return sorted(folder.glob("mail_*.eml"), reverse=True)


def _read(path: Path) -> "EmailMessage":
    from email import message_from_bytes
    from email.policy import default

    return message_from_bytes(path.read_bytes(), policy=default)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What is sent by mail.", no_args_is_help=True)
    command(group, "list")(log)
    command(group, "outbox", online=False)(outbox)
    command(group, "read", online=False)(read)
    app.add_typer(group, name="mails", rich_help_panel="Integration")
