"""What brings a message to an endpoint that a user named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What the receiver answered: HTTP status, the beginning of the body, how long it wants to be left alone."""

    status: int
    body: str
    retry_after_s: float = 0.0


class WebhookSender(Protocol):
    """Posts one message, once; redirects are answers like any other.

    Stable error codes, where no answer came: `url_unreachable`, `url_timeout`, `url_scheme`, `url_invalid`,
    `url_address_refused`, `url_host_unknown`, `url_tls`.
    """

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send `body` with these headers, and read what comes back."""
        ...
