"""What a request asks to have done once, on its way from the edge to the transaction that does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Claim(Protocol):
    """What is to be done once: by the first transaction of its task that is committed.

    It `is_open` until one is under way, and again where that has failed; it `is_done` once one is committed.
    """

    is_open: bool
    is_done: bool

    def within(self, conn: Connection, step: Callable[[Connection], T]) -> T:
        """Carry a step out, and keep in the same transaction that it was; raise where that was done before."""
        ...


_current: ContextVar[Claim | None] = ContextVar("vidcompute_claim", default=None)


def make(claim: Claim) -> None:
    """From now on the next transaction of this task, and of those that it starts, is for this."""
    _current.set(claim)


@contextmanager
def none() -> Iterator[None]:
    """Within this block the task claims nothing, until it is told; what it was told is forgotten at the end."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def taken() -> Iterator[Claim | None]:
    """What the transaction of this block is for; None for nothing of the kind.

    A block that is cancelled may be committed all the same: no other one is for it then.
    """
    claim = _current.get()
    if claim is None or not claim.is_open:
        yield None
        return
    claim.is_open = False
    try:
        yield claim
    except Exception:
        claim.is_open = True
        raise
    claim.is_done = True
