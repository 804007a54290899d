"""What takes mails away."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """One mail to one person. `subject` is one line; `id` is the same each time that it is handed over.

    `unsubscribe` is the address at which this person ends mails of this kind: a page, and by POST at once.
    """

    id: str
    recipient: str
    subject: str
    text: str
    html: str
    unsubscribe: str | None = None


class Mailer(Protocol):
    """Hands mails to whoever brings them to people.

    Stable error codes: `mail_unavailable` (nobody takes it now: try again), `mail_refused` (nobody will ever take it).
    """

    async def send(self, message: Message) -> None:
        """Hand it over; on return it is in other hands."""
        ...
