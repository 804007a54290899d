"""How long things are kept, and what a clean-up takes."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum


@dataclass(frozen=True)
class Retention:
    """How long an organization keeps what it has, in seconds from when an asset was submitted; None: for ever.

    With its outputs goes the asset. Frames archives and logs count from the end of the work that made them.
    """

    sources_s: int | None = None
    outputs_s: int | None = None
    frames_s: int | None = None
    logs_s: int | None = None


class What(StrEnum):
    """What a clean-up takes, in the order in which it does."""

    EXPIRY = "expiry"
    LOGS = "logs"
    SOURCE = "source"
    FRAMES = "frames"
    ASSET = "asset"


@dataclass(frozen=True)
class Taken:
    """Something that a clean-up takes, or would: `count` things that hold `size_bytes`.

    `subject_id` is an asset, a source, the key of a frames archive, or (of logs) the organization. What an `expiry`
    takes can be restored, and holds its room until it goes for good.
    """

    what: What
    subject_id: str
    name: str
    size_bytes: int
    count: int = 1


@dataclass(frozen=True)
class Prepared:
    """Something that goes: its prefixes in storage, of which `logs` are those whose size no row knows."""

    taken: Taken
    prefixes: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cleaned:
    """What a clean-up has taken: how many of each, and how much room that made.

    `expired` are assets that can be restored still, `purged` those that are gone for good.
    """

    expired: int = 0
    purged: int = 0
    sources: int = 0
    frames: int = 0
    logs: int = 0
    freed_bytes: int = 0

    @classmethod
    def of(cls, items: Iterable[Taken]) -> "Cleaned":
        """All of these, added up."""
        total = cls()
        for item in items:
            total += cls(**{_COUNTED_AS[item.what]: item.count}, freed_bytes=item.size_bytes)
        return total

    def __add__(self, other: "Cleaned") -> "Cleaned":
        return Cleaned(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to take."""
        return self == Cleaned()


_COUNTED_AS = {
    What.EXPIRY: "expired",
    What.LOGS: "logs",
    What.SOURCE: "sources",
    What.FRAMES: "frames",
    What.ASSET: "purged",
}
