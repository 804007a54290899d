"""Mails by SMTP, over TLS from the first byte or from STARTTLS on; without TLS only where the setting says so."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from vidcompute.adapters.mail_message import compose, parse_sender
from vidcompute.errors import Kind, VidComputeError, invalid, refused
from vidcompute.ports.mail import Message

_TIMEOUT_S = 30.0
_SECURITY: dict[str, Literal["tls", "starttls", "none"]] = {
    "smtps": "tls",
    "smtp": "starttls",
    "smtp+plain": "none",
}
_PORTS = {"tls": 465, "starttls": 587, "none": 25}
_FORM = "smtp_url: use smtps://user:password@host, smtp://… (STARTTLS), or smtp+plain://host (no TLS at all)."


@dataclass(frozen=True)
class SmtpServer:
    """Where mails are handed over, and as whom."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """From a URL such as `smtps://user:password@host:465`; `settings_invalid`. The password is not told."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise invalid("settings_invalid", _FORM) from None
        security = _SECURITY.get(parts.scheme)
        if security is None or not parts.hostname or parts.path not in {"", "/"} or parts.query:
            raise invalid("settings_invalid", _FORM)
        if (parts.username is None) != (parts.password is None):
            raise invalid("settings_invalid", f"{_FORM} Give a user and a password, or neither.")
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        return cls(parts.hostname, port or _PORTS[security], security, user, password)


class SmtpMailer:
    """Implements `ports.mail.Mailer`, a connection for each mail. `cert_bundle` is for a CA of one's own."""

    def __init__(self, server: SmtpServer, sender: str, *, cert_bundle: str | None = None) -> None:
        self._server = server
        self._sender = parse_sender(sender)
        self._cert_bundle = cert_bundle

    async def send(self, message: Message) -> None:
        """See `Mailer.send`."""
        server = self._server
        try:
            await aiosmtplib.send(
                compose(message, self._sender),
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                cert_bundle=self._cert_bundle,
                local_hostname=self._sender.domain,  # looking up one's own name may take long
                timeout=_TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            raise _failed(max(codes, default=450), "the recipient is not taken") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _failed(error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _failed(0, str(error) or type(error).__name__) from error


def _failed(code: int, words: str) -> VidComputeError:
    """A reply of 5xx is for good, except that the server does not know us: that is for the operator to mend."""
    said = f"The mail server says {code}: {words}." if code else f"The mail server can't be used: {words}."
    detail = "".join(letter if letter.isprintable() else " " for letter in said)[:500]
    if 500 <= code < 600 and code not in {530, 534, 535, 538}:
        return refused("mail_refused", detail)
    return VidComputeError(Kind.UNAVAILABLE, "mail_unavailable", detail)
