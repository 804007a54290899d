"""Values of mails."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MailStatus(StrEnum):
    """Where a mail stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Mail:
    """A mail to be sent: `template` is one of TEMPLATES, `values` what it is filled with, as texts.

    `organization_id` is whose log it is in; None for what concerns a person alone. `unsubscribe` is the address that
    ends mails of this kind to this person; None where security needs them.
    """

    recipient: str
    template: str
    values: Mapping[str, str]
    organization_id: str | None = None
    unsubscribe: str | None = None


@dataclass(frozen=True)
class DueMail:
    """A mail whose time has come; `attempts` were made before."""

    id: str
    recipient: str
    template: str
    values: Mapping[str, str]
    attempts: int
    unsubscribe: str | None = None


@dataclass(frozen=True)
class LoggedMail:
    """A mail in the log: what was to be sent to whom, and what came of it."""

    id: str
    recipient: str
    template: str
    status: MailStatus
    attempts: int
    error_code: str | None
    error_detail: str | None
    created_ms: int
    next_ms: int | None  # of the next attempt, while it waits
    ended_ms: int | None
