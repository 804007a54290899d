"""Mails to people: `queue` one in the running transaction, and the leader sends it."""

from vidcompute.services.mail.models import DueMail, LoggedMail, Mail, MailStatus
from vidcompute.services.mail.queries import due, list_mails, next_due_ms
from vidcompute.services.mail.rendering import VALUES, Rendered, render
from vidcompute.services.mail.service import purge, queue, record_failure, record_sent

__all__ = [
    "VALUES",
    "DueMail",
    "LoggedMail",
    "Mail",
    "MailStatus",
    "Rendered",
    "due",
    "list_mails",
    "next_due_ms",
    "purge",
    "queue",
    "record_failure",
    "record_sent",
    "render",
]
