"""Places where the suite of faults kills, stops or fails the process: named, listed, and free while none is armed.

Every arrow of the state machines has two of them, on both sides of its commit (`task.place:before`,
`task.place:after`); they are made from the tables in `services/states.py`. The others are named here.
"""

from collections.abc import Callable

POINTS = {
    "attempt.begin": "A task is placed by its row; the executor has not heard of it.",
    "attempt.taken": "The executor has the attempt; no row says that it runs.",
    "attempt.published": "An artifact's files are stored; nobody has been told.",
    "attempt.ended": "The dispatcher knows how an attempt ended; no row does.",
    "source.stored": "An upload's bytes are stored; no row names them.",
    "cleanup.taken": "The rows of what a clean-up takes are gone; the files are not.",
    "cleanup.removed": "The files are gone as well; the next few things are untouched.",
    "lease.taken": "A dispatcher leads, and has not looked at what was running.",
}
"""Between a step outside the database and the row that tells of it: what the process had just done."""

_armed: list[Callable[[str], None]] = []


def arm(*on_reach: Callable[[str], None]) -> None:
    """Call these with the name of each point that this process reaches from now on; without any: none again."""
    _armed[:] = on_reach


def reach(point: str) -> None:
    """Say that the process is at `point`."""
    for on_reach in _armed:
        on_reach(point)
