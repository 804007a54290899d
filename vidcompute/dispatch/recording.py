"""What the leader has to write, however long the database takes to accept it: that an attempt began, and its end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from vidcompute import logs
from vidcompute.db.lease import LeaseLostError
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.passing import may_pass
from vidcompute.errors import Kind
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.services import jobs
from vidcompute.services.jobs import Recorded, RetryPolicy

log = logs.get("dispatch")
_LONGEST_S = 5.0
_STRANGE = 5  # times that something fails which no wait mends, before it is taken for what can't be recorded


class Recording:
    """Tries again after waits from `again_s` on, each twice as long as the one before.

    A database that is away, full or locked is waited for, however long. What fails in another way each time is the
    result's own fault (a text that no row holds, facts that a stage made up): then the attempt failed, and says so.
    """

    def __init__(self, lead: Leading, retry: RetryPolicy, *, again_s: float = 0.1) -> None:
        self._lead = lead
        self._retry = retry
        self._again_s = again_s

    async def start(self, attempt_id: str, at_ms: int, wanted: Callable[[], bool]) -> None:
        """The executor took the attempt at `at_ms`. Given up when that is not `wanted` any more: it has ended."""
        wait_s = self._again_s
        while wanted():
            try:
                await self._lead.write(jobs.start, attempt_id, at_ms)
            except LeaseLostError:  # who leads now says so
                return
            except Exception:
                log.exception("start_not_recorded", attempt_id=attempt_id)
                wait_s = await _again(wait_s)
            else:
                return

    async def end(self, result: Finished, draining: Callable[[], bool]) -> Recorded:
        """What became of a result; not accepted where another one leads, or where it could not be recorded."""
        wait_s, strange, told = self._again_s, 0, result
        while True:
            try:
                recorded = await self._lead.write(jobs.finish, told, self._retry, draining=draining())
            except LeaseLostError:  # it was recorded as lost, or is recorded by the one that leads
                return Recorded(accepted=False)
            except Exception as error:
                log.exception("result_not_recorded", attempt_id=result.attempt_id)
                strange += not may_pass(error)
                if strange == _STRANGE:
                    told = _not_recordable(result, error)
                wait_s = await _again(wait_s)
            else:
                return recorded if told is result else replace(recorded, accepted=False)


async def _again(wait_s: float) -> float:
    """Wait; how long to wait the next time."""
    await asyncio.sleep(wait_s)
    return min(_LONGEST_S, wait_s * 2)


def _not_recordable(result: Finished, error: Exception) -> Finished:
    detail = f"What it told could not be recorded: {type(error).__name__}."
    return Finished(
        result.attempt_id,
        Outcome.FAILED,
        error_kind=Kind.INTERNAL,
        error_code="result_not_recordable",
        error_detail=detail,
    )
