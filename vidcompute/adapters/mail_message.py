"""A mail as RFC 5322 and MIME have it: text and HTML, headers that nothing can be injected into."""

from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import formatdate, parseaddr

from vidcompute.errors import invalid
from vidcompute.ports.mail import Message


class _Whole(UnstructuredHeader, BaseHeader):
    """A header with an address in it, which is one word however long it is: the library would fold, and encode, it."""

    max_count = 1

    def fold(self, *, policy: Policy) -> str:
        """The header as one line."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Whole)
_POLICY = SMTP.clone(header_factory=_HEADERS)


def parse_sender(text: str) -> Address:
    """The sender as `Name <user@host>` or `user@host`; `settings_invalid` for what is neither."""
    name, address = parseaddr(text)
    if not text.isprintable() or address.count("@") != 1 or address.startswith("@") or address.endswith("@"):
        raise invalid(
            "settings_invalid", f"mail_from: {text[:100]!r} is not an address such as VidCompute <video@example.org>."
        )
    return Address(name, addr_spec=address)


def compose(message: Message, sender: Address) -> EmailMessage:
    """The mail with its headers. The same message has the same Message-ID, whatever happens on its way."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = Address(addr_spec=message.recipient)
    mail["Subject"] = message.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes, please
    if message.unsubscribe is not None:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"  # RFC 2369
        if message.unsubscribe.startswith("https://"):
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058, which wants TLS
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail
