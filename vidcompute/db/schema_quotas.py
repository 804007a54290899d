"""The tables of limits and of what is used: quotas, what was told of them, stored bytes, usage by day."""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, MetaData, String, Table, event

from vidcompute.db import counting
from vidcompute.db.schema import Milliseconds, metadata

quotas = Table(
    "quotas",
    metadata,
    Column("organization_id", String(40), primary_key=True),  # "": what holds for all, as the settings have it
    Column("upload_bytes", BigInteger),  # of each limit: none leaves it to the row for all, 0 is no limit
    Column("stored_bytes", BigInteger),
    Column("jobs", BigInteger),
    Column("encode_minutes", BigInteger),
    Column("requests_per_minute", BigInteger),
)

quota_warnings = Table(
    "quota_warnings",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("quota", String(40), primary_key=True),
    Column("period", String(7), primary_key=True),  # a month, such as 2026-11
)

stored = Table(
    "stored",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),  # kept by triggers: see `counting`
    Column("metered_ms", Milliseconds, nullable=False),  # up to when its byte-hours stand in `usage`
)

usage = Table(
    "usage",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("kind", String(40), primary_key=True),  # with its unit, such as encode_ms
    Column("day", String(10), primary_key=True),  # in UTC, such as 2026-11-21
    Column("detail", String(100), primary_key=True),  # the rung, or the model; empty where there is none
    Column("amount", BigInteger, nullable=False),
)


def _begin_to_count(_made: MetaData, connection: Connection, **_how: Any) -> None:
    dialect = connection.dialect.name
    for statement in (*counting.BEGIN[dialect], *counting.BEGIN_TEXT_TRACKS[dialect]):
        connection.exec_driver_sql(statement)


event.listen(metadata, "after_create", _begin_to_count)
