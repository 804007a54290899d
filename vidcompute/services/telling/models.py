"""Kinds of mail, and who gets them unless they say otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vidcompute.db.outbox import Event


class Choice(StrEnum):
    """How much of a kind of mail a person wants: none, of what they began themselves, or all."""

    OFF = "off"
    OWN = "own"
    ALL = "all"


@dataclass(frozen=True)
class MailKind:
    """A kind of mail, named as its template. Where there are no `choices`, security needs it, and it is always sent."""

    name: str
    summary: str
    default: Choice = Choice.ALL
    choices: tuple[Choice, ...] = ()


_JOBS = (Choice.OFF, Choice.OWN, Choice.ALL)
_SWITCH = (Choice.OFF, Choice.ALL)
_ALL_KINDS = (
    MailKind("welcome", "Your account is ready."),
    MailKind("verify", "Proves that a mailbox is yours."),
    MailKind("reset", "Sets a new password."),
    MailKind("invitation", "Somebody invites you to their organization."),
    # Nobody asked for the first mail of a video that came out well; that one's own failed is worth one.
    MailKind("job_finished", "A video is ready.", Choice.OFF, _JOBS),
    MailKind("job_failed", "A video could not be processed.", Choice.OWN, _JOBS),
    MailKind("endpoint_disabled", "A webhook was switched off, for who looks after it.", Choice.ALL, _SWITCH),
    MailKind("quota_near", "A quota is nearly used up, for who looks after it.", Choice.ALL, _SWITCH),
    MailKind("cleanup_report", "What the clean-up removed, for who looks after it.", Choice.ALL, _SWITCH),
    MailKind("account_changed", "The safety of your account was changed."),
)
KINDS: Mapping[str, MailKind] = {kind.name: kind for kind in _ALL_KINDS}
"""Every kind of mail, by the name of its template."""


@dataclass(frozen=True)
class News:
    """Events that mails may follow from, and the number of the event up to which there are no others."""

    items: tuple[Event, ...]
    seq: int
    more: bool = False


@dataclass(frozen=True)
class Teller:
    """Where links in mails lead, and who is told where nobody of an organization has an address."""

    base_url: str
    operator: str | None = None


@dataclass(frozen=True)
class Recipient:
    """A member who may be told, and what they chose; None where they did not."""

    person_id: str
    email: str
    choice: Choice | None


@dataclass(frozen=True)
class Video:
    """What a mail about a job says of it."""

    title: str
    playback_id: str
    organization: str
    created_ms: int
