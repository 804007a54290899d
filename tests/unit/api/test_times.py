"""Times in answers are all written in one way, so that texts can be compared as the times are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import BaseModel, TypeAdapter

from vidcompute.api import app
from vidcompute.api.times import Time

API = app.__name__.rpartition(".")[0]  # with all its wire models
WHOLE = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (WHOLE, "2026-11-21T10:00:00.000Z"),
        (WHOLE + timedelta(milliseconds=100), "2026-11-21T10:00:00.100Z"),
        (WHOLE + timedelta(microseconds=123_999), "2026-11-21T10:00:00.123Z"),
        (WHOLE.astimezone(timezone(timedelta(hours=2))), "2026-11-21T10:00:00.000Z"),
    ],
)
def test_a_time_has_milliseconds_always(time: datetime, text: str) -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Time)
    assert adapter.dump_json(time) == f'"{text}"'.encode()
    assert adapter.json_schema(mode="serialization") == {"type": "string", "format": "date-time"}


def models(parent: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in parent.__subclasses__():
        if model.__module__.startswith(API):
            yield model
        yield from models(model)


def test_no_time_on_the_wire_is_written_in_another_way() -> None:
    fields = {(model.__name__, name): repr(f) for model in models(BaseModel) for name, f in model.model_fields.items()}
    times = {field: shown for field, shown in fields.items() if "datetime" in shown}
    assert {("Asset", "created_at"), ("Job", "ended_at"), ("LogEntry", "at"), ("NodeAttempt", "since")} <= set(times)
    assert [field for field, shown in times.items() if "PlainSerializer" not in shown] == []
