"""Events: their catalogue, and how they are read."""

from vidcompute.services.events.catalogue import (
    CATALOGUE,
    PING,
    USUAL,
    Data,
    EventType,
    heard_by,
    is_pattern,
    names_of,
    parse_patterns,
)
from vidcompute.services.events.service import Since, as_text, envelope, list_events, parse_cursor

__all__ = [
    "CATALOGUE",
    "PING",
    "USUAL",
    "Data",
    "EventType",
    "Since",
    "as_text",
    "envelope",
    "heard_by",
    "is_pattern",
    "list_events",
    "names_of",
    "parse_cursor",
    "parse_patterns",
]
