"""How many ready tasks a round of the dispatcher reads."""

import time
from collections.abc import Callable

_FACTOR, _DEEPEST = 4, 64


class Depth:
    """`most` is how many: `batch`, and more while those that come first leave room that they can't use.

    They may want a GPU that is busy, or that no node has, and some behind them none. Reading further costs more, so a
    search that found nothing is repeated only after a while: `pause_s` after the deepest one, less after others.
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
        """Set `most` for the next round. Returns in how many seconds that is due though nothing happens, or None.

        Of the round before, `placed` says whether it placed a task, `spare` whether it left room on some node, and
        `cut` whether there may be more ready tasks than it has read.
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
