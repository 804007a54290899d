"""A claim: something that a request wants done once, carried from the edge to the transaction that does it.

The edge makes a claim for the task that serves the request, in a context variable, so that no handler has to pass it
on. `Database.write` takes it: the task's first transaction that commits also records that the claim is done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Claim(Protocol):
    """What is to be done once, by the first transaction of its task that commits.

    It `is_open` while no transaction is under way for it; it `is_done` once one has committed.
    """

    is_open: bool
    is_done: bool

    def within(self, conn: Connection, step: Callable[[Connection], T]) -> T:
        """Run `step`, and record in the same transaction that the claim is done; raises where it was done before."""
        ...


_current: ContextVar[Claim | None] = ContextVar("vidcompute_claim", default=None)


def make(claim: Claim) -> None:
    """Claim the next transaction of this task, or of a task that it starts."""
    _current.set(claim)


@contextmanager
def none() -> Iterator[None]:
    """A block that begins without a claim; one that is made within ends with it."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def taken() -> Iterator[Claim | None]:
    """The claim that the transaction of this block is for, if one is open.

    A block that raises opens it again. One that is cancelled does not, because its transaction may commit all the same.
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
