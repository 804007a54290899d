"""The loop that moves work on: plans jobs, places ready tasks, starts attempts, records how they end.

It wakes on events (commits, and what the executor tells), not on a polling delay; a slow safety tick finds what an
event that was missed would have told. The database decides everything: what is kept here can be lost at any instant.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from vidcompute import failpoints, logs
from vidcompute.db.engine import Database
from vidcompute.db.lease import LeaseLostError
from vidcompute.db.outbox import now_ms
from vidcompute.dispatch.advancing import Advancing
from vidcompute.dispatch.clock import Clock
from vidcompute.dispatch.depth import Depth
from vidcompute.dispatch.hearing import hears
from vidcompute.dispatch.leading import Beside, Leading
from vidcompute.dispatch.looking import View, look
from vidcompute.dispatch.lost_logs import KeepLog, keep_heard
from vidcompute.dispatch.missing import Missing
from vidcompute.dispatch.placement import Busy, place
from vidcompute.dispatch.planning import Planner
from vidcompute.dispatch.recording import Recording
from vidcompute.dispatch.silence import Silence
from vidcompute.dispatch.timers import Timer, keep_time
from vidcompute.dispatch.turns import in_turn
from vidcompute.dispatch.usage import usage
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.attempt_wire import logs_key
from vidcompute.ports.executor import Adopted, AttemptSpec, Executor, Finished, Heartbeat, Held, Outcome, Progress
from vidcompute.services import jobs
from vidcompute.services.gauges import DispatchState
from vidcompute.services.jobs import Placement, RetryPolicy
from vidcompute.services.jobs.live import ProgressHub

log = logs.get("dispatch")


@dataclass(frozen=True)
class DispatchPolicy:
    """How the dispatcher works: retries, ageing of priorities, and its own rhythm."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    ageing_s: float = 600.0
    max_running_tasks: int | None = None  # of one organization
    lease_s: float = 6.0  # how long a leader that says nothing is waited for
    heartbeat_lease_s: float = 60.0  # and an attempt
    safety_tick_s: float = 5.0
    hardware_patience_s: float = 300.0  # how long a node is waited for that was to encode, before software does
    progress_every_s: float = 1.0  # how often progress is written to the database
    batch: int = 64  # ready tasks of each priority that one round looks at
    planned_at_once: int = 16  # jobs that one round plans: what is ready is not to wait for a long queue


@dataclass(frozen=True)
class _Running:
    spec: AttemptSpec
    node: str
    since_ms: int
    organization_id: str


class Dispatcher:
    """Owns the executor: nobody else starts or cancels attempts. `discard` removes what a stale attempt stored.

    `keep_log` stores what was heard of an attempt that can't have stored its log. `beside` is, by name, what else the
    leader does.
    """

    def __init__(
        self,
        db: Database,
        executor: Executor,
        planner: Planner,
        hub: ProgressHub,
        *,
        holder: str,
        policy: DispatchPolicy,
        discard: Callable[[str], Awaitable[object]],
        timers: Sequence[Timer] = (),
        keep_log: KeepLog | None = None,
        beside: Mapping[str, Beside] = MappingProxyType({}),
    ) -> None:
        self._lead = Leading(db, holder, lease_s=policy.lease_s)
        self._db = db
        self._executor = executor
        self._hub = hub
        self._policy = policy
        self._discard = discard
        self._timers = list(timers)
        self._keep_log = keep_log
        self._beside = beside
        self._running: dict[str, _Running] = {}
        self._stopping: set[str] = set()
        self._silence = Silence(policy.heartbeat_lease_s)
        self._progress: dict[str, Progress] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._always: list[asyncio.Task[None]] = []
        self._errands: set[asyncio.Future[object]] = set()
        self._draining = False
        self._in_doubt = False  # whether attempts may be recorded that the answer to their commit did not tell of
        self._idle = asyncio.Event()
        self._wakeups = db.subscribe(hears=hears)
        self._advancing = Advancing(db, self._lead, planner, nodes=executor.nodes, wake=self._wakeups.wake)
        self._recording = Recording(self._lead, policy.retry)
        self._depth = Depth(policy.batch, policy.safety_tick_s)
        self._missing = Missing(policy.hardware_patience_s)
        self._turn = ""  # the organization that was served last
        self._clock = Clock()
        self._back_ms = 0  # by which it was set back, and no row has heard of it
        self._reasons: dict[str, str] = {}  # why tasks wait, as of the last round
        self._told: dict[str, str] = {}  # and as the database has it

    async def start(self) -> None:
        """Take up what an earlier server left, and begin to work; or stand by, where another one leads."""
        if await self._lead.take() is None:
            async with self._lead.kept():
                await self._rise()
        self._always = [
            asyncio.create_task(self._consume(), name="dispatch-events"),
            asyncio.create_task(self._keep_on(self._reign), name="dispatch-lead"),
        ]

    async def _reign(self) -> None:
        """Stand by until it leads, and lead until another one does."""
        if self._lead.epoch is None:
            await self._lead.stand_by()
        with contextlib.suppress(LeaseLostError):
            if not self._loops:
                await self._rise_or_let()
            await self._lead.keep()
        await self._step_down()

    async def _rise_or_let(self) -> None:
        """Begin to lead; the lease is kept while it hears of what runs, and let go where it can't."""
        try:
            async with self._lead.kept():
                await self._rise()
        except VidComputeError:
            await self._lead.release()  # first: who still held it would record what is let go as lost
            await self._step_down()
            raise

    async def _rise(self) -> None:
        """Begin to lead: what ran under an earlier leader goes on where it lives, else is lost and starts again."""
        failpoints.reach("lease.taken")
        adopted = await self._executor.adopt(self._lead.epoch or 0)
        for found in adopted:  # before anything else happens: their events come from now on
            self._running[found.spec.attempt_id] = _adopted(found)
        self._check_idle()
        alive = [found.spec.attempt_id for found in adopted]
        lost = await self._lead.write(jobs.adopt, self._policy.retry, alive)
        for attempt_id in alive:
            await self._lead.write(jobs.start, attempt_id)  # where the leader before could not say so any more
            self._expect(attempt_id)
        if lost or alive:
            log.warning("attempts_adopted", alive=len(alive), lost=lost)
        if self._keep_log is not None:
            self._errand(keep_heard(self._db, self._hub, self._keep_log))
        self._loops = [
            asyncio.create_task(self._keep_on(self._schedule), name="dispatch-schedule"),
            asyncio.create_task(self._keep_on(self._flush_progress), name="dispatch-progress"),
            asyncio.create_task(self._keep_on(self._keep_time), name="dispatch-timers"),
            asyncio.create_task(self._keep_on(self._end_silent), name="dispatch-silence"),
            *(asyncio.create_task(self._keep_on(self._led(work)), name=name) for name, work in self._beside.items()),
        ]

    def _led(self, work: Beside) -> Callable[[], Awaitable[None]]:
        return lambda: work(self._lead)

    async def _step_down(self) -> None:
        """Another one leads: nothing is started or recorded here any more, and what it can't adopt is ended."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        self._errand(self._executor.let_go())

    async def stop(self, grace_s: float) -> None:
        """Start nothing new; attempts finish within the grace or are handed back. Every task is ready or done then."""
        self._draining = True
        self._check_idle()
        await self._executor.close(grace_s)
        try:
            async with asyncio.timeout(5):
                await self._idle.wait()
        except TimeoutError:
            log.warning("attempts_without_an_end", attempts=sorted(self._running))
        every: list[asyncio.Future[Any]] = [*self._loops, *self._always, *self._errands]
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)
        try:
            if self._lead.epoch is not None:
                await self._lead.write(jobs.hand_back, self._policy.retry)
                await self._lead.release()
        except LeaseLostError:
            pass  # there is nothing of its own to hand back
        except VidComputeError as error:  # the database is away: who leads next finds what was running
            log.warning("attempts_not_handed_back", code=error.code, detail=error.detail)
        self._wakeups.close()

    async def trouble(self) -> str | None:
        """What is wrong with the dispatcher, in words, for readiness; None while it works."""
        ended = [loop.get_name() for loop in (*self._loops, *self._always) if loop.done()]
        if self._draining:
            return "it takes no new work: the server shuts down"
        return f"it stopped: {', '.join(ended)}" if ended or not self._always else None

    async def state(self) -> DispatchState:
        """Whether it leads, and what its nodes have and hold: for metrics."""
        if self._lead.epoch is None:
            return DispatchState(leads=False, epoch=None)
        return DispatchState(True, self._lead.epoch, usage(await self._executor.nodes(), self._busy()))

    @property
    def leads(self) -> bool:
        """Whether this one places tasks; others stand by."""
        return self._lead.epoch is not None

    @property
    def running_attempts(self) -> int:
        """How many attempts the executor has."""
        return len(self._running)

    # -- rounds ---------------------------------------------------------------------------------------------------

    async def _keep_on(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat `step` for ever; an error in it (the disk is full, say) is logged and does not end the loop."""
        while True:
            try:
                await step()
            except LeaseLostError:
                return  # it steps down
            except Exception:
                loop = asyncio.current_task()
                log.exception("dispatch_step_failed", loop=loop.get_name() if loop else "")
                await asyncio.sleep(1.0)

    async def _schedule(self) -> None:
        self._back_ms += self._clock.set_back_ms()
        if self._back_ms:
            log.warning("clock_set_back", back_ms=self._back_ms)
            await self._lead.write(jobs.set_back, self._back_ms, self._policy.retry)
            self._back_ms = 0
        if self._in_doubt:
            await self._lead.write(jobs.adopt, self._policy.retry, list(self._running))
            self._in_doubt = False
        at_ms = now_ms()
        most = {"jobs_most": self._policy.planned_at_once, "tasks_most": self._depth.most}
        view = await self._db.read(look, list(self._running), at_ms, self._turn, **most)
        self._stop_disowned(view)
        for job_id, error in view.overdue.items():
            log.warning("job_overdue", job_id=job_id, code=error.code)
            await self._lead.write(jobs.fail, job_id, error)
        again_s = None
        if not self._draining:
            if view.ready and not self._lead.is_sure:  # the database was away, say: nothing could be begun now
                await self._lead.renew()
            again_s = await self._place(view, at_ms)
        for job in view.unplanned:
            await self._advancing.advance(job)
            self._turn = job.organization_id
        wait_s = self._policy.safety_tick_s if again_s is None else min(again_s, self._policy.safety_tick_s)
        if view.next_ms is not None:
            wait_s = min(wait_s, max(0.001, (view.next_ms - now_ms()) / 1000))
        await self._wakeups.wait(wait_s)

    def _stop_disowned(self, view: View) -> None:
        """End attempts whose tasks nobody wants any more."""
        for attempt_id in self._running.keys() - view.owned - self._stopping:
            running = self._running[attempt_id]
            self._stopping.add(attempt_id)
            log.info("attempt_cancelled", **_ids(running.spec))
            self._errand(self._see_off(attempt_id))

    async def _see_off(self, attempt_id: str) -> None:
        """Cancel an attempt, and again until its end is told: the way to its node may be broken at first."""
        while attempt_id in self._running:
            await self._executor.cancel(attempt_id)
            await asyncio.sleep(self._policy.heartbeat_lease_s / 10)

    async def _place(self, view: View, at_ms: int) -> float | None:
        """Place what there is room for; in how many seconds to look again though nothing happens, or None."""
        ready = view.ready
        nodes = await self._executor.nodes() if ready else []
        at_work = Counter(r.organization_id for r in self._running.values())
        policy = self._policy
        turns = in_turn(ready, at_work, at_ms, ageing_s=policy.ageing_s, most=policy.max_running_tasks)
        decision = place(turns.order, nodes, self._busy())
        self._reasons = {**turns.held, **decision.reasons}
        chosen = [Placement(t, node, decision.gpus.get(t, ())) for t, node in decision.nodes.items()]
        if chosen:
            owners = {task.id: task.organization_id for task in ready}
            self._in_doubt = True
            specs = await self._lead.write(jobs.place, chosen)
            self._in_doubt = False
            for spec in specs:
                node, owner = decision.nodes[spec.task_id], owners[spec.task_id]
                self._running[spec.attempt_id] = _Running(spec, node, now_ms(), owner)
                self._turn = owner
            self._check_idle()
            for spec in specs:
                self._errand(self._begin(spec))
        if overdue := self._missing.overdue(ready, nodes):
            await self._do_without(overdue)
        return self._depth.looked(placed=bool(chosen), spare=bool(ready) and decision.spare, cut=view.more)

    async def _do_without(self, task_ids: Sequence[str]) -> None:
        """Have what no node has the hardware for planned in software."""
        planned_again = await self._lead.write(jobs.do_without, task_ids)
        self._missing.settled(task_ids)
        if planned_again:
            log.warning("hardware_gone", jobs=sorted(planned_again))

    def _busy(self) -> list[Busy]:
        return [Busy(r.node, r.spec.needs, r.spec.background, r.since_ms, r.spec.gpus) for r in self._running.values()]

    async def _begin(self, spec: AttemptSpec) -> None:
        if not self._lead.is_sure:  # this process was stopped for longer than its lease: another one may lead by now
            await self._finish(Finished(spec.attempt_id, Outcome.CANCELLED))
            return
        failpoints.reach("attempt.begin")
        try:
            await self._executor.start(spec)
        except Exception as error:  # whatever an adapter raises: the attempt must still end
            log.exception("attempt_not_started", **_ids(spec))
            await self._finish(_not_started(spec, error, draining=self._draining))
            return
        failpoints.reach("attempt.taken")
        self._expect(spec.attempt_id)
        await self._recording.start(spec.attempt_id, now_ms(), lambda: spec.attempt_id in self._running)
        log.info("attempt_started", **_ids(spec))

    def _expect(self, attempt_id: str) -> None:
        """From now on it gives signs of life, or is given up."""
        if attempt_id in self._running:  # it may have ended meanwhile
            self._silence.heard(attempt_id)

    # -- what the executor tells ----------------------------------------------------------------------------------

    async def _consume(self) -> None:
        async for event in self._executor.events():
            running = self._running.get(event.attempt_id)
            if running is None:
                continue
            if isinstance(event, Held):
                self._silence.held(event.attempt_id, held=event.held)
                continue
            self._silence.heard(event.attempt_id)
            if isinstance(event, Heartbeat):
                continue
            if isinstance(event, Finished):  # recorded beside this loop: a database that is away makes nobody silent
                self._errand(self._end(self._silence.judged(event), running.spec))
                continue
            if isinstance(event, Progress):
                self._progress[event.attempt_id] = event
            else:
                log.debug("attempt_line", line=event.message, line_level=event.level, **_ids(running.spec))
            self._hub.publish(running.spec.task_id, running.spec.stage, event)

    async def _end(self, result: Finished, spec: AttemptSpec) -> None:
        """One that was lost or ended may not have come to storing its log: what was heard of it is stored first."""
        if self._keep_log is not None and result.outcome in {Outcome.LOST, Outcome.CANCELLED}:
            heard = [line for line in self._hub.backlog([spec.task_id]) if line.attempt_id == spec.attempt_id]
            await self._keep_log(logs_key(spec), heard, result)
        await self._finish(result)

    async def _finish(self, result: Finished) -> None:
        """Record an attempt's end, however long the database takes to accept it."""
        running = self._running.get(result.attempt_id)
        if running is None:
            return
        self._stopping.add(result.attempt_id)  # it has ended: there is nothing to cancel any more
        failpoints.reach("attempt.ended")
        recorded = await self._recording.end(result, lambda: self._draining)
        self._running.pop(result.attempt_id, None)
        self._stopping.discard(result.attempt_id)
        self._progress.pop(result.attempt_id, None)
        self._silence.forget(result.attempt_id)
        self._hub.ended(running.spec.task_id, result.attempt_id)
        log.info(
            "attempt_ended",
            outcome=result.outcome,
            accepted=recorded.accepted,
            task_status=recorded.status,
            duration_ms=now_ms() - running.since_ms,
            error_code=result.error_code,
            error_detail=result.error_detail,
            **_ids(running.spec),
        )
        leads = self._lead.epoch is not None
        if leads:
            self._errand(self._executor.collected(result.attempt_id))
        # One who leads now may have adopted it, and still take what it made.
        if result.outcome is Outcome.OK and not recorded.accepted and (leads or not self._executor.outlives):
            self._errand(self._discard(running.spec.output_prefix))
        self._check_idle()
        if not recorded.accepted:
            self._wakeups.wake()  # its room is free now, whatever the database says

    async def _end_silent(self) -> None:
        """End attempts that give no sign of life: they are lost, whether their end is heard or not."""
        await asyncio.sleep(self._policy.heartbeat_lease_s / 10)
        here = {node.name for node in await self._executor.nodes()}
        nodes = {attempt_id: running.node for attempt_id, running in self._running.items()}
        for attempt_id in self._silence.overdue(nodes, here):
            running = self._running[attempt_id]
            log.warning("attempt_silent", node=running.node, **_ids(running.spec))
            self._errand(self._give_up(running.spec))

    async def _give_up(self, spec: AttemptSpec) -> None:
        await self._executor.cancel(spec.attempt_id)
        if spec.attempt_id in self._running and spec.attempt_id not in self._stopping:
            await self._end(self._silence.judged(Finished(spec.attempt_id, Outcome.CANCELLED)), spec)

    async def _flush_progress(self) -> None:
        await asyncio.sleep(self._policy.progress_every_s)
        if self._progress:
            latest, self._progress = self._progress, {}
            await self._lead.write(jobs.record_progress, latest)
        reasons = self._reasons
        news = dict(reasons.items() - self._told.items())
        if news:
            await self._lead.write(jobs.record_reasons, news)
        self._told = reasons

    async def _keep_time(self) -> None:
        await keep_time(self._db, self._lead, self._timers)

    # -- small things ---------------------------------------------------------------------------------------------

    def _errand(self, work: Awaitable[object]) -> None:
        """Do something beside the loops; an error in it is logged."""
        errand = asyncio.ensure_future(work)
        self._errands.add(errand)
        errand.add_done_callback(self._errand_done)

    def _errand_done(self, errand: "asyncio.Future[object]") -> None:
        self._errands.discard(errand)
        if not errand.cancelled() and (error := errand.exception()) is not None:
            log.error("errand_failed", exc_info=error)

    def _check_idle(self) -> None:
        if self._running:
            self._idle.clear()
        else:
            self._idle.set()


def _ids(spec: AttemptSpec) -> dict[str, object]:
    return {
        "job_id": spec.job_id,
        "asset_id": spec.asset_id,
        "task_id": spec.task_id,
        "attempt_id": spec.attempt_id,
        "stage": spec.stage,
        "number": spec.number,
    }


def _adopted(found: Adopted) -> _Running:
    # what an attempt makes lies below orgs/ and its owner's name
    return _Running(found.spec, found.node, found.since_ms, found.spec.output_prefix.split("/")[1])


def _not_started(spec: AttemptSpec, error: Exception, *, draining: bool) -> Finished:
    if draining:  # it came too late, which is not its task's fault: it is handed back
        return Finished(spec.attempt_id, Outcome.CANCELLED)
    if not isinstance(error, VidComputeError):
        error = VidComputeError(Kind.UNAVAILABLE, "attempt_not_started", f"It could not be started: {error}.")
    return Finished(
        spec.attempt_id,
        Outcome.FAILED,
        error_kind=error.kind,
        error_code=error.code,
        error_detail=error.detail,
    )
