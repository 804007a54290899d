"""What runs right now, in memory: progress and log lines of attempts, for those who listen. Losing it loses nothing."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from vidcompute.db.outbox import now_ms
from vidcompute.ports.executor import LogLine, Progress

BACKLOG_LINES = 1000  # of one attempt that are kept for those who come late
QUEUE_LENGTH = 2000  # of one listener; one who is slower than that misses the oldest


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
    """Passes progress and log lines from the dispatcher to everybody who listens, on one event loop."""

    def __init__(self) -> None:
        self._feeds: set[Feed] = set()
        self._progress: dict[str, LiveProgress] = {}
        self._lines: dict[str, deque[LiveLine]] = {}
        self._counts: dict[str, int] = {}

    def publish(self, task_id: str, stage: str, event: Progress | LogLine) -> None:
        """Tell everybody who listens to this task, and keep it for those who ask later."""
        item = self._keep(task_id, stage, event)
        for feed in tuple(self._feeds):
            if task_id in feed.task_ids:
                feed.give(item)

    def _keep(self, task_id: str, stage: str, event: Progress | LogLine) -> Live:
        if isinstance(event, Progress):
            self._progress[task_id] = progress = LiveProgress(task_id, stage, event, now_ms())
            return progress
        number = self._counts.get(event.attempt_id, 0) + 1
        self._counts[event.attempt_id] = number
        line = LiveLine(task_id, event.attempt_id, stage, number, event.level, event.message, now_ms())
        self._lines.setdefault(event.attempt_id, deque(maxlen=BACKLOG_LINES)).append(line)
        return line

    def ended(self, task_id: str, attempt_id: str) -> None:
        """Drop what is kept of an attempt that has ended: its log is in storage now."""
        self._progress.pop(task_id, None)
        self._lines.pop(attempt_id, None)
        self._counts.pop(attempt_id, None)

    def follow(self, task_ids: Iterable[str]) -> Feed:
        """Listen to these tasks from now on."""
        feed = Feed(self, task_ids)
        self._feeds.add(feed)
        return feed

    def forget(self, feed: Feed) -> None:
        """Stop telling a feed."""
        self._feeds.discard(feed)

    def latest(self, task_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The newest progress of these tasks, by task, as `list_stages` takes it."""
        return {
            task_id: {k: v for k, v in vars(self._progress[task_id].progress).items() if v is not None}
            for task_id in task_ids
            if task_id in self._progress
        }

    def backlog(self, task_ids: Iterable[str]) -> list[LiveLine]:
        """The last lines of the live attempts of these tasks, oldest first."""
        wanted = set(task_ids)
        kept = [line for lines in self._lines.values() for line in lines if line.task_id in wanted]
        return sorted(kept, key=lambda line: (line.at_ms, line.attempt_id, line.line))

    def close(self) -> None:
        """End every feed: the server shuts down."""
        for feed in tuple(self._feeds):
            feed.close()
