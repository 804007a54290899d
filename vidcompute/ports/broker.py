"""What passes events on to those who integrate by a message broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class BrokerMessage:
    """One event: its number, its type, and the whole of it as JSON text."""

    seq: int
    type: str
    body: str


class Broker(Protocol):
    """Publishes events in order. Where the last answer was lost, some may be published twice, under the same number."""

    async def publish(self, messages: Sequence[BrokerMessage]) -> None:
        """On return the broker has all of them; `broker_unavailable` (unavailable) where that is not known."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
