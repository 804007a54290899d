"""What is used is counted once, however often that is reported."""

import pytest
from sqlalchemy import Connection, select

from tests.fixtures.encoding import MINUTE_MS, encoded, place_all
from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import schema_quotas
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.timers import Timer, serve
from vidcompute.services import jobs, usage
from vidcompute.services.usage import UsageKind

HOUR_MS = 3_600_000


def used(conn: Connection, kind: UsageKind) -> dict[str, int]:
    rows = usage.report(conn, ORG, from_day="0001-01-01", to_day="9999-12-31", kind=kind)
    return {row.detail: row.amount for row in rows}


def test_amounts_of_a_day_are_added_up_by_kind_and_detail(conn: Connection) -> None:
    first, next_day = 1_795_305_599_000, 1_795_305_600_000  # 2026-11-21T23:59:59Z, and a second later
    usage.add(conn, ORG, UsageKind.MODEL_TOKENS, {"small": 5, "large": 0}, first)
    usage.add(conn, ORG, UsageKind.MODEL_TOKENS, {"small": 7, "large": 2}, first)
    usage.add(conn, ORG, UsageKind.MODEL_MS, {"small": 9}, first)
    usage.add(conn, ORG, UsageKind.MODEL_TOKENS, {"small": 1}, next_day)
    rows = usage.report(conn, ORG, from_day="2026-11-01", to_day="2026-11-30")
    assert [(row.day, row.kind, row.detail, row.amount) for row in rows] == [
        ("2026-11-21", "model_ms", "small", 9),
        ("2026-11-21", "model_tokens", "large", 2),
        ("2026-11-21", "model_tokens", "small", 12),
        ("2026-11-22", "model_tokens", "small", 1),
    ]
    only = usage.report(conn, ORG, from_day="2026-11-22", to_day="2026-11-22", kind="model_tokens")
    assert [row.amount for row in only] == [1]


def test_an_attempt_that_is_reported_twice_is_counted_once(conn: Connection) -> None:
    toys.submit(conn)
    first, second = place_all(conn)
    for _ in range(3):
        jobs.finish(conn, encoded(first), toys.AT_ONCE)
    assert used(conn, UsageKind.ENCODE_MS) == {"h264-480": MINUTE_MS, "h264-720": MINUTE_MS}
    jobs.finish(conn, toys.failed(second), toys.AT_ONCE)  # what came to nothing costs nothing
    (again,) = place_all(conn)
    jobs.finish(conn, encoded(second), toys.AT_ONCE)
    jobs.finish(conn, encoded(again), toys.AT_ONCE)
    assert used(conn, UsageKind.ENCODE_MS) == {"h264-480": 2 * MINUTE_MS, "h264-720": 2 * MINUTE_MS}


def test_what_two_jobs_share_is_counted_once_and_what_is_made_again_twice(conn: Connection) -> None:
    job = toys.submit(conn)
    toys.submit(conn)
    for spec in place_all(conn):
        jobs.finish(conn, encoded(spec), toys.AT_ONCE)
    assert used(conn, UsageKind.ENCODE_MS)["h264-720"] == 2 * MINUTE_MS
    jobs.retry(conn, ORG, job.id, "encode")
    for spec in place_all(conn):
        jobs.finish(conn, encoded(spec), toys.AT_ONCE)
    assert used(conn, UsageKind.ENCODE_MS)["h264-720"] == 4 * MINUTE_MS


def test_delivered_bytes_are_added_by_organization(conn: Connection) -> None:
    usage.add_delivered(conn, {ORG: 10})
    usage.add_delivered(conn, {ORG: 5})
    usage.add_delivered(conn, {})
    assert used(conn, UsageKind.DELIVERED_BYTES) == {"": 15}


@pytest.mark.parametrize("hours", [1, 30])
async def test_storage_is_metered_once_for_each_instant_and_for_all_the_time_between(db: Database, hours: int) -> None:
    def age(conn: Connection) -> None:
        conn.execute(schema_quotas.stored.update().values(metered_ms=now_ms() - hours * HOUR_MS))

    lead = Leading(db, "one", lease_s=60.0)
    assert await lead.take() is None
    await db.write(toys.add_source)  # 5 bytes
    await db.write(age)
    timer = Timer("usage", "0 0 1 1 *", lambda conn: usage.meter_storage(conn) * 0)
    for _ in range(3):
        await serve(db, lead, timer)
    assert await db.read(used, UsageKind.STORED_BYTE_HOURS) == {"": 5 * hours}
    metered_ms = await db.read(lambda conn: conn.execute(select(schema_quotas.stored.c.metered_ms)).scalar_one())
    assert now_ms() - metered_ms < HOUR_MS
