"""Mails as files in a folder, for who develops or has no mail server: nothing leaves the machine."""

import asyncio
import os
from pathlib import Path

from vidcompute.adapters.mail_message import compose, parse_sender
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.mail import Message

_KEPT = 1000


class OutboxMailer:
    """Implements `ports.mail.Mailer`: each mail becomes `ID.eml` (mode 0600); the newest thousand are kept."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = parse_sender(sender)

    async def send(self, message: Message) -> None:
        """See `Mailer.send`."""
        data = compose(message, self._sender).as_bytes()
        try:
            await asyncio.to_thread(self._write, message.id, data)
        except OSError as error:
            detail = f"The mail can't be written to {self._folder}: {error.strerror}."
            raise VidComputeError(Kind.UNAVAILABLE, "mail_unavailable", detail) from error

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._folder / f".{name}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / f"{name}.eml")
        for old in sorted(self._folder.glob("mail_*.eml"))[:-_KEPT]:
            old.unlink(missing_ok=True)
