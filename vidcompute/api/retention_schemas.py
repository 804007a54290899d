"""What the API sends and takes about how long things are kept: wire models."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken

_HOUR_S = 3600
_LONGEST_S = 100 * 366 * 24 * _HOUR_S

Kept = Annotated[int, Field(ge=_HOUR_S, le=_LONGEST_S)]


class Retention(Sent):
    """How long the organization keeps what it has, in seconds; null: for ever."""

    sources_s: int | None
    """Source files, from when an asset was submitted. Its streams stay."""
    outputs_s: int | None
    """Assets with all that they have, from when they were submitted. `expires_at` of an asset comes before this."""
    frames_s: int | None
    """Archives of frames, from the end of the last job that asked for them."""
    logs_s: int | None
    """Logs of attempts, from their beginning."""


class RetentionChanges(Taken):
    """How long the organization is to keep what it has, in seconds. What is left out stays; null: for ever."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"sources_s": 30 * 24 * _HOUR_S, "logs_s": None}},
    )

    sources_s: Kept | None = None
    """Source files, from when an asset was submitted."""
    outputs_s: Kept | None = None
    """Assets with all that they have, from when they were submitted."""
    frames_s: Kept | None = None
    """Archives of frames, from the end of the last job that asked for them."""
    logs_s: Kept | None = None
    """Logs of attempts, from their beginning."""


class Takable(Sent):
    """Something that a clean-up takes."""

    what: Literal["logs", "source", "frames", "asset", "expiry"]
    """`asset`: one that was deleted, for good. `expiry`: one whose time is over; it can be restored for a while."""
    subject_id: str
    """The asset, the source, the key of the frames, or of logs the organization."""
    name: str
    """What people call it."""
    count: int
    """How many things it is."""
    size_bytes: int
    """How much room that makes."""


class CleanupPreview(Sent):
    """Some of what a clean-up would take, in its order."""

    at: Time
    """The instant that it is about."""
    items: list[Takable]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class CleanupPart(Sent):
    """What a part of a clean-up took."""

    expired: int
    """Assets whose time was over; they can be restored for a while."""
    purged: int
    """Assets that are gone for good."""
    sources: int
    frames: int
    """Archives of frames."""
    logs: int
    freed_bytes: int
    more: bool
    """Whether there is more to take: ask again until there is not."""
