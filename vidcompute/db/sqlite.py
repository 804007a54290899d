"""SQLite: a file with a write-ahead log, full sync, for one process."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from vidcompute.errors import invalid

BUSY_TIMEOUT_MS = 10_000


def open_(url: str, readers: int) -> "Sqlite":
    """The database in this file; `database_url_unusable` where the URL names none."""
    file = make_url(url).database
    if not file:
        detail = "database_url: SQLite needs a file here, such as sqlite:////var/lib/vidcompute/vidcompute.db."
        raise invalid("database_url_unusable", detail)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    return Sqlite(url, readers)


class Sqlite:
    """One connection writes; WAL lets the readers go on beside it. No other process has events to tell of."""

    def __init__(self, url: str, readers: int) -> None:
        self.writer = _engine(url, pool_size=1, begin="BEGIN IMMEDIATE", query_only=False)
        self.reader = _engine(url, pool_size=readers, begin="BEGIN", query_only=True)

    def tell(self, connection: Connection) -> None:
        """There is nobody to tell."""

    def listen(self, heard: Callable[[], None]) -> None:
        """There is nobody to hear of."""

    def is_away(self, error: DBAPIError) -> bool:
        """A file does not go away."""
        return False

    def is_full(self, error: DBAPIError) -> bool:
        """SQLITE_FULL (sqlite.org/rescode.html)."""
        return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL

    def dispose(self) -> None:
        """Close every connection."""
        self.reader.dispose()
        self.writer.dispose()


def _engine(url: str, *, pool_size: int, begin: str, query_only: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # what a row is to hold may be personal, or a secret: no error names it
        connect_args={"check_same_thread": False},
    )

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
