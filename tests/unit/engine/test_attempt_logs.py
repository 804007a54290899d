"""What the server logs of attempts: which job, stage and attempt a line is about, what happened, how long."""

import json

import pytest

from tests.unit.engine.test_dispatcher import engine
from vidcompute import logs
from vidcompute.db.engine import Database


async def test_each_attempt_is_logged_with_what_it_belongs_to(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")  # here, where stderr is the test's own
    async with engine(db) as e:
        job = await e.submit()
        await e.until(job, "done")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    planned = [line for line in lines if line["event"] == "job_planned"]
    assert [(line["job_id"], line["asset_id"]) for line in planned] == [(job.id, job.asset_id)]
    for event in ("attempt_started", "attempt_ended"):
        told = [line for line in lines if line["event"] == event]
        assert [line["stage"] for line in told].count("encode") == 3
        assert {(line["job_id"], line["asset_id"]) for line in told} == {(job.id, job.asset_id)}
        assert len({line["attempt_id"] for line in told}) == len(told) == 5
        assert event == "attempt_started" or all(line["duration_ms"] >= 0 for line in told)
