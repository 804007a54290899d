"""What is read about mails."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from vidcompute.db.schema_outgoing import WAITING, mails
from vidcompute.services.mail.models import DueMail, LoggedMail, MailStatus
from vidcompute.services.paging import Page, page_of, parse_cursor

_DUE = [mails.c[name] for name in DueMail.__annotations__]
_LOGGED = (
    mails.c.id,
    mails.c.recipient,
    mails.c.template,
    mails.c.status,
    mails.c.attempts,
    mails.c.error_code,
    mails.c.error_detail,
    mails.c.created_ms,
    mails.c.next_ms,
    mails.c.ended_ms,
)


def due(conn: Connection, at_ms: int, limit: int) -> list[DueMail]:
    """Up to `limit` mails whose time has come, the longest due first."""
    query = select(*_DUE)
    query = query.where(WAITING, mails.c.next_ms <= at_ms).order_by(mails.c.next_ms).limit(limit)
    return [DueMail(*row) for row in conn.execute(query)]


def next_due_ms(conn: Connection) -> int | None:
    """When the next mail is due; None where none waits."""
    return conn.execute(select(func.min(mails.c.next_ms)).where(WAITING)).scalar()


def attempts_of(conn: Connection, mail_id: str) -> int:
    """How often it was tried to send this mail."""
    return int(conn.execute(select(mails.c.attempts).where(mails.c.id == mail_id)).scalar_one())


def list_mails(conn: Connection, organization_id: str, *, limit: int, cursor: str | None) -> Page[LoggedMail]:
    """An organization's mails, newest first; those to persons alone are in nobody's log."""
    after = parse_cursor("mail", cursor)
    query = select(*_LOGGED).where(mails.c.organization_id == organization_id)
    if after is not None:
        query = query.where(mails.c.id < after)
    found = [_logged(row) for row in conn.execute(query.order_by(mails.c.id.desc()).limit(limit + 1))]
    return page_of(found, [mail.id for mail in found], limit)


def _logged(row: Row[*tuple[Any, ...]]) -> LoggedMail:
    status = MailStatus(row.status)
    next_ms = row.next_ms if status is MailStatus.WAITING else None
    return LoggedMail(**{**row._mapping, "status": status, "next_ms": next_ms})
