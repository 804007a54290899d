"""Server-sent events as a client reads them (HTML Living Standard, 9.2.6)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event: its type, its JSON data, and the id that the stream had by then (empty where it never gave one)."""

    kind: str
    data: Mapping[str, Any]
    id: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"event": self.kind, "id": self.id or None, "data": dict(self.data)}


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream, from its lines without their ends. One that is cut off before its empty line is none."""
    last_id, kind, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(kind or "message", json.loads("\n".join(data)), last_id)
            kind, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_id = value
