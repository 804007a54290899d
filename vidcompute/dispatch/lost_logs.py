"""The logs of attempts that were killed: what was heard of them while they lived."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vidcompute import logs
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.ports.storage import Storage
from vidcompute.services import tasks
from vidcompute.services.jobs.live import LiveLine, ProgressHub
from vidcompute.services.tasks import Attempt

log = logs.get("dispatch")
KeepLog = Callable[[str, Sequence[LiveLine], Finished], Awaitable[None]]
_TIMEOUT_S = 2.0  # its task waits for it to be tried again


def keeper(storage: Storage, folder: Path) -> KeepLog:
    """What stores the lines that were heard, and why the attempt ended, under a key.

    A log that the attempt stored itself stays; where it was killed after that, the reason is added. Never fails;
    `folder` is for a file.
    """

    async def keep(key: str, heard: Sequence[LiveLine], result: Finished) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                own = await _own(storage, key)
                if own is None:
                    own = "".join(_line(line.at_ms, line.level, line.message) for line in heard)
                elif result.outcome is not Outcome.LOST:
                    return
                await _store(storage, key, folder, own + _last_line(result))
        except (VidComputeError, OSError, TimeoutError) as error:
            log.warning("log_not_kept", logs_key=key, detail=str(error) or type(error).__name__)

    return keep


async def keep_heard(db: Database, hub: ProgressHub, keep: KeepLog) -> None:
    """Store what was heard of attempts that are lost with the server that ran them."""
    lost = await db.read(tasks.lost_attempts, list(hub.heard()))
    for attempt in lost:
        heard = [line for line in hub.backlog([attempt.task_id]) if line.attempt_id == attempt.id]
        await keep(attempt.logs_key, heard, _end_of(attempt))
        hub.ended(attempt.task_id, attempt.id)


def _end_of(attempt: Attempt) -> Finished:
    return Finished(attempt.id, Outcome.LOST, error_code=attempt.error_code, error_detail=attempt.error_detail)


async def _own(storage: Storage, key: str) -> str | None:
    """The log that an attempt stored itself; None where it didn't come to that."""
    try:
        return b"".join([piece async for piece in storage.read(key)]).decode("utf-8", "replace")
    except VidComputeError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise


async def _store(storage: Storage, key: str, folder: Path, text: str) -> None:
    path = folder / key.rpartition("/")[2]
    try:
        await asyncio.to_thread(path.write_bytes, text.encode("utf-8", "replace"))  # names of files may be anything
        await storage.put(key, path)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _last_line(result: Finished) -> str:
    why = f"{result.error_code or result.outcome}: {result.error_detail or 'The attempt was ended.'}"
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    return _line(now_ms, "error" if result.error_code else "info", why)


def _line(at_ms: int, level: str, message: str) -> str:
    """In the form of the logs that attempts store themselves."""
    stamp = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{stamp} {level} {' '.join(message.splitlines())}\n"
