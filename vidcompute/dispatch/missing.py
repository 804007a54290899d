"""Hardware that was there when a job was planned, and is not any more."""

import time
from collections.abc import Callable, Iterable, Sequence

from vidcompute.ports.executor import NodeInfo
from vidcompute.services.tasks import ReadyTask


class Missing:
    """Since when ready tasks want encoders or decoders that no node has; a node that comes back is waited for."""

    def __init__(self, patience_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock_s = clock_s
        self._since_s: dict[str, float] = {}
        self._told: set[str] = set()

    def overdue(self, ready: Iterable[ReadyTask], nodes: Sequence[NodeInfo]) -> list[str]:
        """The tasks that have waited for `patience_s` for what no node has, each told once while that is so.

        Where no node is there at all, nobody knows what they have.
        """
        now_s = self._clock_s()
        there = {ability for node in nodes for ability in (*node.encoders, *node.decoders)}
        wanting = {task.id: set(task.needs.abilities) - there for task in ready} if nodes else {}
        missing = {ability for abilities in wanting.values() for ability in abilities}
        self._since_s = {ability: self._since_s.get(ability, now_s) for ability in missing}
        late = {ability for ability, since_s in self._since_s.items() if now_s - since_s >= self._patience_s}
        found = {task_id for task_id, abilities in wanting.items() if abilities & late}
        fresh = sorted(found - self._told)
        self._told = found
        return fresh
