"""An attempt's signs of life, also while it waits for a store or hashes what it made."""

import contextlib
import signal
from types import FrameType, TracebackType

from vidcompute.ports.attempt_wire import event_to_json
from vidcompute.ports.executor import HEARTBEAT_S, Heartbeat
from vidcompute.runner.channel import Sender


class Pulse:
    """While it is entered, tells `Heartbeat` at once and then by the alarm clock of this process (setitimer(2)).

    A signal and no thread: the attempt forks, which what has threads can't do safely. Children inherit no timer.
    """

    def __init__(self, attempt_id: str, sender: Sender) -> None:
        self._message = event_to_json(Heartbeat(attempt_id))
        self._sender = sender

    def __enter__(self) -> None:
        self._sender.send(self._message)
        signal.signal(signal.SIGALRM, self._beat)
        signal.setitimer(signal.ITIMER_REAL, HEARTBEAT_S, HEARTBEAT_S)

    def _beat(self, _number: int, _frame: FrameType | None) -> None:
        if self._sender.sending:  # that is a sign of life, and may not be cut in two
            return
        with contextlib.suppress(OSError):  # who listened has gone: the relay sees that, too
            self._sender.send(self._message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
