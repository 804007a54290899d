"""All that is kept about a person, as one JSON document that is made while it is sent."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table

from vidcompute.db.engine import Database
from vidcompute.services.privacy import queries
from vidcompute.services.privacy.models import Subject

_BATCH = 500


async def export(db: Database, person_id: str) -> AsyncGenerator[str]:
    """The pieces of the document; `person_not_found` before the first one.

    Times are RFC 3339 under names that end in `_at`. Digests of secrets are left out.
    """
    subject = await db.read(queries.subject, person_id)
    head = {"person_id": person_id, "exported_at": _time(None), "addresses": list(subject.addresses)}
    yield json.dumps(head)[:-1] + ', "kept": {'
    for number, table in enumerate(queries.tables()):
        yield f"{', ' if number else ''}{json.dumps(table.name)}: ["
        async for piece in _rows(db, table, subject):
            yield piece
        yield "]"
    yield "}}\n"


async def _rows(db: Database, table: Table, subject: Subject) -> AsyncGenerator[str]:
    after: Any = None
    lead = ""
    while True:
        items, after = await db.read(_page, table, subject, after)
        for item in items:
            yield lead + json.dumps(item, ensure_ascii=False)
            lead = ", "
        if after is None:
            return


def _page(conn: Connection, table: Table, subject: Subject, after: Any) -> tuple[list[dict[str, Any]], Any]:
    found, after = queries.rows(conn, table, subject, after, _BATCH)
    shown = [{name: value for name, value in row._mapping.items() if name != "row_key"} for row in found]
    return [dict(_told(name, value) for name, value in row.items()) for row in shown], after


def _told(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_ms"):
        return f"{name.removesuffix('_ms')}_at", None if value is None else _time(value)
    return name, value


def _time(at_ms: int | None) -> str:
    """A time (left out: now) as RFC 3339 writes it."""
    at = datetime.now(UTC) if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
