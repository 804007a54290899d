"""Where a person is told of."""

from dataclasses import dataclass

ERASED = "erased@person.invalid"
"""Stands where an address was that is erased: it is one of nobody, now and ever (RFC 2606)."""


@dataclass(frozen=True)
class Subject:
    """A person, and every address that they are known to have had here and that nobody else has now."""

    person_id: str
    email: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Mentions:
    """Rows of others that tell of a person, by their keys, in the order of their making."""

    audit: tuple[str, ...]
    events: tuple[int, ...]
    deliveries: tuple[str, ...]
    mails: tuple[str, ...]


@dataclass(frozen=True)
class Home:
    """An organization that a person is in: whether they alone own it, who else is there, and whether it has videos."""

    organization_id: str
    name: str
    is_only_owner: bool
    others: int
    is_in_use: bool
