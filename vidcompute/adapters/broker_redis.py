"""Events in a Redis stream; each entry has the event's number for its id, so that none is in it twice."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.broker import BrokerMessage

_ANSWER_S = 5.0
_KEPT = 1_000_000
_THERE_ALREADY = "equal or smaller"  # as Redis says it of an id that is not after the last one


class RedisBroker:
    """Implements `ports.broker.Broker`. Fields of an entry: `type`, and `event` (JSON). About a million are kept."""

    def __init__(self, url: str, stream: str) -> None:
        self._client = Redis.from_url(url, socket_connect_timeout=_ANSWER_S, socket_timeout=_ANSWER_S)
        self._stream = stream

    async def publish(self, messages: Sequence[BrokerMessage]) -> None:
        """See `Broker.publish`."""
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for message in messages:
                    fields: dict[Any, Any] = {"type": message.type, "event": message.body}
                    pipeline.xadd(self._stream, fields, id=f"{message.seq}-0", maxlen=_KEPT, approximate=True)
                outcomes = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            raise _unavailable(error) from error
        for outcome in outcomes:
            if isinstance(outcome, ResponseError) and _THERE_ALREADY in str(outcome):
                continue
            if isinstance(outcome, Exception):
                raise _unavailable(outcome) from outcome

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._client.aclose()


def _unavailable(error: Exception) -> VidComputeError:
    detail = f"Redis does not take events: {str(error) or type(error).__name__}."
    return VidComputeError(Kind.UNAVAILABLE, "broker_unavailable", detail)
