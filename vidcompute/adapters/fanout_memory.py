"""The fan-out within one process: for a server that is alone, and for tests."""

from dataclasses import dataclass, field

from vidcompute.ports.fanout import Heard, Message


@dataclass
class Exchange:
    """Where the parts of one process meet."""

    members: list["MemoryFanout"] = field(default_factory=list)
    sent: list[tuple["MemoryFanout", Message]] = field(default_factory=list)  # a short while ago


class MemoryFanout:
    """Implements `ports.fanout.Fanout` among those who share an exchange."""

    def __init__(self, exchange: Exchange | None = None, kept: int = 1000) -> None:
        self._exchange = exchange or Exchange()
        self._kept = kept
        self._heard: Heard | None = None

    def send(self, message: Message) -> None:
        """See `Fanout.send`."""
        sent = self._exchange.sent
        sent.append((self, message))
        del sent[: -self._kept]
        for member in self._exchange.members:
            member.hear(self, message)

    def hear(self, sender: "MemoryFanout", message: Message) -> None:
        """Take what a member sent; one's own is no news."""
        if self._heard is not None and sender is not self:
            self._heard(message)

    def listen(self, heard: Heard) -> None:
        """See `Fanout.listen`."""
        self._heard = heard
        for sender, message in list(self._exchange.sent):
            self.hear(sender, message)
        self._exchange.members.append(self)

    async def trouble(self) -> str | None:
        """See `Fanout.trouble`: memory does not go away."""
        return None

    async def close(self) -> None:
        """See `Fanout.close`."""
        self._heard = None
        if self in self._exchange.members:
            self._exchange.members.remove(self)
