"""How many ready tasks a round looks at."""

import time
from collections.abc import Callable

_FACTOR, _DEEPEST = 4, 64


class Depth:
    """`batch` tasks at a time, and more where those that come first leave room that they can't use.

    As when they want a GPU that is busy, or that no node has: behind them may be some that want none. To look further
    costs more, so that a search that found nothing is not made again at once: after the deepest one, not for `pause_s`.
    """

    def __init__(self, batch: int, pause_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._batch = batch
        self._deepest = batch * _DEEPEST
        self._pause_s = pause_s
        self._clock_s = clock_s
        self._again_s = float("-inf")
        self._found = False
        self.most = batch

    def looked(self, *, placed: bool, spare: bool, cut: bool) -> float | None:
        """In how many seconds to look again, though nothing happens, after a round that left room to `spare`; or None.

        `placed` says whether it found something, `cut` that there are more ready tasks than it has seen.
        """
        self._found = self._found or placed
        if spare and placed:
            return 0.0
        further = spare and cut and self.most < self._deepest
        rest_s = self._again_s - self._clock_s()
        if further and rest_s <= 0:
            self._found = self._found and self.most > self._batch
            self.most *= _FACTOR
            return 0.0
        if self.most > self._batch and not self._found:
            self._again_s = self._clock_s() + self._pause_s * self.most / self._deepest
        self.most, self._found = self._batch, False
        return rest_s if further else None
