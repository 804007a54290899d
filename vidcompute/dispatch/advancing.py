"""Takes jobs nearer to their plans, a step at a time. What is wrong with one is no other's trouble."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from vidcompute import logs
from vidcompute.db.engine import Database
from vidcompute.db.lease import LeaseLostError
from vidcompute.dispatch import planning
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.passing import may_pass
from vidcompute.dispatch.planning import Planner
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import NodeInfo
from vidcompute.services import jobs
from vidcompute.services.jobs import Unplanned
from vidcompute.services.states import JobStep

log = logs.get("dispatch")
_OF_THE_PLAN = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)  # they would only come again
_LOOKS = 3  # tries of a job that fails in an unknown way, before it is failed: the cause may be transient


class Advancing:
    """`nodes` tells what the executor has, `wake` asks for another round."""

    def __init__(
        self,
        db: Database,
        lead: Leading,
        planner: Planner,
        *,
        nodes: Callable[[], Awaitable[list[NodeInfo]]],
        wake: Callable[[], None],
    ) -> None:
        self._db = db
        self._lead = lead
        self._planner = planner
        self._nodes = nodes
        self._wake = wake
        self._strange: Counter[str] = Counter()

    async def advance(self, job: Unplanned) -> None:
        """Take a job one step nearer to its plan; where that is refused, or can't be, the job fails with the reason.

        Raises LeaseLostError, and what may pass (the database is away, say).
        """
        with logs.bound(job_id=job.id, asset_id=job.asset_id):
            try:
                await self._step(job)
                self._strange.pop(job.id, None)
            except LeaseLostError:
                raise
            except Exception as error:
                if may_pass(error):  # the database is away, say: the job is looked at again
                    raise
                await self._give_up(job, error)

    async def _step(self, job: Unplanned) -> None:
        if job.step != JobStep.PROBED:
            await self._lead.write(jobs.attach_first, self._planner, job)
            self._wake()  # where its probe was done before, no event tells that it can be planned
            return
        found = await self._db.read(planning.probed, self._planner, job)
        nodes = await self._nodes()
        plan = await asyncio.to_thread(self._planner.recipe, found.facts, found.spec, self._planner.probe, nodes)
        await self._lead.write(planning.attach, self._planner, job, found, plan)
        log.info("job_planned", tasks=len(plan.nodes), stages=plan.stages())

    async def _give_up(self, job: Unplanned, problem: Exception) -> None:
        """The job fails; not yet, where nobody knows what the problem is."""
        if isinstance(problem, VidComputeError):
            error = problem
            log.warning("job_refused", code=error.code, detail=error.detail)
        else:
            log.error("planning_failed", exc_info=problem)
            self._strange[job.id] += 1
            if not isinstance(problem, _OF_THE_PLAN) and self._strange[job.id] < _LOOKS:
                return
            detail = f"The job could not be planned: {type(problem).__name__}."
            error = VidComputeError(Kind.INTERNAL, "planning_failed", detail)
        await self._lead.write(jobs.fail, job.id, error)
        self._strange.pop(job.id, None)
