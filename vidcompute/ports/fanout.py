"""What one server tells the others at once, beside the database: live progress and log lines."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Message = Mapping[str, Any]
"""Plain JSON values."""
Heard = Callable[[Message], None]


class Fanout(Protocol):
    """Passes messages among servers, each at most once. What is lost is no loss: the truth is in the database."""

    def send(self, message: Message) -> None:
        """Pass a message on to all others. Returns at once and never fails; what finds no way is dropped in the end."""
        ...

    def listen(self, heard: Heard) -> None:
        """Hand over what others send, in the order in which each sent it; first what they sent a short while ago."""
        ...

    async def trouble(self) -> str | None:
        """What is wrong with it, in words; None while messages find their way."""
        ...

    async def close(self) -> None:
        """End it; what is on its way may be lost."""
        ...
