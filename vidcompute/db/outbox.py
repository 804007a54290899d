"""Events that are written with the change they tell of, in its transaction, and read in order of their numbers."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from vidcompute import failpoints
from vidcompute.db import acting
from vidcompute.db.schema import events

_NEW = insert(events)
EMITTED = "vidcompute_emitted"  # the types of events, on the connection: the engine wakes who hears of any after it
ANYTHING = ""  # among them: something that whoever listens should look for
CROSSED = "vidcompute_crossed"  # and the arrows that this transaction takes, for the failpoints after the commit
_KEPT = "vidcompute_kept"  # events that are to be recorded together
_OWN_STEPS = "task."  # the platform's steps: what follows from a deed, and is none


@dataclass(frozen=True)
class Event:
    """One event; `seq` orders all events of the database and is what SSE calls Last-Event-ID."""

    seq: int
    organization_id: str
    type: str
    subject_id: str
    data: Mapping[str, Any]
    created_ms: int


@dataclass(frozen=True)
class NewEvent:
    """An event to be emitted. `type` is "<subject>.<what happened>", such as "job.done"."""

    organization_id: str
    type: str
    subject_id: str
    data: Mapping[str, Any]


def now_ms() -> int:
    """The time in whole Unix milliseconds."""
    return time.time_ns() // 1_000_000


def emit(conn: Connection, organization_id: str, type_: str, subject_id: str, data: Mapping[str, Any]) -> None:
    """Record one event in the running transaction."""
    emit_all(conn, [NewEvent(organization_id, type_, subject_id, data)])


@contextmanager
def together(conn: Connection) -> Iterator[None]:
    """Within this block events are kept until its end, and then recorded in one statement, in order."""
    if _KEPT in conn.info:
        yield
        return
    kept: list[NewEvent] = []
    conn.info[_KEPT] = kept
    try:
        yield
    finally:
        del conn.info[_KEPT]
    emit_all(conn, kept)


def emit_all(conn: Connection, new: Iterable[NewEvent]) -> None:
    """Record events in the running transaction, in order; what somebody did stands in the audit log as well."""
    new = list(new)
    if _KEPT in conn.info:
        conn.info[_KEPT] += new
        return
    at = now_ms()
    rows = [
        {
            "organization_id": e.organization_id,
            "type": e.type,
            "subject_id": e.subject_id,
            "data": dict(e.data),
            "created_ms": at,
        }
        for e in new
    ]
    if rows:
        conn.execute(_NEW, rows)
        _wake(conn, (e.type for e in new))
        if acting.of(conn) is not None:
            deeds = [event for event in new if not event.type.startswith(_OWN_STEPS)]
            acting.record(conn, [acting.Deed(e.organization_id, e.type, e.subject_id, e.data) for e in deeds], at)


def wake(conn: Connection) -> None:
    """Let all who wait for events look at the database after this transaction."""
    _wake(conn, (ANYTHING,))


def _wake(conn: Connection, types: Iterable[str]) -> None:
    conn.info.setdefault(EMITTED, set()).update(types)


def crossed(conn: Connection, arrow: str) -> None:
    """Tell that this transaction takes an arrow of a state machine: each side of its commit is a failpoint."""
    conn.info.setdefault(CROSSED, []).append(arrow)
    failpoints.reach(f"{arrow}:before")


def events_since(
    conn: Connection,
    organization_id: str,
    seq: int,
    *,
    subjects: Iterable[str] | None = None,
    types: Iterable[str] | None = None,
    limit: int = 500,
) -> list[Event]:
    """Up to `limit` events after `seq`, oldest first; only of these subjects and types where they are given."""
    query = select(events).where(events.c.organization_id == organization_id, events.c.seq > seq)
    if subjects is not None:
        query = query.where(events.c.subject_id.in_(list(subjects)))
    if types is not None:
        query = query.where(events.c.type.in_(list(types)))
    return [Event(**row._mapping) for row in conn.execute(query.order_by(events.c.seq).limit(limit))]


def all_since(conn: Connection, seq: int, *, limit: int = 500) -> list[Event]:
    """Up to `limit` events after `seq` of every organization, oldest first: for what serves all, such as metrics."""
    query = select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit)
    return [Event(**row._mapping) for row in conn.execute(query)]


def last_seq(conn: Connection) -> int:
    """The number of the newest event; 0 when there is none."""
    return conn.execute(select(func.max(events.c.seq))).scalar() or 0


def oldest_seq(conn: Connection) -> int:
    """The number of the oldest event that is kept; 0 when there never was one."""
    return conn.execute(select(func.min(events.c.seq))).scalar() or 0


def prune(conn: Connection, before_ms: int, *, up_to: int | None = None, limit: int = 10_000) -> int:
    """Remove up to `limit` events from before a time, oldest first; how many there were. Numbers are not used again.

    Those after `up_to` stay, and so does the newest of all: by the oldest that is left one knows what was removed.
    """
    last = last_seq(conn) - 1
    oldest = select(events.c.seq).where(events.c.created_ms < before_ms)
    oldest = oldest.where(events.c.seq <= (last if up_to is None else min(last, up_to)))
    return conn.execute(delete(events).where(events.c.seq.in_(oldest.order_by(events.c.seq).limit(limit)))).rowcount
