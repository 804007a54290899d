"""Records that an attempt has started, and its result, with retries for as long as the database does not take them."""

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
_STRANGE = 5  # failures that are not transient, before a result is taken for one that can't be recorded


class Recording:
    """Waits `again_s` after the first failure, and twice as long after each further one, up to 5 s.

    A database that is away, full or locked is waited for without end. A result that fails in other ways five times is
    itself at fault (a text that the database can't store, say): the attempt is recorded as failed instead.
    """

    def __init__(self, lead: Leading, retry: RetryPolicy, *, again_s: float = 0.1) -> None:
        self._lead = lead
        self._retry = retry
        self._again_s = again_s

    async def start(self, attempt_id: str, at_ms: int, wanted: Callable[[], bool]) -> None:
        """Record that the executor took the attempt at `at_ms`; given up once that is not `wanted`: it has ended."""
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
        """Record a result. It is not accepted where another one leads, or where the attempt is recorded as failed."""
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
