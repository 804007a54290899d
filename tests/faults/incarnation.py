"""A platform without media, in a process of its own that can be killed: dispatcher, database, storage, and requests.

A test asks it over a socket what a client would ask over HTTP, and an answer is a promise. Processes are forks of the
test's own, so that a thousand of them take minutes.
"""

import asyncio
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection

from tests.faults.toy_executor import ToyExecutor
from tests.unit.engine import toys
from vidcompute import failpoints, logs
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db import claims, outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch.dispatcher import Dispatcher, DispatchPolicy
from vidcompute.errors import VidComputeError
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import accounts, assets, housekeeping, jobs, retention, uploads
from vidcompute.services.idempotency import Answer, KeyedRequest, RepeatedError
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.services.uploads.receiver import Received
from vidcompute.services.uploads.service import NewSource

PATIENCE_S = 20.0
RETRY = jobs.RetryPolicy(max_attempts=3, max_losses=6, base_s=0.002, cap_s=0.01)
POLICY = DispatchPolicy(retry=RETRY, lease_s=1.0, safety_tick_s=0.5, progress_every_s=0.02)


@dataclass(frozen=True)
class Place:
    """What outlives an incarnation: the database and a folder."""

    url: str
    folder: Path

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def work(self) -> Path:
        return self.folder / "work"


@dataclass(frozen=True)
class Doom:
    """Where an incarnation is killed: as it reaches `point` for the `nth` time."""

    point: str
    nth: int = 1


class GoneError(Exception):
    """The incarnation died before it answered."""


class RefusedError(Exception):
    """The incarnation's answer is an error with this code."""


class Incarnation:
    """The test's side. Ends with `stop`, by its doom, or by `close`."""

    def __init__(
        self,
        place: Place,
        *,
        doom: Doom | None = None,
        seed: int = 0,
        holder: str = "one",
        patience_s: float = PATIENCE_S,
    ) -> None:
        ours, theirs = socket.socketpair()
        self.doom = doom
        self.status: int | None = None
        self._connection = ours
        ours.settimeout(patience_s)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _be(place, doom, seed, holder, theirs)
        theirs.close()
        self._file = ours.makefile("rwb")

    def ask(self, op: str, **arguments: Any) -> Any:
        """The answer; GoneError where it died, RefusedError for an error of ours."""
        try:
            self._file.write(json.dumps([op, arguments]).encode() + b"\n")
            self._file.flush()
            line = self._file.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line:
            self._reap()
            raise GoneError
        answer = json.loads(line)
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        assert "broken" not in answer, answer["broken"]
        return answer["ok"]

    def ask_and_kill(self, op: str, within_s: float) -> None:
        """Ask for something, and kill it after a while, or when it has answered."""
        self._file.write(json.dumps([op, {}]).encode() + b"\n")
        self._file.flush()
        select.select([self._connection], [], [], within_s)
        self.close()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def close(self) -> None:
        """Leave no process behind: SIGKILL, and wait."""
        if self.status is None:
            self.signal(signal.SIGKILL)
            self._reap()

    def stop(self) -> None:
        """Ask it to shut down, and wait; GoneError where its doom came first."""
        self.ask("stop")
        self._reap()
        assert self.status == 0

    def _reap(self) -> None:
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
            with suppress(OSError):  # what was not sent is for nobody now
                self._file.close()
            self._connection.close()
        assert self.status in {0, -signal.SIGKILL}, self.status

    @property
    def was_doomed(self) -> bool:
        """Whether it died as it was to."""
        return self.doom is not None and self.status == -signal.SIGKILL


def _be(place: Place, doom: Doom | None, seed: int, holder: str, connection: socket.socket) -> NoReturn:
    status = 1
    try:
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0)
        logs.configure(level="critical")
        if doom is not None:
            failpoints.arm(_killer(doom))
        asyncio.run(_Platform(place, seed, holder).serve(connection))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _killer(doom: Doom) -> Callable[[str], None]:
    reached = 0

    def on_reach(point: str) -> None:
        nonlocal reached
        reached += point == doom.point
        if point == doom.point and reached == doom.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_reach


class _Disk(FolderStorage):
    """A folder on a disk that can be full: then what is written goes to a device that always is."""

    full = False

    def _at_hand(self, source: Path) -> Path:
        if self.full:
            with Path("/dev/full").open("wb") as device:
                device.write(source.read_bytes() or b"x")
        return super()._at_hand(source)


class _Platform:
    def __init__(self, place: Place, seed: int, holder: str) -> None:
        self._place = place
        self._storage = _Disk(place.storage)
        self._db = Database.open(place.url)
        self._dispatcher = Dispatcher(
            self._db,
            ToyExecutor(self._storage, place.work, seed),
            toys.PLANNER,
            ProgressHub(),
            holder=holder,
            policy=POLICY,
            discard=self._storage.delete_prefix,
        )
        self._operations: dict[str, Callable[..., Awaitable[Any]]] = {
            "submit": self._submit,
            "submit_url": self._submit_url,
            "jobs": self._jobs,
            "job": self._job,
            "show": self._show,
            "at_work": self._at_work,
            "leads": self._leads,
            "collect": self._collect,
            "set_clock": self._set_clock,
            "fill_disk": self._fill_disk,
            "rest": self._rest,
            "delete": self._delete,
            "restore": self._restore,
            "keep": self._keep,
            "clean": self._clean,
            "lose": self._lose,
            "mend": self._mend,
            "cancel": self._of_a_job(jobs.cancel),
            "retry": self._of_a_job(lambda *a, **k: jobs.retry(*a, **k).job),
        }

    async def serve(self, connection: socket.socket) -> None:
        await self._db.write(accounts.ensure_local, self._place.folder)
        await self._dispatcher.start()
        reader, writer = await asyncio.open_connection(sock=connection)
        while line := await reader.readline():
            op, arguments = json.loads(line)
            if op == "stop":
                break
            writer.write(json.dumps(await self._answer(op, arguments)).encode() + b"\n")
        await self._dispatcher.stop(0.0)
        await self._db.close()
        writer.write(b'{"ok": null}\n')
        await writer.drain()

    async def _answer(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": await self._operations[op](**arguments)}
        except VidComputeError as error:
            return {"refused": error.code}
        except Exception:
            return {"broken": traceback.format_exc()}

    async def _submit(self, digest: str, spec: dict[str, Any]) -> dict[str, Any]:
        """As `POST /jobs` with a file."""
        path = self._place.work / f"upload-{os.urandom(8).hex()}"
        path.write_text(digest)
        upload = NewSource(toys.ORG, Received(path, digest, len(digest)), digest)

        def use(conn: Connection, source: assets.Source) -> dict[str, Any]:
            whole = JobSpec.model_validate({**spec, "input": {"source": source.id}})
            return _shown(jobs.submit(conn, toys.ORG, whole, source=source, prelude=toys.PLANNER))

        return await uploads.store(self._db, self._storage, upload, use)

    async def _submit_url(self, key: str, spec: dict[str, Any]) -> dict[str, Any]:
        """As `POST /jobs` with a URL and an Idempotency-Key."""
        whole = JobSpec.model_validate({**spec, "input": "https://example.org/film.mp4"})
        keyed = KeyedRequest(toys.ORG, key)
        keyed.cover(whole.model_dump_json())

        def begin(conn: Connection) -> Answer:
            return Answer(201, _shown(jobs.submit(conn, toys.ORG, whole, prelude=toys.PLANNER)))

        with claims.none():
            claims.make(keyed)
            try:
                answer = await self._db.write(begin)
            except RepeatedError as repeated:
                answer = repeated.answer
        return dict(answer.body)

    def _of_a_job(self, service: Callable[..., jobs.Job]) -> Callable[..., Awaitable[Any]]:
        async def run(job_id: str, **arguments: Any) -> dict[str, Any]:
            return _shown(await self._db.write(service, toys.ORG, job_id, **arguments))

        return run

    async def _show(self, asset_id: str) -> bool:
        """As the first play does, when a viewer can start."""
        return await self._db.write(assets.mark_playable, asset_id)

    async def _at_work(self, job_id: str) -> bool:
        """Whether a job has a chunk at work, or has ended; asked again after the next change."""
        with self._db.subscribe() as woken:
            job = await self._db.read(jobs.get_job, toys.ORG, job_id)
            stages = await self._db.read(jobs.list_stages, job)
            at_work = any(stage.name == "encode" and stage.status == "running" for stage in stages)
            if not at_work and job.ended_ms is None:
                await woken.wait(0.5)
            return at_work or job.ended_ms is not None

    async def _set_clock(self, by_s: float) -> None:
        """Set this process's clock, once more: everything asks `time` for it."""
        real = time.time_ns
        time.time_ns = lambda: real() + round(by_s * 1e9)
        self._db.subscribe().close()

    async def _fill_disk(self, full: bool) -> None:
        """Leave no room where objects are stored; nor in the database, where it is a file (PRAGMA max_page_count)."""
        self._storage.full = full

        def bound(conn: Connection) -> None:
            if conn.dialect.name == "sqlite":
                pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one() if full else 2**30
                conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        await self._db.write(bound)

    async def _collect(self) -> int:
        """As the housekeeping does, but for the time that it leaves to what is under way: here it waits for that."""
        while self._dispatcher.running_attempts:  # what an attempt publishes on its way out is to be found
            await asyncio.sleep(0.01)
        later_ms = outbox.now_ms() + 24 * 3_600_000
        return (await housekeeping.collect(self._db, self._storage, before_ms=later_ms)).removed

    async def _lose(self, job_id: str, labels: list[str]) -> None:
        """As a disk does that loses files."""
        made = await self._db.read(jobs.artifacts_of, toys.ORG, job_id)
        for label in labels:
            if label in made:
                await self._storage.delete_prefix(made[label].storage_prefix)

    async def _mend(self) -> None:
        """As `vidctl fsck --mend` does."""
        work = housekeeping.Examination(self._db, self._storage, 0, mend=True)
        async for _ in housekeeping.examine(work):
            pass

    async def _leads(self) -> bool:
        return self._dispatcher.leads

    async def _rest(self, for_s: float) -> None:
        """Answer after a while, or at the next change."""
        with self._db.subscribe() as woken:
            await woken.wait(for_s)

    async def _delete(self, asset_id: str, undo_s: float) -> None:
        """As `DELETE /assets/…` does."""
        await self._db.write(retention.delete_asset, toys.ORG, asset_id, round(undo_s * 1000))

    async def _restore(self, asset_id: str) -> None:
        await self._db.write(retention.restore, toys.ORG, asset_id, 3_600_000)

    async def _keep(self, **kept_s: int | None) -> None:
        """As `PATCH /organization/retention` does."""
        await self._db.write(retention.change_retention, toys.ORG, kept_s)

    async def _clean(self) -> None:
        """As the timer does, a moment later."""
        work = retention.Work(self._db, self._storage, toys.ORG, 3_600_000)
        async for _ in retention.clean(work, outbox.now_ms() + 10):
            pass

    async def _jobs(self) -> list[dict[str, Any]]:
        return [_shown(job) for job in (await self._db.read(jobs.list_jobs, toys.ORG, limit=1000)).items]

    async def _job(self, job_id: str, for_s: float, ended: bool) -> dict[str, Any]:
        """A job, once it has (`ended`) ended or begun, or after a while."""
        with self._db.subscribe() as woken, suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while not _is_there(await self._db.read(jobs.get_job, toys.ORG, job_id), ended=ended):
                    await woken.wait(0.5)
        return _shown(await self._db.read(jobs.get_job, toys.ORG, job_id))


def _is_there(job: jobs.Job, *, ended: bool) -> bool:
    return job.ended_ms is not None or (not ended and job.started_ms is not None)


def _shown(job: jobs.Job | jobs.ListedJob) -> dict[str, Any]:
    return {"id": job.id, "asset_id": job.asset_id, "status": job.status, "code": job.error_code}
