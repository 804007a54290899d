"""What runs right now, in memory: progress and log lines of attempts, for those who listen. Losing it loses nothing.

Attempts tell the server that leads. Other servers hear of it by the fan-out, where there is one; without it, and where
it fails, they have what the database and the storage hold.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from vidcompute import logs
from vidcompute.db.outbox import now_ms
from vidcompute.ports.executor import LogLine, Progress

BACKLOG_LINES = 1000  # of one attempt that are kept for those who come late
QUEUE_LENGTH = 2000  # of one listener; one who is slower than that misses the oldest
FRESH_S = 2.5  # so long what was heard is taken for newer than the database, where progress is kept each second
HEARD_S = 600.0  # after which an attempt elsewhere that nothing was heard of is forgotten

_log = logs.get("live")


@dataclass(frozen=True)
class LiveProgress:
    """How far a task's attempt is."""

    task_id: str
    stage: str
    progress: Progress
    at_ms: int


@dataclass(frozen=True)
class LiveLine:
    """One log line of a task's attempt; `line` counts from 1 within the attempt."""

    task_id: str
    attempt_id: str
    stage: str
    line: int
    level: str
    message: str
    at_ms: int


Live = LiveProgress | LiveLine


@dataclass(frozen=True)
class _Heard:
    """When something was heard of an attempt that another server runs, and when of its progress."""

    task_id: str
    at_s: float
    progress_s: float


class Feed:
    """What is published about some tasks from now on; an asynchronous iterator. Ends when the hub is closed."""

    def __init__(self, hub: "ProgressHub", task_ids: Iterable[str]) -> None:
        self._hub = hub
        self._waiting: deque[Live] = deque(maxlen=QUEUE_LENGTH)
        self._some = asyncio.Event()
        self._closed = False
        self.task_ids = set(task_ids)  # may grow, as a job gets its plan

    def give(self, item: Live) -> None:
        """Add an item for the listener; the hub calls this."""
        self._waiting.append(item)
        self._some.set()

    def close(self) -> None:
        """End the feed."""
        self._closed = True
        self._some.set()
        self._hub.forget(self)

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> Live:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._some.clear()
            await self._some.wait()
        return self._waiting.popleft()

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class ProgressHub:
    """Passes progress and log lines from the dispatcher to everybody who listens, on one event loop.

    `tell` passes them on to other servers, whose hubs `hear` them.
    """

    def __init__(
        self, tell: Callable[[Mapping[str, Any]], None] | None = None, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell or (lambda _message: None)
        self._clock_s = clock_s
        self._feeds: set[Feed] = set()
        self._progress: dict[str, LiveProgress] = {}
        self._lines: dict[str, deque[LiveLine]] = {}
        self._counts: dict[str, int] = {}
        self._heard: dict[str, _Heard] = {}  # of attempts that run elsewhere

    def publish(self, task_id: str, stage: str, event: Progress | LogLine) -> None:
        """Tell everybody who listens to this task, and keep it for those who ask later."""
        item: Live
        if isinstance(event, Progress):
            item = LiveProgress(task_id, stage, event, now_ms())
            self._tell({"progress": asdict(item)})
        else:
            number = self._counts.get(event.attempt_id, 0) + 1
            self._counts[event.attempt_id] = number
            item = LiveLine(task_id, event.attempt_id, stage, number, event.level, event.message, now_ms())
            self._tell({"line": asdict(item)})
        self._heard.pop(event.attempt_id, None)
        self._take(item)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take what another server's hub told; what is no such message is logged and left alone."""
        try:
            if "ended" in message:
                self._drop(message["task"], message["ended"])
            elif "progress" in message:
                told = dict(message["progress"])
                progress = LiveProgress(**{**told, "progress": Progress(**told["progress"])})
                self._note(progress.progress.attempt_id, progress.task_id, progressed=True)
                self._take(progress)
            else:
                line = LiveLine(**message["line"])
                self._note(line.attempt_id, line.task_id, progressed=False)
                self._take(line)
        except (KeyError, TypeError) as error:
            _log.warning("live_message_unknown", detail=repr(error)[:200])

    def _note(self, attempt_id: str, task_id: str, *, progressed: bool) -> None:
        now_s = self._clock_s()
        if attempt_id not in self._heard:
            silent = [one for one, heard in self._heard.items() if now_s - heard.at_s > HEARD_S]
            for one in silent:
                self._drop(self._heard[one].task_id, one)
        known = self._heard.get(attempt_id)
        progress_s = now_s if progressed or known is None else known.progress_s
        self._heard[attempt_id] = _Heard(task_id, now_s, progress_s)

    def _take(self, item: Live) -> None:
        if isinstance(item, LiveProgress):
            self._progress[item.task_id] = item
        else:
            self._lines.setdefault(item.attempt_id, deque(maxlen=BACKLOG_LINES)).append(item)
        for feed in tuple(self._feeds):
            if item.task_id in feed.task_ids:
                feed.give(item)

    def ended(self, task_id: str, attempt_id: str) -> None:
        """Drop what is kept of an attempt that has ended: its log is in storage now."""
        self._drop(task_id, attempt_id)
        self._tell({"ended": attempt_id, "task": task_id})

    def _drop(self, task_id: str, attempt_id: str) -> None:
        progress = self._progress.get(task_id)
        if progress is not None and progress.progress.attempt_id == attempt_id:  # not of the one that came after it
            del self._progress[task_id]
        self._lines.pop(attempt_id, None)
        self._counts.pop(attempt_id, None)
        self._heard.pop(attempt_id, None)

    def heard(self) -> Iterable[str]:
        """The attempts of other servers that something was heard of."""
        return tuple(self._heard)

    def follow(self, task_ids: Iterable[str]) -> Feed:
        """Listen to these tasks from now on."""
        feed = Feed(self, task_ids)
        self._feeds.add(feed)
        return feed

    def forget(self, feed: Feed) -> None:
        """Stop telling a feed."""
        self._feeds.discard(feed)

    def latest(self, task_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The newest progress of these tasks, by task, as `list_stages` takes it; nothing that may be stale."""
        found = (self._progress[task_id] for task_id in task_ids if task_id in self._progress)
        return {
            live.task_id: {k: v for k, v in vars(live.progress).items() if v is not None}
            for live in found
            if self._is_fresh(live.progress.attempt_id)
        }

    def _is_fresh(self, attempt_id: str) -> bool:
        heard = self._heard.get(attempt_id)
        return heard is None or self._clock_s() - heard.progress_s <= FRESH_S

    def backlog(self, task_ids: Iterable[str]) -> list[LiveLine]:
        """The last lines of the live attempts of these tasks, oldest first."""
        wanted = set(task_ids)
        kept = [line for lines in self._lines.values() for line in lines if line.task_id in wanted]
        return sorted(kept, key=lambda line: (line.at_ms, line.attempt_id, line.line))

    def close(self) -> None:
        """End every feed: the server shuts down."""
        for feed in tuple(self._feeds):
            feed.close()
