"""Attempts that give no sign of life: stopped, hung, or on a machine that is."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from vidcompute.ports.executor import HEARTBEAT_S, Finished, Outcome

_LONGEST_LOOK = 0.25  # of the lease: time between two looks counts no more, for who looks may have been stopped
_AWAY = 1 / 3  # of the time that passes counts where the node does not answer, and others do
_HELD_S = 3 * HEARTBEAT_S  # a hold that nobody tells of for so long is over


class Silence:
    """For how long each attempt has said nothing; after `lease_s` it is to be ended, and its end is a loss.

    Time counts from when it was first `heard` of: that its executor took it, or who led before. It does not count while
    its own executor holds it, nor while no node is there at all: a line that is broken says nothing of those beyond it.
    Where others are there and its own is not, it counts for a third: that one may be busy, or hang for ever.
    """

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._looked_s = clock()
        self._silent_s: dict[str, float] = {}
        self._held_until_s: dict[str, float] = {}
        self._ended: set[str] = set()

    def heard(self, attempt_id: str) -> None:
        """It has said something, or begins to be waited for."""
        self._silent_s[attempt_id] = 0.0

    def held(self, attempt_id: str, *, held: bool) -> None:
        """Its executor says that it has stopped it, or that it lets it go on."""
        if held:
            self._held_until_s[attempt_id] = self._clock() + _HELD_S
        else:
            self._held_until_s.pop(attempt_id, None)

    def forget(self, attempt_id: str) -> None:
        """It has ended."""
        self._silent_s.pop(attempt_id, None)
        self._held_until_s.pop(attempt_id, None)
        self._ended.discard(attempt_id)

    def overdue(self, nodes: Mapping[str, str], here: Collection[str]) -> list[str]:
        """The attempts whose lease has run out since the last look; `nodes` says where each one is."""
        now_s = self._clock()
        passed_s, self._looked_s = min(now_s - self._looked_s, _LONGEST_LOOK * self._lease_s), now_s
        for attempt_id in self._silent_s:
            if here and now_s >= self._held_until_s.get(attempt_id, now_s):
                self._silent_s[attempt_id] += passed_s * (1.0 if nodes.get(attempt_id) in here else _AWAY)
        found = [key for key, silent_s in self._silent_s.items() if silent_s > self._lease_s and key not in self._ended]
        self._ended.update(found)
        return found

    def judged(self, result: Finished) -> Finished:
        """An end as it counts: one that was brought about here is a loss, and says why."""
        if result.attempt_id not in self._ended or result.outcome is not Outcome.CANCELLED:
            return result
        detail = f"It gave no sign of life for {self._lease_s:g} s and was ended."
        return replace(result, outcome=Outcome.LOST, error_code="attempt_silent", error_detail=detail)
