"""What hears of everything that the leader sends to others, to count it."""

from typing import Literal, Protocol

MailOutcome = Literal["sent", "postponed", "failed"]


class Outcomes(Protocol):
    """Is told of each attempt as it ends; labels are bounded: codes and templates, never ids or addresses."""

    def webhook_attempted(self, outcome: str, latency_ms: int) -> None:
        """An attempt at a delivery has ended: "delivered", or the code of its error."""
        ...

    def mail_attempted(self, template: str, outcome: MailOutcome) -> None:
        """An attempt at a mail has ended: it was handed over, is tried again later, or never again."""
        ...

    def events_published(self, count: int) -> None:
        """A broker has taken so many events."""
        ...

    def broker_failed(self) -> None:
        """A broker has not taken what it was given; it is tried again."""
        ...


class Unheard:
    """Where nobody counts."""

    def webhook_attempted(self, outcome: str, latency_ms: int) -> None:
        """See `Outcomes`."""

    def mail_attempted(self, template: str, outcome: MailOutcome) -> None:
        """See `Outcomes`."""

    def events_published(self, count: int) -> None:
        """See `Outcomes`."""

    def broker_failed(self) -> None:
        """See `Outcomes`."""


UNHEARD: Outcomes = Unheard()
