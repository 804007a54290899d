"""The log of an attempt that was killed is stored: what was heard of it up to its death."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.attempts import eventually
from tests.unit.engine import toys
from tests.unit.engine.test_dispatcher import POLICY, stuck
from tests.unit.engine.toys import HandExecutor
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db.engine import Database
from vidcompute.dispatch.dispatcher import Dispatcher
from vidcompute.dispatch.lost_logs import KeepLog, keeper
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.attempt_wire import logs_key
from vidcompute.ports.executor import AttemptSpec, Finished, LogLine, Outcome
from vidcompute.services.jobs.live import LiveLine, ProgressHub

LOST: dict[str, Any] = {"error_code": "attempt_lost", "error_detail": "Its process ended (status -9) and said nothing."}


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "objects")


async def nothing(_prefix: str) -> None:
    pass


@asynccontextmanager
async def leading(
    db: Database, executor: HandExecutor, keep: KeepLog, hub: ProgressHub | None = None
) -> AsyncGenerator[Dispatcher]:
    dispatcher = Dispatcher(
        db,
        executor,
        toys.PLANNER,
        hub or ProgressHub(),
        holder="one",
        policy=POLICY,
        discard=nothing,
        keep_log=keep,
    )
    await dispatcher.start()
    try:
        yield dispatcher
    finally:
        await dispatcher.stop(0.0)


async def read(storage: FolderStorage, key: str) -> str:
    return b"".join([piece async for piece in storage.read(key)]).decode()


def lost(spec: AttemptSpec, outcome: Outcome = Outcome.LOST) -> Finished:
    return Finished(spec.attempt_id, outcome, **(LOST if outcome is Outcome.LOST else {}))


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.CANCELLED])
async def test_what_was_heard_is_stored_before_the_task_is_tried_again(
    db: Database, storage: FolderStorage, tmp_path: Path, outcome: Outcome
) -> None:
    executor = HandExecutor(behave=stuck, cpu=8.0)
    async with leading(db, executor, keeper(storage, tmp_path)):
        await db.write(toys.submit)
        await executor.until(lambda: len(executor.live) == 3)
        spec = executor.started[1]
        executor.tell(spec.attempt_id, 0.5, "ffmpeg says\nhello")
        executor.end(LogLine(spec.attempt_id, "warning", "and more"))
        executor.end(lost(spec, outcome))
        await executor.until(lambda: any(s.number == 2 for s in executor.started))
        lines = (await read(storage, logs_key(spec))).splitlines()
    assert [line.split(" ", 1)[1] for line in lines[:2]] == ["info ffmpeg says hello", "warning and more"]
    assert lines[2].endswith("said nothing." if outcome is Outcome.LOST else "cancelled: The attempt was ended.")
    assert list(tmp_path.glob("*.log")) == []


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.CANCELLED])
async def test_a_log_that_the_attempt_stored_itself_stays_and_its_loss_is_told_at_its_end(
    db: Database, storage: FolderStorage, tmp_path: Path, outcome: Outcome
) -> None:
    executor = HandExecutor(behave=stuck, cpu=8.0)
    async with leading(db, executor, keeper(storage, tmp_path)):
        await db.write(toys.submit)
        await executor.until(lambda: len(executor.live) == 3)
        spec = executor.started[1]
        own = tmp_path / "own"
        own.write_text("its own\n")
        await storage.put(logs_key(spec), own)
        executor.tell(spec.attempt_id, 0.5, "heard")
        executor.end(lost(spec, outcome))
        await executor.until(lambda: any(s.number == 2 for s in executor.started))
        first, *more = (await read(storage, logs_key(spec))).splitlines()
    assert first == "its own"
    assert [line.rpartition("attempt_lost: ")[2] for line in more] == (
        [LOST["error_detail"]] if outcome is Outcome.LOST else []
    )


async def test_an_end_that_is_told_in_no_proper_text_holds_up_no_task(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    executor = HandExecutor(behave=stuck, cpu=8.0)
    async with leading(db, executor, keeper(storage, tmp_path)) as dispatcher:
        await db.write(toys.submit)
        await executor.until(lambda: len(executor.live) == 3)
        spec = executor.started[1]
        executor.end(replace(lost(spec, Outcome.LOST), error_detail="It was reading clip-\udce9.mp4."))
        await executor.until(lambda: any(s.number == 2 for s in executor.started))
        assert dispatcher.running_attempts == 3
        assert (await read(storage, logs_key(spec))).endswith("attempt_lost: It was reading clip-?.mp4.\n")


async def test_a_store_that_is_down_or_hangs_holds_up_no_task(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcompute.dispatch.lost_logs._TIMEOUT_S", 0.05)

    class Hanging(FolderStorage):
        async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
            if executor.started[1].attempt_id not in key:
                raise VidComputeError(Kind.UNAVAILABLE, "storage_failed", "No.")
            await asyncio.Event().wait()
            yield b"never"

    executor = HandExecutor(behave=stuck, cpu=8.0)
    async with leading(db, executor, keeper(Hanging(tmp_path / "objects"), tmp_path)):
        await db.write(toys.submit)
        await executor.until(lambda: len(executor.live) == 3)
        for spec in executor.started[1:3]:
            executor.end(lost(spec))
        await executor.until(lambda: [s.number for s in executor.started].count(2) == 2)


async def test_who_takes_the_lead_stores_what_it_heard_of_attempts_that_are_lost(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    await db.write(toys.submit)
    first, *_ = await db.write(toys.run_until, "encode")
    told: list[object] = []
    hub = ProgressHub(told.append)
    line = LiveLine(first.task_id, first.attempt_id, "encode", 1, "info", "heard from afar", 1000)
    hub.hear({"line": asdict(line)})
    async with leading(db, HandExecutor(), keeper(storage, tmp_path), hub):
        await eventually(lambda: {"ended": first.attempt_id, "task": first.task_id} in told)
        assert hub.backlog([first.task_id]) == []
        assert (await read(storage, logs_key(first))).startswith("1970-01-01T00:00:01Z info heard from afar\n")
