"""Pages of lists: newest first, continued by a cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from vidcompute.errors import invalid
from vidcompute.ids import is_id

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items, and the cursor of those that follow; None where none follow."""

    items: tuple[T, ...]
    next_cursor: str | None


def parse_cursor(prefix: str, cursor: str | None) -> str | None:
    """The identifier that a cursor stands for: the last one of the page before. Identifiers sort by creation."""
    if cursor is not None and not is_id(prefix, cursor):
        raise invalid("invalid_cursor", "This cursor is not one that a list gave out.")
    return cursor


def page_of(items: Sequence[T], ids: Sequence[str], limit: int) -> Page[T]:
    """The page from up to `limit + 1` items and their identifiers."""
    more = len(items) > limit
    return Page(tuple(items[:limit]), ids[limit - 1] if more else None)
