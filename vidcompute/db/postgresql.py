"""PostgreSQL 15 or later, through psycopg 3: for several processes and machines."""

import contextlib
import secrets
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

_CHANNEL = "vidcompute_events"
_WRITERS = 0x76_69_64_63  # "vidc": the key of the lock that writers hold one after the other
_LISTEN_S = 5.0
_RECONNECT_S = 1.0
_CONNECT_TIMEOUT_S = 10
_STUCK_MS = 5_000
_CONNECTION: dict[str, Any] = {
    "connect_timeout": _CONNECT_TIMEOUT_S,
    # A process that is stopped within a transaction holds the writers' lock: the server ends its session.
    "options": f"-c idle_in_transaction_session_timeout={_STUCK_MS}",
    # A server whose machine has gone says nothing: give it up after about this long.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def open_(url: str, readers: int) -> "PostgreSql":
    """The database at this URL; nothing is connected yet."""
    return PostgreSql(url, readers)


class PostgreSql:
    """Writers of all processes take one lock for the length of their transaction.

    So a function that decides by what it read is never overtaken, and events are numbered in the order of their
    commits: who has read up to a number has missed none. Events are told of by NOTIFY.
    """

    def __init__(self, url: str, readers: int) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        # The driver begins no transaction of the writer: it would take a round trip of its own for that.
        self.writer = _engine(parsed, 1, isolation_level="AUTOCOMMIT")
        self.reader = _engine(parsed, readers, isolation_level="REPEATABLE READ", read_only=True)
        self._conninfo = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = secrets.token_hex(8)  # who this is among those that notify
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

        @event.listens_for(self.writer, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"BEGIN; SELECT pg_advisory_xact_lock({_WRITERS})")

    def tell(self, connection: Connection) -> None:
        """Notify all who listen, and commit: in one round trip, and nothing is left for the driver to commit."""
        connection.exec_driver_sql(f"NOTIFY {_CHANNEL}, '{self._name}'; COMMIT")

    def listen(self, heard: Callable[[], None]) -> None:
        """Begin to listen, in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, args=(heard,), name="db-listen", daemon=True)
            self._thread.start()

    def _listen(self, heard: Callable[[], None]) -> None:
        """Until closed; where the connection is lost, it is made anew, and what it missed is looked for."""
        while not self._closing.is_set():
            with contextlib.suppress(psycopg.Error):
                self._hear(heard)
            self._closing.wait(_RECONNECT_S)

    def _hear(self, heard: Callable[[], None]) -> None:
        with psycopg.connect(self._conninfo, autocommit=True, **_CONNECTION) as connection:
            connection.execute(f"LISTEN {_CHANNEL}")
            heard()  # of what was committed before
            while not self._closing.is_set():
                for told in connection.notifies(timeout=_LISTEN_S, stop_after=1):
                    if told.payload != self._name:
                        heard()

    def is_away(self, error: DBAPIError) -> bool:
        """No connection could be made, or the one in use was lost."""
        return error.connection_invalidated or isinstance(error, OperationalError)

    def is_full(self, error: DBAPIError) -> bool:
        """SQLSTATE 53100."""
        return isinstance(error.orig, psycopg.errors.DiskFull)

    def dispose(self) -> None:
        """Close every connection."""
        self._closing.set()
        self.reader.dispose()
        self.writer.dispose()


def _engine(url: Any, pool_size: int, *, read_only: bool = False, **options: Any) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # see sqlite.py
        connect_args=_CONNECTION,
        execution_options={"postgresql_readonly": True} if read_only else {},
        **options,
    )
