"""An executor whose stages take milliseconds and store real artifacts: what a source is called decides its fate."""

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tests.unit.engine import toys
from vidcompute import failpoints
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import (
    Adopted,
    AttemptEvent,
    AttemptSpec,
    Finished,
    InputRef,
    NodeInfo,
    Outcome,
    Progress,
)
from vidcompute.runner.publish import describe

LONGEST_S = 0.01
TOLD_TWICE = 0.3  # of the ends, the second time as they were or as a loss
SLOW_S = 0.3
FATES = ("good", "slow", "flaky", "lossy", "poison", "broken", "empty")
"""What a digest begins with: all is well; chunks take their time; each task's first attempt fails, or is lost; one
chunk is lost each time, or refused; the probe finds nothing."""


def fate_of(spec: AttemptSpec) -> str:
    """The fate of the source that an attempt works on; "good" where it works on none."""
    sources = spec.inputs.get("source", ())
    return sources[0].key.split("/")[3].split("-")[0] if sources else "good"


def outcome_of(spec: AttemptSpec) -> Finished | None:
    """How an attempt is to end; None: well."""
    fate, chunk = fate_of(spec), spec.options.get("chunk")
    if fate == "flaky" and spec.number == 1:
        return toys.failed(spec, Kind.UNAVAILABLE, "flaky")
    if (fate == "lossy" and spec.number == 1) or (fate == "poison" and chunk == 1):
        return Finished(spec.attempt_id, Outcome.LOST, error_code="attempt_lost", error_detail="It went away.")
    if fate == "broken" and chunk == 2:
        return toys.failed(spec, Kind.REFUSED, "broken")
    return None


class ToyExecutor:
    """Implements `ports.executor.Executor`. Each run of an attempt is a line in `journal`."""

    outlives = False

    def __init__(self, storage: FolderStorage, folder: Path, seed: int) -> None:
        self._storage = storage
        self._folder = folder
        self._chance = random.Random(seed)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._events: asyncio.Queue[AttemptEvent] = asyncio.Queue()
        folder.mkdir(exist_ok=True)
        self._journal = os.open(folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def start(self, spec: AttemptSpec) -> None:
        """See `Executor.start`."""
        os.write(self._journal, f"{spec.attempt_id} {spec.task_id} {spec.number}\n".encode())
        self._running[spec.attempt_id] = asyncio.create_task(self._run(spec))

    async def _run(self, spec: AttemptSpec) -> None:
        finished = Finished(spec.attempt_id, Outcome.CANCELLED)
        try:
            with suppress(asyncio.CancelledError):
                slow = fate_of(spec) == "slow" and "chunk" in spec.options
                await self._work(SLOW_S if slow else self._chance.uniform(0, LONGEST_S))
                self._events.put_nowait(Progress(spec.attempt_id, 0.5))
                finished = outcome_of(spec) or await self._perform(spec)
        except VidComputeError as error:
            finished = toys.failed(spec, error.kind, error.code)
        finally:
            del self._running[spec.attempt_id]
            self._events.put_nowait(finished)
            if self._chance.random() < TOLD_TWICE:
                self._events.put_nowait(self._chance.choice((finished, replace(finished, outcome=Outcome.LOST))))

    async def _work(self, for_s: float) -> None:
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(for_s, done.set)
        await done.wait()

    async def _perform(self, spec: AttemptSpec) -> Finished:
        inputs = [ref for refs in spec.inputs.values() for ref in refs]
        heard = "".join([await self._read(ref) for ref in inputs])
        folder = self._folder / spec.attempt_id
        folder.mkdir()
        if spec.stage != "probe":
            (folder / "source").write_text(f"{spec.stage} {sorted(spec.options.items())} {heard}")
        tree = describe(folder)
        await self._storage.put_tree(spec.output_prefix, folder)
        failpoints.reach("attempt.published")
        facts = toys.result_facts(spec, empty=fate_of(spec) == "empty")
        if spec.stage == "fetch":  # what is said of a source is compared with what is stored
            facts["size_bytes"] = tree.size_bytes
        return Finished(spec.attempt_id, Outcome.OK, facts, tree.size_bytes, tree.digest)

    async def _read(self, ref: InputRef) -> str:
        """A digest of an input, which has to be there whole."""
        if ref.is_empty:
            return ""
        key = f"{ref.key}/source" if ref.is_tree else ref.key
        return hashlib.sha256(b"".join([piece async for piece in self._storage.read(key)])).hexdigest()[:8]

    async def cancel(self, attempt_id: str) -> None:
        """See `Executor.cancel`."""
        task = self._running.get(attempt_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def read_output(self, attempt_id: str, path: str, start: int) -> bytes:
        """See `Executor.read_output`: nothing is read here."""
        del attempt_id, path, start
        return b""

    async def hold(self, *, held: bool) -> None:
        """See `Executor.hold`: nothing is held here."""

    async def events(self) -> AsyncIterator[AttemptEvent]:
        """See `Executor.events`."""
        while True:
            yield await self._events.get()

    async def nodes(self) -> list[NodeInfo]:
        """See `Executor.nodes`: one with three cores."""
        return [NodeInfo("toy", 3.0, 2**33)]

    async def adopt(self, epoch: int) -> list[Adopted]:
        """See `Executor.adopt`: nothing outlives its process."""
        del epoch
        return []

    async def let_go(self) -> None:
        """See `Executor.let_go`."""
        for attempt_id in list(self._running):
            await self.cancel(attempt_id)

    async def collected(self, attempt_id: str) -> None:
        """See `Executor.collected`: nothing is kept."""

    async def close(self, grace_s: float) -> None:
        """See `Executor.close`."""
        if self._running and grace_s > 0:
            await asyncio.wait(self._running.values(), timeout=grace_s)
        for attempt_id in list(self._running):
            await self.cancel(attempt_id)
