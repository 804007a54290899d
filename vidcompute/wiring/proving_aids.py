"""What `vidctl doctor` tries out of what the platform can do without: Redis, and a collector of traces."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from vidcompute.adapters.storage_proof import Proof
from vidcompute.errors import VidComputeError
from vidcompute.wiring import sharing, tracing

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_PATIENCE_S = 3.0


def prove(settings: "Settings") -> list[Proof]:
    """A line for each of them that is set."""
    return asyncio.run(_all(settings))


async def _all(settings: "Settings") -> list[Proof]:
    found = []
    if settings.redis_url is not None:
        found.append(_proof("redis", await _said(_redis(settings)), "carries messages from one connection to another"))
    if settings.otlp_endpoint is not None:
        found.append(_proof("traces", await _said(_traces(settings)), f"{settings.otlp_endpoint} takes them"))
    return found


def _proof(name: str, problem: str | None, fine: str) -> Proof:
    return Proof(name, problem is None, problem or fine)


async def _said(proof: Awaitable[str | None]) -> str | None:
    try:
        return await proof
    except VidComputeError as error:
        return error.detail


async def _redis(settings: "Settings") -> str | None:
    one, two = sharing.shared(settings, prefix="doctor:"), sharing.shared(settings, prefix="doctor:")
    heard = asyncio.Event()
    two.fanout.listen(lambda _message: heard.set())
    one.fanout.send({})
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await heard.wait()
    except TimeoutError:
        return await one.fanout.trouble() or "Redis takes messages, and does not pass them on."
    else:
        return None
    finally:
        await one.close()
        await two.close()


async def _traces(settings: "Settings") -> str | None:
    made = tracing.traces(settings, "")
    if made is None:
        return None
    try:
        return await made.tracing.trouble()
    finally:
        await made.tracing.close()
