"""A program that runs: its outputs as they come, its progress, its time, its end."""

import contextlib
import os
import resource
import select
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.failures import failure
from vidcompute.media.progress import FfmpegProgress, ProgressParser

_TAIL_LINES, _LINE_CHARACTERS = 200, 500
_PIECE_BYTES = 256 * 1024
_TICK_S = 0.25
_LONGEST_TICK_S = 1.0


@dataclass(frozen=True)
class Completed:
    """How a program ended. A `returncode` below 0 is the signal that ended it; `max_rss_bytes` is its largest size.

    `wall_s` leaves out the time for which the whole group was stopped (to within a second).
    """

    returncode: int
    stderr_tail: tuple[str, ...]
    cpu_s: float
    wall_s: float
    max_rss_bytes: int


class Clock:
    """Seconds that were really lived: a process that is stopped for a minute has not used up its time."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.total_s = 0.0
        self.idle_s = 0.0

    def restart(self) -> None:
        """Count from now on, and forget what came before as idle time."""
        self._last = time.monotonic()
        self.idle_s = 0.0

    def tick(self) -> None:
        """Let the time since the last tick pass."""
        now = time.monotonic()
        step = min(now - self._last, _LONGEST_TICK_S)
        self._last = now
        self.total_s += step
        self.idle_s += step


class _Lines:
    """Cuts stderr into lines, keeps the last ones, and passes each on."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._on_line = on_line
        self._pending = b""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def feed(self, data: bytes) -> None:
        """Take what came; b"" at the end gives out what is left."""
        *lines, self._pending = (self._pending + data).replace(b"\r", b"\n").split(b"\n")
        if not data or len(self._pending) > 4 * _LINE_CHARACTERS:
            lines.append(self._pending)
            self._pending = b""
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()[:_LINE_CHARACTERS]
            if text:
                self.tail.append(text)
                if self._on_line is not None:
                    self._on_line(text)


class Running:
    """A program that runs. Iterate `chunks()` to read its outputs, or call `wait()`; as a context it ends with it."""

    def __init__(
        self,
        pid: int,
        pipes: Mapping[int, int],
        outputs: Collection[int],
        *,
        program: str,
        timeout_s: float | None,
        idle_timeout_s: float | None,
        on_line: Callable[[str], None] | None,
        on_progress: Callable[[FfmpegProgress], None] | None,
    ) -> None:
        self.pid = pid
        self._program = program
        self._timeout_s = timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._on_progress = on_progress
        self._outputs = frozenset(outputs)
        self._lines = _Lines(on_line)
        self._parser = ProgressParser()
        self._advance: tuple[int | None, ...] = ()
        self._clock = Clock()
        self._paused = False
        self._ended: tuple[int, resource.struct_rusage] | None = None
        self._pidfd = os.pidfd_open(pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pidfd, selectors.EVENT_READ, None)
        for number, ours in pipes.items():
            self._selector.register(ours, selectors.EVENT_READ, number)
        self._pumping = self._pump()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate(grace_s=0.0)

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._ended is None else os.waitstatus_to_exitcode(self._ended[0])

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """What comes out, as it comes: (the output's descriptor number in the program, bytes), b"" at its end.

        A slow reader slows the program down; leaving the loop early ends the program. Done when it has ended and
        every output is read. Raises
        `stage_timeout` or `stage_stalled` (kind timeout), having killed the program, when its time is over.
        """
        yield from self._pumping

    def wait(self, *, check: bool = True) -> Completed:
        """Wait for the end; outputs that nobody reads are read and dropped.

        With `check`, a bad end raises the error that `failures.failure` makes of it. Timeouts raise as in `chunks`.
        """
        for _ in self._pumping:
            pass
        done = self._completed()
        if check and done.returncode != 0:
            raise failure(done.returncode, done.stderr_tail, program=self._program)
        return done

    def terminate(self, grace_s: float = 1.0) -> None:
        """End it: ask, wait for `grace_s`, then kill. Harmless after its end; what it still wrote is dropped."""
        if self._ended is None and grace_s > 0:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
            select.select([self._pidfd], [], [], grace_s)
        if self._ended is None:
            self._signal(signal.SIGKILL)
            self._reap()
        self._close()

    def pause(self) -> None:
        """Stop it for a while; its time does not run."""
        self._signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        if self._paused:
            self._clock.restart()
        self._paused = False

    def _signal(self, number: int) -> None:
        if self._ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _reap(self) -> None:
        _, status, usage = os.wait4(self.pid, 0)
        self._ended = (status, usage)

    def _close(self) -> None:
        for key in list((self._selector.get_map() or {}).values()):
            os.close(key.fd)
            self._selector.unregister(key.fd)
        self._selector.close()

    def _completed(self) -> Completed:
        assert self._ended is not None, "the pump ends only after the program"
        status, usage = self._ended
        return Completed(
            os.waitstatus_to_exitcode(status),
            tuple(self._lines.tail),
            usage.ru_utime + usage.ru_stime,
            self._clock.total_s,
            usage.ru_maxrss * 1024,
        )

    def _pump(self) -> Iterator[tuple[int, bytes]]:
        try:
            while self._selector.get_map():
                ready = self._selector.select(_TICK_S)
                if not ready and self._ended is not None:
                    break  # it has ended; whoever else still holds a pipe is no concern of ours
                for key, _ in ready:
                    if self._selector.get_map():  # a reader may have ended it meanwhile
                        yield from self._receive(key.fd, key.data)
                self._watch_time()
        finally:
            if self._ended is None:
                self.terminate(grace_s=0.0)
            self._close()
        self._lines.feed(b"")

    def _receive(self, ours: int, number: int | None) -> Iterator[tuple[int, bytes]]:
        if number is None:
            self._reap()
            data = b""
        else:
            data = os.read(ours, _PIECE_BYTES)
        if not data:
            self._selector.unregister(ours)
            os.close(ours)
        if number is None:
            return
        if number in self._outputs:
            self._clock.idle_s = 0.0
            yield number, data
        elif number == 2:
            if data:
                self._lines.feed(data)
        else:
            self._report(data)

    def _report(self, data: bytes) -> None:
        for report in self._parser.feed(data):
            # A report alone is no sign of life: ffmpeg repeats the last one while it hangs.
            if report.advance != self._advance:
                self._advance = report.advance
                self._clock.idle_s = 0.0
            if self._on_progress is not None:
                self._on_progress(report)

    def _watch_time(self) -> None:
        if self._paused:
            return
        self._clock.tick()
        if self._timeout_s is not None and self._clock.total_s > self._timeout_s:
            raise VidComputeError(
                Kind.TIMEOUT, "stage_timeout", f"{self._program} took more than {self._timeout_s:g} s."
            )
        if self._idle_timeout_s is not None and self._clock.idle_s > self._idle_timeout_s:
            raise VidComputeError(
                Kind.TIMEOUT, "stage_stalled", f"{self._program} made no progress for {self._idle_timeout_s:g} s."
            )
