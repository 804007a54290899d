"""The logs of attempts that were killed: what was heard of them while they lived."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vidcompute import logs
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import Finished
from vidcompute.ports.storage import Storage
from vidcompute.services.jobs.live import LiveLine

log = logs.get("dispatch")
KeepLog = Callable[[str, Sequence[LiveLine], Finished], Awaitable[None]]
_TIMEOUT_S = 2.0  # its task waits for it to be tried again


def keeper(storage: Storage, folder: Path) -> KeepLog:
    """What stores the lines that were heard under a key, unless a log is there. Never fails; `folder` is for a file."""

    async def keep(key: str, heard: Sequence[LiveLine], result: Finished) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                if not await _is_there(storage, key):
                    await _store(storage, key, folder, _text(heard, result))
        except (VidComputeError, OSError, TimeoutError) as error:
            log.warning("log_not_kept", logs_key=key, detail=str(error) or type(error).__name__)

    return keep


async def _is_there(storage: Storage, key: str) -> bool:
    try:
        await storage.stat(key)
    except VidComputeError as error:
        if error.kind is Kind.NOT_FOUND:
            return False
        raise
    return True


async def _store(storage: Storage, key: str, folder: Path, text: str) -> None:
    path = folder / key.rpartition("/")[2]
    try:
        await asyncio.to_thread(path.write_text, text, encoding="utf-8")
        await storage.put(key, path)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _text(heard: Sequence[LiveLine], result: Finished) -> str:
    """In the form of the logs that attempts store themselves; its end is the last line."""
    lines = [_line(line.at_ms, line.level, line.message) for line in heard]
    why = f"{result.error_code or result.outcome}: {result.error_detail or 'The attempt was ended.'}"
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    return "".join([*lines, _line(now_ms, "error" if result.error_code else "info", why)])


def _line(at_ms: int, level: str, message: str) -> str:
    stamp = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{stamp} {level} {' '.join(message.splitlines())}\n"
