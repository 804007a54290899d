"""How times are written in answers: UTC, always with milliseconds; and how those of a query are read."""

from datetime import UTC, datetime
from typing import Annotated, overload

from pydantic import AfterValidator, PlainSerializer, WithJsonSchema

from vidcompute.pipeline.spec import in_calendar


def written(time: datetime) -> str:
    """The time as `2026-11-21T10:00:00.000Z`: texts sort as the times do."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


Time = Annotated[
    datetime,
    PlainSerializer(written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""The type of each time in a wire schema."""


def _somewhere(time: datetime) -> datetime:
    return in_calendar(time if time.tzinfo else time.replace(tzinfo=UTC))


Asked = Annotated[datetime, AfterValidator(_somewhere)]
"""The type of a time in a query; without an offset it is in UTC, as all that we write."""


@overload
def milliseconds(time: datetime) -> int: ...
@overload
def milliseconds(time: datetime | None) -> int | None: ...
def milliseconds(time: datetime | None) -> int | None:
    """A time with an offset as Unix milliseconds; None for None."""
    return None if time is None else round(time.timestamp() * 1000)
