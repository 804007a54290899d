"""How work gets its turn: from submit to start, another's first job behind ten thousand, a hundred jobs at once."""

import asyncio
import random
import shutil
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from bench import peers
from bench.client import Client
from bench.databases import DATABASES
from bench.ladder import lay_out
from bench.processes import Platform, platform, run_in_turn
from bench.results import Figure, Report
from bench.run import Run
from tests.unit.engine import toys
from tests.unit.engine.toys import HandExecutor
from vidcompute import logs
from vidcompute.db import outbox, schema
from vidcompute.db.engine import Database
from vidcompute.dispatch.dispatcher import Dispatcher, DispatchPolicy
from vidcompute.pipeline.spec import JobSpec, MediaSpec
from vidcompute.ports.executor import AttemptSpec
from vidcompute.services import accounts, jobs
from vidcompute.services.jobs.live import ProgressHub

NAME = "waiting"
_P50_MS, _P99_MS = 20, 100
_CROWD_S, _API_P99_MS, _CROWD_WALL = 300, 150, 1.15
_FRAMES = {"type": "frames", "pick": "rate", "rate": 1}
_STILLS = ("-map", "0:v", "-vf", "fps=1", "-q:v", "3")  # JPEGs of our quality: see bench/frames.py
_STAGE_S = 0.05
_OTHER = "org_other"


def measure(run: Run) -> Report:
    """All three."""
    logs.configure(level="error")
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for name, fresh in DATABASES.items():
        with fresh(run.work) as url, platform(run.work / NAME, database_url=url) as server:
            found = _starts_ms(server, run.times(100, 5))
        run.say(f"{name}: {statistics.median(found):.1f} ms, {_p99(found):.1f} ms")
        figures.append(Figure(f"{name}: submit to first start, p50", statistics.median(found), "ms", _P50_MS))
        figures.append(Figure(f"{name}: submit to first start, p99", _p99(found), "ms", _P99_MS))
        details[f"{name}: starts_ms"] = found
    with DATABASES["SQLite"](run.work) as url:
        behind = asyncio.run(_behind(url, 200 if run.quick else 10_000))
    run.say(f"behind a long queue: {behind}")
    figures.append(Figure("behind 10,000 jobs of another: start / length of a job", behind["ratio"], "x", 1.0))
    details["behind"] = behind
    crowd = _crowd(run, 4 if run.quick else 100)
    run.say(f"crowd: {crowd}")
    figures += [
        Figure("100 jobs at once: until the last is done", crowd["wall_s"], "s", _CROWD_S),
        Figure("100 jobs at once: wall / bare ffmpeg, two at a time", crowd["ratio"], "x", _CROWD_WALL),
        Figure("100 jobs at once: API p99", crowd["api_p99_ms"], "ms", _API_P99_MS),
    ]
    return Report(NAME, tuple(figures), {**details, "crowd": crowd})


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.99 * len(values)))]


def _ms(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() * 1000


# -- from submit to start ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Noise:
    """A tenth of a second of noise as a WAV file, never twice the same."""

    samples: bytes

    @classmethod
    def fresh(cls) -> "_Noise":
        return cls(random.randbytes(9600))

    @property
    def size_bytes(self) -> int:
        """Bytes in all."""
        return 44 + len(self.samples)

    def pieces(self) -> Iterator[bytes]:
        """RIFF/WAVE, 16 bits, mono, 48 kHz."""
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 48_000, 96_000, 2, 16)
        data = struct.pack("<4sI", b"data", len(self.samples)) + self.samples
        yield struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


def _starts_ms(server: Platform, times: int) -> list[float]:
    """From a job's row to the start of its first attempt, by the server's clock, nothing else at work."""
    found = []
    with Client(server) as client:
        for _ in range(times + 1):
            made = client.submit(_Noise.fresh(), {"outputs": ["audio"]}).answer
            job = client.done(made["id"], timeout_s=60, every_s=0.05)
            first = min(_ms(stage["started_at"]) for stage in job["stages"])
            found.append(first - _ms(job["created_at"]))
    return found[1:]


# -- behind a long queue -------------------------------------------------------------------------------------------


class _Steady(HandExecutor):
    """Every stage takes the same time."""

    def __init__(self) -> None:
        super().__init__(behave=self._later)

    def _later(self, spec: AttemptSpec) -> None:
        asyncio.get_running_loop().call_later(_STAGE_S, self.end, toys.done(spec))


async def _behind(url: str, queued: int) -> dict[str, float]:
    """Another organization's job alone, and behind `queued` jobs of the first one."""
    db = Database.open(url)
    with tempfile.TemporaryDirectory() as folder:
        await db.write(accounts.ensure_local, Path(folder))
    await db.write(lambda conn: conn.execute(insert(schema.organizations).values(id=_OTHER, name="o", created_ms=1)))
    executor = _Steady()

    async def discard(prefix: str) -> None:
        del prefix

    dispatcher = Dispatcher(
        db, executor, toys.PLANNER, ProgressHub(), holder="bench", policy=DispatchPolicy(), discard=discard
    )
    await dispatcher.start()
    alone = await _other(db, executor)
    for first in range(0, queued, 500):
        await db.write(_submit_many, first, min(500, queued - first))
    behind = await _other(db, executor)
    await dispatcher.stop(0.0)
    await db.close()
    return {"alone_s": alone[1], "start_s": behind[0], "done_s": behind[1], "ratio": behind[0] / alone[1]}


def _submit_many(conn: Connection, first: int, count: int) -> None:
    for number in range(first, first + count):
        toys.submit(conn, f"queued-{number}", priority="high")


async def _other(db: Database, executor: HandExecutor) -> tuple[float, float]:
    """Seconds until the other organization's job starts, and until it is done."""
    spec = JobSpec.model_validate({"input": f"https://example.org/{outbox.now_ms()}.mp4", "outputs": ["hls"]})
    began_s = time.monotonic()
    job = await db.write(jobs.submit, _OTHER, spec)
    await executor.until(lambda: any(spec.job_id == job.id for spec in executor.started))
    start_s = time.monotonic() - began_s
    with db.subscribe() as woken:
        while (await db.read(jobs.get_job, _OTHER, job.id)).status != "done":
            await woken.wait(5)
    return start_s, time.monotonic() - began_s


# -- a hundred jobs at once ----------------------------------------------------------------------------------------


def _crowd(run: Run, count: int) -> dict[str, float]:
    """Jobs on clips of 5 s of 720p, each with ladder and frames, all sent at once; then bare ffmpeg encodes them."""
    source = run.sources.short("1280x720", 5)
    spec = {"outputs": ["hls", _FRAMES]}
    with platform(run.work / NAME) as server:
        asked_ms: list[float] = []
        over = threading.Event()
        asking = threading.Thread(target=_ask, args=(server, over, asked_ms), daemon=True)
        asking.start()
        try:
            with ThreadPoolExecutor(8) as senders:
                sent = list(senders.map(lambda _: _send(server, source, spec), range(count)))
            with Client(server) as client:
                ended = [client.done(job["id"], timeout_s=3 * _CROWD_S, every_s=2.0) for job in sent]
        finally:
            over.set()
            asking.join()
    wall_s = (max(_ms(job["ended_at"]) for job in ended) - min(_ms(job["created_at"]) for job in ended)) / 1000
    bare_s = _bare_s(run, source.path, count)
    return {"wall_s": wall_s, "bare_s": bare_s, "ratio": wall_s / bare_s, "api_p99_ms": _p99(asked_ms)}


def _send(server: Platform, source: Any, spec: dict[str, Any]) -> dict[str, Any]:
    with Client(server) as client:
        return dict(client.submit(source, spec).answer)


def _ask(server: Platform, over: threading.Event, asked_ms: list[float]) -> None:
    """Ask for lists and single jobs, as a dashboard does."""
    with Client(server) as client:
        while not over.wait(0.05):
            began_s = time.perf_counter()
            items = client.json("/api/v1/jobs?limit=20")["items"]
            asked_ms.append((time.perf_counter() - began_s) * 1000)
            if items:
                began_s = time.perf_counter()
                client.job(items[0]["id"])
                asked_ms.append((time.perf_counter() - began_s) * 1000)


def _bare_s(run: Run, source: Path, count: int) -> float:
    """The same ladder and frames, by one bare ffmpeg for each clip that decodes it once, two at a time."""
    laid = lay_out(source, MediaSpec.model_validate({"outputs": ["hls"]}))
    with tempfile.TemporaryDirectory(dir=run.work, prefix="crowd-") as folder:

        def one(number: int) -> None:
            mine = Path(folder) / str(number)
            (ladder,) = peers.one_process(laid.task(mine))
            run_in_turn([[*ladder, *_STILLS, str(mine / "%06d.jpg")]])
            shutil.rmtree(mine)

        began_s = time.monotonic()
        with ThreadPoolExecutor(2) as pair:
            list(pair.map(one, range(count)))
        return time.monotonic() - began_s
