"""Traces: what happened when, and as part of what; told to a collector where there is one.

A span's context is a W3C `traceparent` ("00-{trace}-{span}-{flags}"). Spans are told of once they have ended, by
whoever knows of it; ids of inner spans follow from what they are of, so that any process can name a parent that another
tells of.
"""

import hashlib
import random
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

_CONTEXT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = 1
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Span:
    """Something that has ended. `context` and `parent` are traceparents; `error` says in words what went wrong."""

    context: str
    parent: str | None
    name: str
    start_ms: float
    end_ms: float
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    error: str = ""
    kind: Literal["server", "internal"] = "internal"


class Tracing(Protocol):
    """Takes spans to a collector."""

    def record(self, span: Span) -> None:
        """Tell of a span. Returns at once and never fails: what the collector does not take in time is dropped."""
        ...

    async def trouble(self) -> str | None:
        """Try whether the collector takes spans: what is wrong, in words, or None."""
        ...

    async def close(self) -> None:
        """Send what is left, for some seconds at most."""
        ...


def parse(text: str | None) -> tuple[str, str, bool] | None:
    """Trace, span, and whether it is to be recorded, of a traceparent; None for what is none."""
    found = _CONTEXT.fullmatch(text or "")
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return found[1], found[2], bool(int(found[3], 16) & _SAMPLED)


def begin(parent: str | None, ratio: float) -> str:
    """The context of a new span: in its parent's trace, else in a new one, of which this share is recorded."""
    found = parse(parent)
    if found is None:
        return _context(secrets.token_hex(16), secrets.token_hex(8), sampled=random.random() < ratio)
    return _context(found[0], secrets.token_hex(8), sampled=found[2])


def within(parent: str, identity: str) -> str:
    """The context of the span within `parent` that is of this job, task, attempt…: always the same for the same."""
    found = parse(parent)
    if found is None:
        raise ValueError(f"{parent!r} is no traceparent")
    span = hashlib.sha256(f"{found[1]}-{found[2]}/{identity}".encode()).hexdigest()[:16]
    return _context(found[0], span, sampled=found[2])


def _context(trace: str, span: str, *, sampled: bool) -> str:
    return f"00-{trace}-{span}-{int(sampled):02x}"
