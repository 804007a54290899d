"""Attempts whose inputs and outputs lie in S3: the store's client never comes near the process that runs the stage."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.test_storage import content, put
from tests.fixtures.attempts import Events, attempt, source
from tests.fixtures.swift import SwiftServer
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.adapters.storage_object import ObjectStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.ports.attempt_wire import logs_key
from vidcompute.ports.executor import InputRef, Outcome
from vidcompute.settings import Settings
from vidcompute.wiring.storage import server_storage

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Bench:
    executor: LocalExecutor
    events: Events
    storage: SwitchedStorage
    folder: Path


@pytest.fixture
async def bench(
    swift_server: SwiftServer, swift_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    for name, value in swift_server.settings(f"s3://{swift_bucket}/pre").items():
        monkeypatch.setenv(name, value)
    data = tmp_path / "data"
    storage = server_storage(Settings(data_dir=data))
    argv = [sys.executable, "-m", "tests.runner_entry", f"data:{data}", str(tmp_path / "work")]
    executor = LocalExecutor(argv, tmp_path / "work", env={"PYTHONPATH": str(ROOT)})
    await executor.open()
    events = Events()
    collecting = asyncio.create_task(events.collect(executor.events()))
    yield Bench(executor, events, storage, tmp_path)
    await executor.close(0)
    await asyncio.wait_for(collecting, 10)


async def test_a_stage_sees_its_input_and_nothing_of_the_store(bench: Bench) -> None:
    source_key = "orgs/org_1/sources/digest/obj"
    remote = next(part for part in bench.storage.parts() if isinstance(part, ObjectStorage))
    await put(remote, bench.folder, source_key, b"some media")  # past the cache: it must be downloaded
    spec = attempt("peeking", inputs=source(source_key))
    await bench.executor.start(spec)
    finished = await bench.events.finished(spec.attempt_id)
    assert finished.outcome is Outcome.OK, finished
    assert finished.facts == {"threads": 1, "client": False}
    assert await content(remote, f"{spec.output_prefix}/seen") == b"some media"
    assert await remote.stat(logs_key(spec))

    then = attempt(inputs={"source": (InputRef(spec.output_prefix, is_tree=True),)})
    await bench.executor.start(then)
    finished = await bench.events.finished(then.attempt_id)
    assert finished.outcome is Outcome.OK, finished
    assert await content(remote, f"{then.output_prefix}/made/copy") == b"SOME MEDIA"


async def test_a_missing_input_is_told(bench: Bench) -> None:
    spec = attempt("peeking", inputs=source("orgs/org_1/sources/digest/none"))
    await bench.executor.start(spec)
    finished = await bench.events.finished(spec.attempt_id)
    assert (finished.outcome, finished.error_code) == (Outcome.FAILED, "object_not_found")
