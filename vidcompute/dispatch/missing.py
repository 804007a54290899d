"""Hardware that was there when a job was planned, and is not any more."""

import time
from collections.abc import Callable, Iterable, Sequence

from vidcompute.ports.executor import NodeInfo
from vidcompute.services.tasks import ReadyTask


class Missing:
    """For how long ready tasks have wanted encoders or decoders that no node has; a node that has them ends the wait.

    Where no node is there at all, nobody knows what they have, and the wait begins anew.
    """

    def __init__(self, patience_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock_s = clock_s
        self._since_s: dict[str, float] = {}  # by encoder or decoder
        self._settled: set[str] = set()

    def overdue(self, ready: Iterable[ReadyTask], nodes: Sequence[NodeInfo]) -> list[str]:
        """Those of the ready tasks that have waited for `patience_s`, without the ones that are `settled`.

        A round sees a part of what is ready: a wait goes on while those are not seen that wait.
        """
        now_s = self._clock_s()
        there = {ability for node in nodes for ability in (*node.encoders, *node.decoders)}
        wanting = {task.id: set(task.needs.abilities) - there for task in ready} if nodes else {}
        missing = {ability for abilities in wanting.values() for ability in abilities}
        known = {ability for ability in self._since_s if nodes and ability not in there}
        self._since_s = {ability: self._since_s.get(ability, now_s) for ability in known | missing}
        late = {ability for ability, since_s in self._since_s.items() if now_s - since_s >= self._patience_s}
        found = {task_id for task_id, abilities in wanting.items() if abilities & late}
        self._settled &= found
        return sorted(found - self._settled)

    def settled(self, task_ids: Iterable[str]) -> None:
        """What could be done about these tasks is done: they are not told of again while they wait for the same."""
        self._settled.update(task_ids)
