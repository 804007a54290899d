"""How fast tasks change their status, each in a durable transaction with its event, against the bare statements.

Then how long the dispatcher looks for work where 100 tasks are ready, and where 100,000 are; and how long the metrics
take to count those, once per scrape.
"""

import asyncio
import json
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, insert, select

from bench.databases import DATABASES
from bench.results import Figure, Report
from bench.run import Run
from tests.unit.engine import toys
from vidcompute.db import outbox, schema
from vidcompute.db.engine import Database
from vidcompute.services import accounts, jobs, tasks
from vidcompute.services.gauges import gauges
from vidcompute.services.jobs import Placement

NAME = "transitions"
_LEAST_A_SECOND, _MOST_CPU_MS = 600, 1.5
_MOST_COUNT_MS = 100.0  # a scrape every 15 s is then less than 1 % of a core, in a thread that nothing waits for
_AT_ONCE = 4  # attempts that a small machine runs beside each other
_EVENT = json.dumps({"task_id": "task", "stage": "encode", "label": "encode/1", "attempt": 1, "status": "running"})


@dataclass(frozen=True)
class _Rate:
    """Transitions a second, and CPU of this process for each."""

    per_s: float
    cpu_ms: float


def measure(run: Run) -> Report:
    """Everything, on SQLite and on PostgreSQL."""
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for name, fresh in DATABASES.items():
        with fresh(run.work) as url:
            found = asyncio.run(_of_database(run, url))
        run.say(f"{name}: {json.dumps(found)}")
        details[name] = found
        figures += [
            Figure(f"{name}: transitions", found["per_s"], "/s", _LEAST_A_SECOND, at_least=True),
            Figure(f"{name}: CPU of a transition", found["cpu_ms"], "ms", _MOST_CPU_MS),
            Figure(f"{name}: bare statements / ours", found["bare_per_s"] / found["per_s"], "x"),
            Figure(f"{name}: looking for work, 100,000 ready / 100", found["look_many_ms"] / found["look_few_ms"], "x"),
            Figure(f"{name}: counting 100,000 ready for the metrics", found["count_many_ms"], "ms", _MOST_COUNT_MS),
        ]
    return Report(NAME, tuple(figures), details)


async def _of_database(run: Run, url: str) -> dict[str, float]:
    db = Database.open(url)
    with tempfile.TemporaryDirectory() as folder:
        await db.write(accounts.ensure_local, Path(folder))
    count = 100 if run.quick else 500
    ours, bare = [], []
    for _ in range(run.times(5)):
        ours.append(await _ours(db, count))
        bare.append(await asyncio.to_thread(_bare, url, count))
    found = {
        "per_s": statistics.median(rate.per_s for rate in ours),
        "cpu_ms": statistics.median(rate.cpu_ms for rate in ours),
        "bare_per_s": statistics.median(rate.per_s for rate in bare),
        "bare_cpu_ms": statistics.median(rate.cpu_ms for rate in bare),
    }
    for name, ready in (("few", 100), ("many", 1000 if run.quick else 100_000)):
        await db.write(_fill, ready)
        found[f"look_{name}_ms"] = await _median_ms(run.times(50, 5), lambda: db.read(_look))
        found[f"count_{name}_ms"] = await _median_ms(run.times(20, 5), lambda: db.read(gauges, outbox.now_ms(), 0))
    await db.close()
    return found


async def _rate(count: int, work: Callable[[], Awaitable[object]]) -> _Rate:
    cpu_s, began_s = _cpu_s(), time.monotonic()
    await work()
    wall_s = time.monotonic() - began_s
    return _Rate(count / wall_s, (_cpu_s() - cpu_s) / count * 1000)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _ours(db: Database, count: int) -> _Rate:
    """Attempts are placed, started and finished, as the dispatcher does it; each step is one transaction."""
    for _ in range(-(-count // 3)):
        await db.write(toys.submit, outbox.now_ms().to_bytes(8, "big").hex() + str(time.monotonic_ns()))
    while await db.write(_probe_all):
        pass
    ready = (await db.read(_encodes))[:count]

    async def one(task_id: str, room: asyncio.Semaphore) -> None:
        async with room:
            (spec,) = await db.write(jobs.place, [Placement(task_id, "node")])
            await db.write(jobs.start, spec.attempt_id)
            await db.write(jobs.finish, toys.done(spec), toys.AT_ONCE)

    room = asyncio.Semaphore(_AT_ONCE)
    found = await _rate(3 * len(ready), lambda: asyncio.gather(*(one(task_id, room) for task_id in ready)))
    await db.write(toys.run_everything)
    return found


def _probe_all(conn: Connection) -> bool:
    moved = toys.advance(conn)
    probes = [task.id for task in toys.ready(conn) if task.stage == "probe"]
    for spec in toys.place(conn, *probes):
        jobs.finish(conn, toys.done(spec), toys.AT_ONCE)
    return bool(moved or probes)


def _encodes(conn: Connection) -> list[str]:
    return [task.id for task in tasks.ready_tasks(conn, 2**62, 100_000).tasks if task.stage == "encode"]


def _bare(url: str, count: int) -> _Rate:
    """The least that is durable: one row updated and one event inserted in each transaction, by the driver alone."""
    change = "UPDATE tasks SET status = 'done' WHERE id = {} AND status = 'done'"
    event = "INSERT INTO events (organization_id, type, subject_id, data, created_ms) VALUES ({}, {}, {}, {}, {})"
    values = (toys.ORG, "bare.event", "task", _EVENT, 1)
    connection: Any
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        begin, mark = "BEGIN IMMEDIATE", "?"
    else:
        connection = psycopg.connect(url, autocommit=True)
        begin, mark = "BEGIN", "%s"
    (task_id,) = connection.execute("SELECT id FROM tasks WHERE status = 'done' LIMIT 1").fetchone()
    cpu_s, began_s = time.thread_time(), time.monotonic()
    for _ in range(3 * count):
        connection.execute(begin)
        connection.execute(change.format(mark), (task_id,))
        connection.execute(event.format(*[mark] * len(values)), values)
        connection.execute("COMMIT")
    wall_s, spent_s = time.monotonic() - began_s, time.thread_time() - cpu_s
    connection.close()
    return _Rate(3 * count / wall_s, spent_s / (3 * count) * 1000)


def _fill(conn: Connection, ready: int) -> None:
    """Bring the number of ready tasks to `ready`, by copies of one."""
    columns = [column for column in schema.tasks.c if column.name not in {"id", "content_key", "status"}]
    row = conn.execute(select(*columns).limit(1)).one()._asdict()
    waiting = len(tasks.ready_tasks(conn, 2**62, 10**6).tasks)
    rows = [
        {**row, "id": f"task_{ready}_{n}", "content_key": f"key-{ready}-{n}", "status": "ready", "ready_ms": 1}
        for n in range(ready - waiting)
    ]
    for start in range(0, len(rows), 1000):
        conn.execute(insert(schema.tasks), rows[start : start + 1000])


def _look(conn: Connection) -> object:
    """Find what can be placed."""
    return tasks.ready_tasks(conn, outbox.now_ms(), 64).tasks


async def _median_ms(times: int, step: Callable[[], Awaitable[object]]) -> float:
    found = []
    for _ in range(times):
        began_s = time.perf_counter()
        await step()
        found.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(found)
