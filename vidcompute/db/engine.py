"""The database behind two calls: `write` runs a function in a transaction on the writer, `read` in a snapshot.

There is one writer thread with one connection, and a small pool of readers. Writes come one after the other, those of
other processes included, so that a function sees all that was committed before it, and events are numbered in the
order of their commits. Functions are synchronous and take the connection first; they commit nothing themselves.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from vidcompute import failpoints
from vidcompute.db import acting, claims, lease
from vidcompute.db.dialect import Dialect
from vidcompute.db.migrate import migrate
from vidcompute.db.outbox import ANYTHING, CROSSED, EMITTED
from vidcompute.errors import Kind, VidComputeError, invalid

P = ParamSpec("P")
T = TypeVar("T")

_BACKENDS = frozenset({"sqlite", "postgresql"})
Step = Callable[Concatenate[Connection, P], T]
_TOGETHER = 32  # steps that share a transaction at most: the last one's answer waits for the first one
PATIENT_S = 0.02  # for those who follow what happened, so that they are not in the way of the work itself
UNHURRIED_S = 0.25  # and for those whom nobody waits for: many commits are one look


class Subscription:
    """Wakes its one waiter after each commit that emitted events. Wake-ups that nobody waits for are remembered.

    One that has patience wakes so much later, once for all that was committed by then. One that `hears` of some types
    of events alone is woken by these, and by `outbox.wake`.
    """

    def __init__(
        self,
        release: Callable[["Subscription"], None],
        patience_s: float = 0.0,
        hears: Callable[[str], bool] | None = None,
    ) -> None:
        self._woken = asyncio.Event()
        self._release = release
        self._patience_s = patience_s
        self._hears = hears
        self._later: asyncio.TimerHandle | None = None

    def committed(self, types: Collection[str]) -> None:
        """Events of these types were emitted (from the event loop's own thread)."""
        if self._hears is not None and ANYTHING not in types and not any(map(self._hears, types)):
            return
        if not self._patience_s:
            self.wake()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(self._patience_s, self.wake)

    def wake(self) -> None:
        """Let the waiter go on (from the event loop's own thread)."""
        self._stop_waiting()
        self._woken.set()

    def _stop_waiting(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

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
        self._stop_waiting()
        self._release(self)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _StepBrokeError(Exception):
    """A step raised, and undid the transaction that others shared with it."""


@dataclass(frozen=True)
class _Raised:
    error: BaseException


@dataclass
class _Write:
    """A step that waits for the writer, who waits for it, whom it is done for, and what came of it."""

    step: Callable[[Connection], Any]
    result: "asyncio.Future[Any]"
    actor: acting.Actor | None
    outcome: Any = None


def may_be_written(error: BaseException) -> bool:
    """Whether a write that raised this may have been committed all the same.

    Nobody knows where the caller was cancelled while it ran, or where the database went away during the commit. Who
    would undo what it did elsewhere (remove a stored file, say) must leave that to the clean-up then.
    """
    lost = isinstance(error, VidComputeError) and error.code == "database_unavailable"
    return lost or not isinstance(error, Exception)


def _within(claim: claims.Claim | None, step: Callable[[Connection], Any]) -> Callable[[Connection], Any]:
    return step if claim is None else lambda connection: claim.within(connection, step)


def _causes(error: BaseException | None) -> Iterator[DBAPIError]:
    """An error of the database, and those over which it came."""
    while error is not None:
        if isinstance(error, DBAPIError):
            yield error
        error = error.__cause__ or error.__context__


class Database:
    """An open, migrated database. Belongs to the event loop that first uses it."""

    def __init__(self, dialect: Dialect, *, readers: int) -> None:
        self._dialect = dialect
        self._write_threads = ThreadPoolExecutor(1, thread_name_prefix="db-write")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="db-read")
        self._waiting: deque[_Write] = deque()
        self._subscriptions: dict[Subscription, None] = {}  # who came first is woken first
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def open(cls, url: str, *, readers: int = 2) -> "Database":
        """Open the database at a SQLAlchemy URL, making and migrating it where needed.

        Raises `database_url_unusable` (invalid) for a URL that names none, `database_unavailable` where it can't be
        reached.
        """
        dialect = _dialect(url, readers)
        try:
            with dialect.writer.begin() as connection:
                migrate(connection)
        except DBAPIError as error:
            dialect.dispose()
            raise _unavailable(error) from error
        return cls(dialect, readers=readers)

    async def write(self, step: Step[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `step(connection, …)` in a transaction; its result once that is durable, its error once undone.

        Steps that wait for the writer share one transaction: what is durable together is waited for once. Where one
        of them breaks, all are undone and run again, each in a transaction of its own, so a step may run twice. Where
        the calling task has made a claim (`db.claims`), its first write that commits records that it is done.
        """
        self._loop = asyncio.get_running_loop()
        future = self._loop.create_future()
        with claims.taken() as claim:
            run = _within(claim, lambda connection: step(connection, *args, **kwargs))
            self._waiting.append(_Write(run, future, acting.current()))
            self._write_threads.submit(self._write_some)
            return cast(T, await future)

    def _write_some(self) -> None:
        """Do what waits, in order (on the writer's thread); nothing where an earlier turn has done it."""
        batch: list[_Write] = []
        while self._waiting and len(batch) < _TOGETHER:
            waiting = self._waiting.popleft()
            if not waiting.result.cancelled():
                batch.append(waiting)
        if not batch:
            return
        emitted: Collection[str] = ()
        try:
            emitted = self._in_transaction(batch)
        except _StepBrokeError:
            emitted = self._one_by_one(batch)
        except BaseException as error:
            for waiting in batch:
                waiting.outcome = _Raised(error)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self._tell(batch, emitted=emitted))

    def _one_by_one(self, batch: "list[_Write]") -> Collection[str]:
        """Run and commit each of these by itself; of what types events were emitted."""
        emitted: set[str] = set()
        for waiting in batch:
            try:
                emitted.update(self._in_transaction([waiting]))
            except BaseException as error:
                waiting.outcome = _Raised(error)
        return emitted

    def _in_transaction(self, batch: "list[_Write]") -> Collection[str]:
        """Run these and commit; of what types events were emitted."""
        with self._reached(), self._begun() as connection:
            connection.info.pop(EMITTED, None)
            connection.info.pop(CROSSED, None)
            for waiting in batch:
                acting.bind(connection, waiting.actor)
                try:
                    waiting.outcome = waiting.step(connection)
                except BaseException as error:
                    if len(batch) == 1 or connection.invalidated:
                        raise
                    raise _StepBrokeError from error
            emitted: Collection[str] = connection.info.pop(EMITTED, ())
            crossed = connection.info.pop(CROSSED, ())
            if emitted:
                self._dialect.tell(connection)
        for arrow in crossed:
            failpoints.reach(f"{arrow}:after")
        return emitted

    @contextlib.contextmanager
    def _begun(self) -> Iterator[Connection]:
        """A transaction of the writer; on another connection where the one that it had was lost in the meantime."""
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(self._dialect.writer.begin())
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                connection = stack.enter_context(self._dialect.writer.begin())
            yield connection

    def _tell(self, batch: "list[_Write]", *, emitted: Collection[str]) -> None:
        if emitted:  # first: whoever goes on with the work has further to go than who gets an answer
            self._wake(emitted)
        for waiting in batch:
            if waiting.result.cancelled():
                continue
            if isinstance(waiting.outcome, _Raised):
                waiting.result.set_exception(waiting.outcome.error)
            else:
                waiting.result.set_result(waiting.outcome)

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """A database that is away or full is an error of ours, for trying again later helps.

        Raises `database_unavailable` and `storage_full`.
        """
        try:
            yield
        except DBAPIError as error:
            if any(self._dialect.is_full(cause) for cause in _causes(error)):
                detail = "The database's disk is full."
                raise VidComputeError(Kind.UNAVAILABLE, "storage_full", detail) from error
            if self._dialect.is_away(error):
                raise _unavailable(error) from error
            raise

    def _wake(self, types: Collection[str]) -> None:
        for subscription in self._subscriptions:
            subscription.committed(types)

    def _heard(self) -> None:
        """Another process committed events, or may have (called from any thread)."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, (ANYTHING,))

    async def read(self, step: Step[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `step(connection, …)` on one consistent snapshot; writes are refused."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_threads, lambda: self._in_snapshot(step, args, kwargs))

    def _in_snapshot(self, step: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._reached():
            try:
                return self._read(step, args, kwargs)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return self._read(step, args, kwargs)  # on another connection: the one that it had was lost

    def _read(self, step: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._dialect.reader.begin() as connection:
            return step(connection, *args, **kwargs)

    def subscribe(self, patience_s: float = 0.0, *, hears: Callable[[str], bool] | None = None) -> Subscription:
        """Be woken after commits that emitted events, from now on, in other processes as well; see `Subscription`.

        `hears` says of a type of events whether it matters; of what other processes committed no types are known.
        """
        self._loop = self._loop or _running_loop()
        self._dialect.listen(self._heard)
        subscription = Subscription(self._forget, patience_s, hears)
        self._subscriptions[subscription] = None
        return subscription

    def _forget(self, subscription: Subscription) -> None:
        self._subscriptions.pop(subscription, None)

    async def close(self) -> None:
        """Finish what is queued, then close every connection."""
        for threads in (self._write_threads, self._read_threads):
            await asyncio.to_thread(threads.shutdown)
        await asyncio.to_thread(self._dialect.dispose)


@contextlib.contextmanager
def looked_at(url: str) -> Iterator[Connection]:
    """A connection that reads a database as it is: nothing is made or migrated. Raises as `Database.open` does."""
    dialect = _dialect(url, 1)
    try:
        with dialect.reader.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise _unavailable(error) from error
    finally:
        dialect.dispose()


def try_out(url: str) -> None:
    """Write a row, read it in another transaction, and remove it, each for good. Raises as `Database.open` does."""
    dialect, name = _dialect(url, 1), f"try-{secrets.token_hex(8)}"
    try:
        with dialect.writer.begin() as connection:
            epoch = lease.take(connection, name, "doctor", lease_ms=1).epoch or 0
        with dialect.reader.begin() as connection:
            lease.require(connection, name, epoch)
        with dialect.writer.begin() as connection:
            lease.forget(connection, name)
    except DBAPIError as error:
        raise _unavailable(error) from error
    finally:
        dialect.dispose()


def _dialect(url: str, readers: int) -> Dialect:
    try:
        name = make_url(url).get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _unusable() from error
    if name not in _BACKENDS:
        raise _unusable()
    # Only the one in use: the other's driver takes a tenth of a second to load.
    opened: Dialect = import_module(f"vidcompute.db.{name}").open_(url, readers)
    return opened


def _unusable() -> VidComputeError:
    detail = "database_url: use sqlite:///path or postgresql://user:password@host/name."
    return invalid("database_url_unusable", detail)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _unavailable(error: DBAPIError) -> VidComputeError:
    reason = str(error.orig).strip().partition("\n")[0]
    return VidComputeError(Kind.UNAVAILABLE, "database_unavailable", f"The database can't be reached: {reason}.")
