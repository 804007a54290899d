"""E-mail addresses, as they are kept and compared."""

import re

from vidcompute.errors import FieldProblem, invalid

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)
_LONGEST = 254  # RFC 5321: what fits into an envelope


def normal(text: str) -> str:
    """An address in lower case, without spaces around it."""
    return text.strip().lower()


def parse(text: str) -> str:
    """The address, as `normal` makes it; `email_invalid` for a text that is none."""
    address = normal(text)
    if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
        raise invalid("email_invalid", f"{text[:80]!r} is no e-mail address.", FieldProblem("/email", "No address."))
    return address
