"""Identifiers: a word for the kind, then 26 characters that sort by time of creation."""

import re
import secrets
import time

from vidcompute.errors import invalid

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_BODY = re.compile(rf"[{ALPHABET}]{{26}}")
_PLAYBACK = re.compile(rf"[{ALPHABET}]{{24}}")

LOCAL_ORGANIZATION = "org_00000000000000000000000000"


def _encode(number: int, length: int) -> str:
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(length)))


def new_id(prefix: str) -> str:
    """A fresh identifier such as `job_01k…`: 48 bits of Unix milliseconds, then 82 random bits."""
    return f"{prefix}_{_encode((time.time_ns() // 1_000_000) << 82 | secrets.randbits(82), 26)}"


def new_playback_id() -> str:
    """A fresh public handle: 120 random bits, not to be guessed and telling nothing."""
    return _encode(secrets.randbits(120), 24)


def new_secret() -> str:
    """A fresh text that can't be guessed: 256 random bits, in letters that every address takes."""
    return secrets.token_urlsafe(32)


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the form of an identifier of this kind."""
    head, _, body = text.partition("_")
    return head == prefix and _BODY.fullmatch(body) is not None


def is_playback_id(text: str) -> bool:
    """Whether `text` has the form of a playback ID."""
    return _PLAYBACK.fullmatch(text) is not None


def created_ms(identifier: str) -> int:
    """When an identifier was made, in whole Unix milliseconds."""
    number = 0
    for letter in identifier.rpartition("_")[2]:
        number = number << 5 | ALPHABET.index(letter)
    return number >> 82


def parse_id(prefix: str, text: str) -> str:
    """`text` itself when it is an identifier of this kind; an `invalid_id` error otherwise."""
    if not is_id(prefix, text):
        raise invalid("invalid_id", f"{text[:80]!r} is not an identifier that begins with {prefix}_.")
    return text
