"""Counts what is used: in the transaction of what it tells of, so that it counts once however often that is tried."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, update
from sqlalchemy.dialects import postgresql, sqlite

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_quotas import stored, usage
from vidcompute.services.usage import queries
from vidcompute.services.usage.models import UsageKind

_HOUR_MS = 3_600_000


def day_of(at_ms: int) -> str:
    """The day (UTC) of Unix milliseconds, such as 2026-11-21."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def add(conn: Connection, organization_id: str, kind: UsageKind, amounts: Mapping[str, int], at_ms: int) -> None:
    """Count this much more of a kind, by detail (a rendition, a model; an empty text where there is none)."""
    _add(conn, [_row(organization_id, kind, at_ms, amount, detail) for detail, amount in amounts.items()])


def _row(organization_id: str, kind: UsageKind, at_ms: int, amount: int, detail: str = "") -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "kind": kind.value,
        "day": day_of(at_ms),
        "detail": detail,
        "amount": amount,
    }


def _add(conn: Connection, rows: list[dict[str, Any]]) -> None:
    more = [row for row in rows if row["amount"] > 0]
    if more:
        conn.execute(_statement(conn.dialect.name), more)


@cache
def _statement(dialect: str) -> Executable:
    return _upsert(postgresql.insert(usage) if dialect == "postgresql" else sqlite.insert(usage))


def _upsert(new: postgresql.Insert | sqlite.Insert) -> Executable:
    key = [column.name for column in usage.primary_key.columns]
    return new.on_conflict_do_update(index_elements=key, set_={"amount": usage.c.amount + new.excluded.amount})


def add_delivered(conn: Connection, sent_bytes: Mapping[str, int]) -> None:
    """Count what was sent to viewers, by organization."""
    at_ms = now_ms()
    _add(conn, [_row(owner, UsageKind.DELIVERED_BYTES, at_ms, amount) for owner, amount in sent_bytes.items()])


def meter_storage(conn: Connection) -> int:
    """Count the byte-hours of what everybody stores since this was done last; for how many organizations.

    What is stored now is taken for what was stored since.
    """
    at_ms = now_ms()
    rows = []
    for row in queries.stored_by_all(conn):
        byte_hours = row.size_bytes * max(0, at_ms - row.metered_ms) // _HOUR_MS
        rows.append(_row(row.organization_id, UsageKind.STORED_BYTE_HOURS, at_ms, byte_hours))
    _add(conn, rows)
    conn.execute(update(stored).values(metered_ms=at_ms))
    return len(rows)


def encoded_ms(facts: Mapping[str, Any]) -> dict[str, int]:
    """The length of what an encode made, by rendition, as its facts say; without the tracks that it made `beside`."""
    return {
        name: round(1000 * sum(segment["duration"] for segment in track["segments"]) / track["timescale"])
        for name, track in facts.get("tracks", {}).items()
        if track and name not in facts.get("beside", ())
    }
