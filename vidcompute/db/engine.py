"""The database behind two calls: `write` runs a function in one transaction on the writer, `read` in a snapshot.

SQLite has one writer thread with one connection, and a small pool of readers (WAL lets them go on beside the
writer). Functions are synchronous and take the connection first; they commit nothing themselves.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from vidcompute.db.migrate import migrate
from vidcompute.db.outbox import EMITTED
from vidcompute.errors import invalid

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
Step = Callable[Concatenate[Connection, P], T]


class Subscription:
    """Wakes its one waiter after each commit that emitted events. Wake-ups that nobody waits for are remembered."""

    def __init__(self, release: Callable[["Subscription"], None]) -> None:
        self._woken = asyncio.Event()
        self._release = release

    def wake(self) -> None:
        """Let the waiter go on (from the event loop's own thread)."""
        self._woken.set()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for a wake-up since the last wait; False when `timeout_s` passed without one."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def close(self) -> None:
        """Stop listening."""
        self._release(self)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Database:
    """An open, migrated database. Belongs to the event loop that first uses it."""

    def __init__(self, writer: Engine, reader: Engine, *, readers: int) -> None:
        self._writer = writer
        self._reader = reader
        self._write_threads = ThreadPoolExecutor(1, thread_name_prefix="db-write")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="db-read")
        self._subscriptions: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def open(cls, url: str, *, readers: int = 2) -> "Database":
        """Open the database at a SQLAlchemy URL, making and migrating it where needed; `database_url_unusable`."""
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            detail = f"database_url: {parsed.get_backend_name()} is not supported; use sqlite:///path."
            raise invalid("database_url_unusable", detail)
        if not parsed.database:
            detail = "database_url: SQLite needs a file here, such as sqlite:////var/lib/vidcompute/vidcompute.db."
            raise invalid("database_url_unusable", detail)
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        writer = _sqlite_engine(url, pool_size=1, begin="BEGIN IMMEDIATE", query_only=False)
        with writer.begin() as connection:
            migrate(connection)
        reader = _sqlite_engine(url, pool_size=readers, begin="BEGIN", query_only=True)
        return cls(writer, reader, readers=readers)

    async def write(self, step: Step[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `step(connection, …)` in one transaction; its result once that is durable, its error once undone."""
        self._loop = asyncio.get_running_loop()
        return await self._loop.run_in_executor(self._write_threads, lambda: self._in_transaction(step, args, kwargs))

    def _in_transaction(self, step: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._writer.begin() as connection:
            connection.info.pop(EMITTED, None)
            result = step(connection, *args, **kwargs)
            emitted = connection.info.pop(EMITTED, False)
        if emitted and self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)
        return result

    def _wake(self) -> None:
        for subscription in self._subscriptions:
            subscription.wake()

    async def read(self, step: Step[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `step(connection, …)` on one consistent snapshot; writes are refused."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_threads, lambda: self._in_snapshot(step, args, kwargs))

    def _in_snapshot(self, step: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._reader.begin() as connection:
            return step(connection, *args, **kwargs)

    def subscribe(self) -> Subscription:
        """Be woken after commits that emitted events, from now on."""
        subscription = Subscription(self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    async def close(self) -> None:
        """Finish what is queued, then close every connection."""
        for threads in (self._write_threads, self._read_threads):
            await asyncio.to_thread(threads.shutdown)
        self._reader.dispose()
        self._writer.dispose()


def _sqlite_engine(url: str, *, pool_size: int, begin: str, query_only: bool) -> Engine:
    engine = create_engine(url, pool_size=pool_size, max_overflow=0, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.isolation_level = None  # the driver begins nothing by itself: `begin` below does
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
