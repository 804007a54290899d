"""How times are written in answers: UTC, always with milliseconds."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema


def written(time: datetime) -> str:
    """The time as `2026-11-21T10:00:00.000Z`: texts sort as the times do."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


Time = Annotated[
    datetime,
    PlainSerializer(written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""The type of each time in a wire schema."""
