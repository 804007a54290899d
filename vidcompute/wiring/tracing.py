"""Traces, where a collector is named: otherwise nothing of it is loaded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from vidcompute.api.tracing import Traced
from vidcompute.db.engine import Database
from vidcompute.dispatch.leading import installation
from vidcompute.dispatch.tracing import follow
from vidcompute.ports.tracing import Tracing
from vidcompute.settings import Settings
from vidcompute.wiring.sharing import extra_missing


@dataclass(frozen=True)
class Traces:
    """What tells of requests and of work."""

    traced: Traced
    tracing: Tracing

    @contextlib.asynccontextmanager
    async def telling(self, db: Database, leads: Callable[[], bool]) -> AsyncIterator[None]:
        """Meanwhile, tell of work that ends; at the end, send what is left."""
        following = asyncio.create_task(follow(db, self.tracing, leads), name="traces")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await self.tracing.close()


def traces(settings: Settings, version: str) -> Traces | None:
    """None where no collector is set; `extra_missing` (invalid) where what is needed isn't installed."""
    if settings.otlp_endpoint is None:
        return None
    try:
        from vidcompute.adapters.tracing_otlp import OtlpTracing
    except ImportError as error:
        raise extra_missing("otlp_endpoint", "tracing") from error
    headers = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
    instance = installation(settings.data_dir)
    tracing = OtlpTracing(settings.otlp_endpoint, headers=headers, version=version, instance=instance)
    return Traces(Traced(tracing, settings.trace_ratio), tracing)
