"""Whether the clock was set back: what was to be done "in a minute" is then to be done in an hour, unless mended."""

import time
from collections.abc import Callable

from vidcompute.db.outbox import now_ms

_NOTICED_MS = 500  # less than that may be two threads, or a clock that is slewed


class Clock:
    """Compares the time of day with a clock that nobody sets."""

    def __init__(self, day_ms: Callable[[], int] = now_ms, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._day_ms = day_ms
        self._steady_s = steady_s
        self._ahead_ms = self._difference_ms()

    def set_back_ms(self) -> int:
        """By how many milliseconds the clock was set back since this was asked last; 0 where it wasn't.

        A clock that was set forward, or a machine that slept, is nothing special: the time has passed.
        """
        before_ms, self._ahead_ms = self._ahead_ms, self._difference_ms()
        back_ms = before_ms - self._ahead_ms
        return back_ms if back_ms >= _NOTICED_MS else 0

    def _difference_ms(self) -> int:
        return self._day_ms() - round(1000 * self._steady_s())
