"""What feeds the metrics: every event of the outbox as it comes, and how much there is when somebody asks."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.api.deps import Check, Deps
from vidcompute.api.metrics import Metrics
from vidcompute.db import outbox
from vidcompute.db.engine import UNHURRIED_S, Database
from vidcompute.db.outbox import now_ms
from vidcompute.errors import VidComputeError
from vidcompute.services import gauges, usage
from vidcompute.services.tasks import queries as tasks

_log = logs.get(__name__)
_BATCH = 1000
_AGAIN_S = 1.0  # after which a database that was away is asked again
_NODES_S = 2.0  # for an executor to say what nodes there are


class Meter:
    """Feeds the metrics of one application."""

    def __init__(self, metrics: Metrics, deps: Deps) -> None:
        self._metrics = metrics
        self._deps = deps
        self._taken_seq: int | None = None  # the newest event that was counted
        self._taking = asyncio.Lock()
        self._sampling: asyncio.Task[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it knows from where on it counts."""
        return self._taken_seq is not None

    async def sample(self) -> None:
        """Bring the gauges up to date; where the database is away they say so. Who asks meanwhile shares the answer."""
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.create_task(self._sample())
        await asyncio.shield(self._sampling)

    async def _sample(self) -> None:
        await self._sample_database()
        await self._sample_dispatcher()
        for name, check in self._deps.lesser_checks.items():
            self._metrics.degraded.labels(name).set(int(await _is_away(check)))

    async def _sample_database(self) -> None:
        at_ms = now_ms()
        try:
            if self.has_begun:
                await self._take_up(self._deps.db)  # what happened just now counts
            now = await self._deps.db.read(gauges.gauges, at_ms, self._taken_seq or 0)
        except VidComputeError:
            self._metrics.database_up.set(0)
        else:
            self._metrics.database_up.set(1)
            self._metrics.show(now, at_ms)

    async def _sample_dispatcher(self) -> None:
        if self._deps.dispatch_state is None:
            return
        try:
            async with asyncio.timeout(_NODES_S):
                self._metrics.show_dispatch(await self._deps.dispatch_state())
        except (TimeoutError, VidComputeError):
            _log.warning("nodes_not_sampled")

    async def follow(self, started: asyncio.Event) -> None:
        """Count every event that is emitted from now on, until cancelled; `started` is set when it listens."""
        with self._deps.db.subscribe(UNHURRIED_S) as subscription:
            while True:
                try:
                    if self._taken_seq is None:
                        self._taken_seq = await self._deps.db.read(outbox.last_seq)
                    started.set()
                    await self._take_up(self._deps.db)
                except VidComputeError as error:
                    _log.warning("events_not_counted", code=error.code, detail=error.detail)
                    started.set()
                    await asyncio.sleep(_AGAIN_S)
                else:
                    await subscription.wait()

    async def _take_up(self, db: Database) -> None:
        async with self._taking:
            while found := await db.read(_after, self._taken_seq or 0):
                self._taken_seq = found.events[-1].seq
                self._count(found.events, found.queued_ms)
                self._metrics.encoded_media_s.inc(found.media_s)

    def _count(self, events: Iterable[outbox.Event], queued_ms: Mapping[str, int]) -> None:
        for event in events:
            try:
                self._metrics.take(event, queued_ms)
            except (KeyError, TypeError):
                _log.exception("event_not_counted", event_type=event.type, seq=event.seq)


async def _is_away(check: Check) -> bool:
    try:
        return await check() is not None
    except Exception:  # as readiness has it: a check that breaks tells that something is wrong
        return True


@dataclass(frozen=True)
class _Found:
    """Events, the seconds of media that the tasks encoded which they say are done, and when their jobs were queued."""

    events: list[outbox.Event]
    media_s: float
    queued_ms: Mapping[str, int]


def _after(conn: Connection, seq: int) -> _Found | None:
    events = outbox.all_since(conn, seq, limit=_BATCH)
    if not events:
        return None
    done = [e.subject_id for e in events if e.type == "task.done" and e.data.get("stage") == "encode"]
    begun = [e.subject_id for e in events if e.type == "job.started"]
    media_ms = sum(sum(usage.encoded_ms(facts).values()) for facts in tasks.facts_of(conn, done))
    return _Found(events, media_ms / 1000, gauges.queued_ms(conn, begun) if begun else {})
