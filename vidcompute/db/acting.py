"""Who a request acts for, on its way from the guard to the rows that tell of what was done."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from vidcompute.db.schema import audit
from vidcompute.ids import new_id

_NEW = insert(audit)
_ACTOR = "vidcompute_actor"


@dataclass(frozen=True)
class Actor:
    """A key or a person (`kind`) with their identifier, what people know them by, and the request that they made."""

    kind: str
    id: str
    name: str
    request_id: str = ""
    address: str = ""


@dataclass(frozen=True)
class Deed:
    """Something that was done. `organization_id` is None for what a person did to their own account."""

    organization_id: str | None
    action: str
    subject_id: str
    data: Mapping[str, Any]


_current: ContextVar[Actor | None] = ContextVar("vidcompute_actor", default=None)


def current() -> Actor | None:
    """Who this task acts for; None for work of the platform's own."""
    return _current.get()


def become(actor: Actor) -> None:
    """From now on this task acts for them."""
    _current.set(actor)


@contextmanager
def nobody() -> Iterator[None]:
    """Within this block the task acts for nobody, until it is told; what it was told is forgotten at the end."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def bind(conn: Connection, actor: Actor | None) -> None:
    """The running transaction does what it does for them."""
    conn.info[_ACTOR] = actor


def of(conn: Connection) -> Actor | None:
    """Who the running transaction acts for."""
    actor: Actor | None = conn.info.get(_ACTOR)
    return actor


def record(conn: Connection, deeds: Sequence[Deed], at_ms: int) -> None:
    """Write what was done into the audit log; nothing where the transaction acts for nobody."""
    actor = of(conn)
    if actor is None or not deeds:
        return
    who = {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor": actor.name[:320],
        "request_id": actor.request_id[:128],
        "address": actor.address[:64],
        "created_ms": at_ms,
    }
    rows = [
        {
            "id": new_id("aud"),
            "organization_id": deed.organization_id,
            "action": deed.action,
            "subject_id": deed.subject_id,
            "data": dict(deed.data),
            **who,
        }
        for deed in deeds
    ]
    conn.execute(_NEW, rows)
