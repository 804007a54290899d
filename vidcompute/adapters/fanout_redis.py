"""The fan-out over a Redis stream: who comes late, or was cut off, still reads what was sent a short while ago."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from vidcompute import logs
from vidcompute.ports.fanout import Heard, Message

_log = logs.get("redis")
_STREAM = "vidcompute:live"
_KEPT = 20_000  # messages in the stream, about
_FORGOTTEN_S = 3600  # after which a stream that nobody writes to is removed
_WAITING = 5000  # messages that wait for a Redis that is away; the oldest go
_BATCH = 500
_TOGETHER_S = 0.02  # messages of so long go in one packet
_BLOCK_MS = 1000
_AGAIN_S = 0.5
_TROUBLES = (RedisError, OSError, TimeoutError)
_START = "0-0"


class RedisFanout:
    """Implements `ports.fanout.Fanout` on one event loop. `prefix` parts what shares a Redis but not a platform."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        options: dict[str, Any] = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0, "decode_responses": True}
        self._writer = Redis.from_url(url, **options)
        self._reader = Redis.from_url(url, **{**options, "socket_timeout": _BLOCK_MS / 1000 + 1.0})
        self._stream = prefix + _STREAM
        self._name = secrets.token_hex(8)
        self._waiting: deque[Message] = deque(maxlen=_WAITING)
        self._some = asyncio.Event()
        self._wrong: dict[str, str] = {}
        self._loops = [asyncio.create_task(self._keep_on("sending", self._send), name="fanout-send")]
        self._after = _START

    def send(self, message: Message) -> None:
        """See `Fanout.send`."""
        self._waiting.append(message)
        self._some.set()

    def listen(self, heard: Heard) -> None:
        """See `Fanout.listen`."""

        async def receive() -> None:
            await self._receive(heard)

        self._loops.append(asyncio.create_task(self._keep_on("listening", receive), name="fanout-listen"))

    async def trouble(self) -> str | None:
        """See `Fanout.trouble`."""
        return next(iter(self._wrong.values()), None)

    async def close(self) -> None:
        """See `Fanout.close`."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for client in (self._writer, self._reader):
            await client.aclose()

    async def _keep_on(self, name: str, step: Any) -> None:
        """Repeat `step` for ever; while Redis is away, try again every half second."""
        while True:
            try:
                await step()
            except _TROUBLES as error:
                if name not in self._wrong:
                    _log.warning("redis_away", doing=name, detail=str(error) or type(error).__name__)
                self._wrong[name] = f"Redis is away: {str(error) or type(error).__name__}"
                await asyncio.sleep(_AGAIN_S)
            else:
                if self._wrong.pop(name, None):
                    _log.info("redis_back", doing=name)

    async def _send(self) -> None:
        await self._some.wait()
        await asyncio.sleep(_TOGETHER_S)
        self._some.clear()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._write(batch)
            except _TROUBLES:
                room = _WAITING - len(self._waiting)  # what is new is worth more than what is old
                self._waiting.extendleft(reversed(batch[-room:] if room else []))
                self._some.set()
                raise

    async def _write(self, batch: Sequence[Message]) -> None:
        async with self._writer.pipeline(transaction=False) as pipeline:
            for message in batch:
                fields: dict[Any, Any] = {"from": self._name, "data": json.dumps(message, separators=(",", ":"))}
                pipeline.xadd(self._stream, fields, maxlen=_KEPT, approximate=True)
            pipeline.expire(self._stream, _FORGOTTEN_S)
            await pipeline.execute()

    async def _receive(self, heard: Heard) -> None:
        if self._wrong.get("listening"):
            await self._look_again()
        found: Any = await self._reader.xread({self._stream: self._after}, count=_BATCH, block=_BLOCK_MS)
        for entries in _entries(found):
            for number, fields in entries:
                self._after = number
                if fields["from"] != self._name:
                    heard(json.loads(fields["data"]))

    async def _look_again(self) -> None:
        """A Redis that lost its data and its clock counts from lower numbers: then read from there."""
        newest: Any = await self._reader.xrevrange(self._stream, count=1)
        if newest and _order(newest[0][0]) < _order(self._after):
            self._after = _START


def _entries(found: Any) -> list[Any]:
    """The lists of entries of an answer to XREAD, which is a list of pairs or (RESP 3) a mapping."""
    if not found:
        return []
    pairs = found.items() if isinstance(found, dict) else found
    return [entries[0] if isinstance(found, dict) else entries for _, entries in pairs]


def _order(number: str) -> tuple[int, int]:
    milliseconds, _, count = number.partition("-")
    return int(milliseconds), int(count or 0)
