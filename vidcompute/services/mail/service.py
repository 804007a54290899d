"""Mails: queued in the caller's transaction, sent by the leader, logged with what came of them."""

import random
from email.errors import MessageError
from email.headerregistry import Address

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import now_ms, wake
from vidcompute.db.schema_outgoing import mails
from vidcompute.errors import VidComputeError, invalid
from vidcompute.ids import new_id
from vidcompute.services.mail import queries
from vidcompute.services.mail.models import Mail, MailStatus
from vidcompute.services.mail.rendering import VALUES

_MINUTE_MS = 60_000
RETRY_AFTER_MS = tuple(minutes * _MINUTE_MS for minutes in (1, 5, 30, 120, 360, 720, 1440))
_JITTER = 0.1  # of a wait: mails that failed together are not to come back together
_LONGEST_DETAIL = 1000


def queue(conn: Connection, mail: Mail) -> str:
    """Send a mail once the running transaction is committed; its identifier. Nothing is sent where it is undone.

    Raises `mail_address_invalid` for a recipient that is no plain address (`user@host`, without a name).
    """
    missing = VALUES[mail.template].symmetric_difference(mail.values)
    if missing:
        raise ValueError(f"the template {mail.template} wants exactly {sorted(VALUES[mail.template])}")
    _check_address(mail.recipient)
    at = now_ms()
    mail_id = new_id("mail")
    conn.execute(
        insert(mails).values(
            id=mail_id,
            organization_id=mail.organization_id,
            recipient=mail.recipient,
            template=mail.template,
            values=dict(mail.values),
            unsubscribe=mail.unsubscribe,
            status=MailStatus.WAITING,
            attempts=0,
            next_ms=at,
            created_ms=at,
        )
    )
    wake(conn)
    return mail_id


def _check_address(text: str) -> None:
    try:
        address = Address(addr_spec=text)
        fine = text.isprintable() and address.addr_spec == text and bool(address.domain)
    except (MessageError, ValueError, IndexError):
        fine = False
    if not fine or len(text) > 320:
        raise invalid("mail_address_invalid", f"{text[:80]!r} is not an e-mail address.")


def record_sent(conn: Connection, mail_id: str, at_ms: int) -> None:
    """It was handed over; what it was filled with is forgotten."""
    _end(conn, mail_id, MailStatus.SENT, at_ms, error_code=None, error_detail=None)


def record_failure(conn: Connection, mail_id: str, error: VidComputeError, at_ms: int) -> MailStatus:
    """An attempt failed: it waits for another one, unless that can't help or there was enough of it; how it stands."""
    attempts = queries.attempts_of(conn, mail_id)
    told = {"error_code": error.code, "error_detail": error.detail[:_LONGEST_DETAIL]}
    if not error.kind.retryable or attempts >= len(RETRY_AFTER_MS):
        _end(conn, mail_id, MailStatus.FAILED, at_ms, **told)
        return MailStatus.FAILED
    wait_ms = RETRY_AFTER_MS[attempts] * random.uniform(1, 1 + _JITTER)
    fresh = {"attempts": attempts + 1, "next_ms": at_ms + round(wait_ms), **told}
    conn.execute(update(mails).where(mails.c.id == mail_id).values(fresh))
    return MailStatus.WAITING


def _end(conn: Connection, mail_id: str, status: MailStatus, at_ms: int, **told: str | None) -> None:
    forgotten = {"values": None, "unsubscribe": None}
    fresh = {"status": status, "attempts": mails.c.attempts + 1, "ended_ms": at_ms, **forgotten, **told}
    conn.execute(update(mails).where(mails.c.id == mail_id).values(fresh))


def purge(conn: Connection, before_ms: int) -> int:
    """Remove from the log what was queued before then; how many mails."""
    return conn.execute(delete(mails).where(mails.c.created_ms < before_ms)).rowcount
