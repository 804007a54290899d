"""Between the confined process and the executor: passes on what is well-formed, and keeps the time."""

import os
import resource
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.failures import failure
from vidcompute.media.run import end_descendants
from vidcompute.media.running import Clock
from vidcompute.ports.attempt_wire import error_from_json, event_to_json
from vidcompute.ports.executor import LogLine, Progress
from vidcompute.runner.channel import LineReader, LineTooLongError

_TICK_S = 0.25
_LEVELS = frozenset({"debug", "info", "warning", "error"})
_LONGEST_MESSAGE = 2000
_LARGEST_LOG_BYTES = 8 * 2**20
_LINES_PER_S, _LINES_AT_ONCE = 100.0, 500.0


class CancelledError(Exception):
    """The attempt was asked to end, or nobody waits for it any more."""


class Cancellation:
    """SIGTERM as something that can be waited for."""

    def __init__(self) -> None:
        self.asked = False
        self.fd, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True
        os.write(self._writer, b"!")

    def check(self) -> None:
        """Raise CancelledError when the end was asked for."""
        if self.asked:
            raise CancelledError


class AttemptLog:
    """Writes an attempt's log file, and passes lines on as long as they come at a bearable pace."""

    def __init__(self, path: Path, attempt_id: str, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._file = path.open("w", buffering=1, encoding="utf-8")  # by line: what is killed leaves all of them
        self._attempt_id = attempt_id
        self._send = send
        self._room_bytes = _LARGEST_LOG_BYTES
        self._tokens = _LINES_AT_ONCE
        self._filled_s = time.monotonic()
        self.held_back = 0

    def add(self, level: str, message: str) -> None:
        """One line, whatever the message has in it that somebody takes for the end of one."""
        message = " ".join(message[:_LONGEST_MESSAGE].encode("utf-8", "replace").decode().splitlines())
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = f"{stamp} {level} {message}\n"
        self._room_bytes -= len(line)
        if self._room_bytes > 0:
            self._file.write(line)
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._filled_s) * _LINES_PER_S, _LINES_AT_ONCE)
        self._filled_s = now
        if self._tokens < 1:
            self.held_back += 1
            return
        self._tokens -= 1
        self._send(event_to_json(LogLine(self._attempt_id, level, message)))

    def close(self) -> None:
        """Write out what is left."""
        if self.held_back:
            self._file.write(f"({self.held_back} lines came too fast to be passed on live)\n")
        self._file.close()


@dataclass(frozen=True)
class Ended:
    """How the confined process ended: its facts or an error, and what it used."""

    facts: Mapping[str, Any] | None
    error: VidComputeError | None
    cpu_s: float
    max_rss_bytes: int


def progress_of(attempt_id: str, message: Mapping[str, Any]) -> Progress | None:
    """The progress that a message tells of; None when it is malformed. Nothing from inside is taken on trust."""

    def number(name: str) -> float | None:
        value = message.get(name)
        sound = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
        return value if sound else None

    fraction = number("fraction")
    if fraction is None:
        return None
    frame, media_time_ms = number("frame"), number("media_time_ms")
    return Progress(
        attempt_id,
        min(max(float(fraction), 0.0), 1.0),
        None if frame is None else int(frame),
        number("fps"),
        None if media_time_ms is None else int(media_time_ms),
        number("speed"),
    )


class Relay:
    """Watches over the confined process `pid` until it and all its descendants have ended."""

    def __init__(
        self,
        attempt_id: str,
        pid: int,
        *,
        events_fd: int,
        stderr_fd: int,
        timeout_s: float,
        idle_timeout_s: float,
        log: AttemptLog,
        send: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._attempt_id = attempt_id
        self._pid = pid
        self._events = LineReader(events_fd)
        self._stderr_fd = stderr_fd
        self._stderr = b""
        self._timeout_s = timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._log = log
        self._send = send
        self._clock = Clock()
        self._last: Mapping[str, Any] | None = None
        self._place: tuple[float, int | None, int | None] | None = None
        self._exit: tuple[int, resource.struct_rusage] | None = None
        self._selector = selectors.DefaultSelector()

    def watch(self, cancellation: Cancellation, server_fd: int, on_tick: Callable[[], None]) -> Ended:
        """Relay until the end. Raises CancelledError, or the error (kind timeout) when its time is over."""
        pidfd = os.pidfd_open(self._pid)
        steps: dict[int, Callable[[], None]] = {
            pidfd: self._reap,
            self._events.fd: self._relay,
            self._stderr_fd: self._read_stderr,
            cancellation.fd: cancellation.check,
            server_fd: self._heard_from_server,
        }
        for fd in steps:
            self._selector.register(fd, selectors.EVENT_READ)
        try:
            while self._exit is None:
                for key, _ in self._selector.select(_TICK_S):
                    steps[key.fd]()
                self._watch_time()
                on_tick()
        except BaseException:
            if self._exit is None:
                self._end()
            raise
        finally:
            self._selector.close()
            os.close(pidfd)
        self._drain()
        return self._ended()

    def _end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        end_descendants()

    def _reap(self) -> None:
        _, status, usage = os.wait4(self._pid, 0)
        self._exit = (os.waitstatus_to_exitcode(status), usage)
        end_descendants()

    def _heard_from_server(self) -> None:
        raise CancelledError  # it has nothing more to say: it has gone

    def _messages(self) -> Iterator[dict[str, Any]]:
        try:
            yield from self._events.read()
        except (ValueError, TypeError, LineTooLongError, RecursionError) as problem:
            detail = "The stage's process sent what is no message."
            raise VidComputeError(Kind.INTERNAL, "stage_protocol", detail) from problem

    def _relay(self) -> None:
        for message in self._messages():
            self._take(message)
        if self._events.ended and self._exit is None:
            self._selector.unregister(self._events.fd)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("event")
        if kind == "progress":
            progress = progress_of(self._attempt_id, message)
            if progress is not None:
                place = (progress.fraction, progress.frame, progress.media_time_ms)
                if place != self._place:  # who says the same again, or only talks, gets nowhere
                    self._place, self._clock.idle_s = place, 0.0
                self._send(event_to_json(progress))
        elif kind == "log":
            level = str(message.get("level"))
            self._log.add(level if level in _LEVELS else "info", str(message.get("message")))
        elif kind in {"result", "error"}:
            self._last = message

    def _read_stderr(self) -> None:
        data = os.read(self._stderr_fd, 65536)
        if not data and self._exit is None:
            self._selector.unregister(self._stderr_fd)
        *lines, rest = (self._stderr + data).split(b"\n")
        self._stderr = rest[-_LONGEST_MESSAGE:]
        for line in lines:
            self._log.add("warning", line.decode("utf-8", "replace"))

    def _watch_time(self) -> None:
        self._clock.tick()
        if self._clock.total_s > self._timeout_s:
            raise VidComputeError(Kind.TIMEOUT, "stage_timeout", f"It took more than {self._timeout_s:g} s.")
        if self._clock.idle_s > self._idle_timeout_s:
            detail = f"It made no progress for {self._idle_timeout_s:g} s."
            raise VidComputeError(Kind.TIMEOUT, "stage_stalled", detail)

    def _drain(self) -> None:
        """Read what was sent before the end: nobody is left who could send more."""
        while not self._events.ended:
            self._relay()
        os.set_blocking(self._stderr_fd, False)
        try:
            while chunk := os.read(self._stderr_fd, 65536):
                self._stderr = (self._stderr + chunk)[-_LONGEST_MESSAGE:]
        except BlockingIOError:
            pass
        if self._stderr.strip():
            self._log.add("warning", self._stderr.decode("utf-8", "replace"))

    def _ended(self) -> Ended:
        assert self._exit is not None, "the watch ends only after the process"
        code, usage = self._exit
        cpu_s, max_rss_bytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        last = self._last or {}
        if code == 0 and last.get("event") == "result" and isinstance(last.get("facts"), dict):
            return Ended(last["facts"], None, cpu_s, max_rss_bytes)
        try:
            error = error_from_json(last)
        except (KeyError, ValueError):
            error = failure(code, (), program="stage")
        return Ended(None, error, cpu_s, max_rss_bytes)
