"""What has to be written is written, and what can't be does not keep a task for ever."""

import sqlite3
from dataclasses import replace

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from tests.unit.engine import toys
from vidcompute import failpoints
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.recording import Recording
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import AttemptSpec
from vidcompute.services.jobs import Recorded


async def recording(db: Database) -> Recording:
    lead = Leading(db, "one", lease_s=60.0)
    assert await lead.take() is None
    return Recording(lead, toys.AT_ONCE, again_s=0.0)


async def at_work(db: Database) -> AttemptSpec:
    await db.write(toys.submit)
    (spec,) = await db.write(toys.run_until, "probe")
    return spec


def outcome(conn: Connection) -> tuple[str, str]:
    row = conn.execute(select(schema.attempts)).one()
    return row.outcome, row.error_code


async def test_a_result_that_no_row_holds_is_a_failure_that_says_so(db: Database) -> None:
    spec, writing = await at_work(db), await recording(db)
    result = replace(toys.failed(spec), error_detail="half a character: \ud800")
    assert await writing.end(result, lambda: False) == Recorded(accepted=False, status="ready")
    assert await db.read(outcome) == ("failed", "result_not_recordable")


async def test_a_database_that_is_away_or_locked_is_waited_for_however_long(db: Database) -> None:
    spec, writing = await at_work(db), await recording(db)
    away = VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "It is away.")
    left: list[Exception] = [away] * 9 + [OperationalError("UPDATE", {}, sqlite3.OperationalError("locked"))] * 9

    def refuse(reached: str) -> None:
        if reached == "task.succeed:before" and left:
            raise left.pop()

    failpoints.arm(refuse)
    try:
        recorded = await writing.end(toys.done(spec), lambda: False)
    finally:
        failpoints.arm()
    assert (recorded, left) == (Recorded(accepted=True, status="done"), [])


async def test_a_start_is_given_up_when_its_attempt_has_ended(db: Database) -> None:
    spec, writing = await at_work(db), await recording(db)
    tries = iter((True, True, False))

    def refuse(reached: str) -> None:
        if reached == "task.start:before":
            raise OSError("disk full")

    failpoints.arm(refuse)
    try:
        await writing.start(spec.attempt_id, 1, lambda: next(tries))
    finally:
        failpoints.arm()
    assert next(tries, None) is None
