"""The contract of what publishes events: in order, each at least once, over the broker's death."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import aio_pika
import pytest
from aio_pika import ExchangeType
from aio_pika.abc import AbstractQueue
from sqlalchemy import Connection

from tests.contract.hooks import Heard
from tests.fixtures.attempts import eventually
from tests.fixtures.rabbitmq import RabbitServer
from tests.fixtures.redis import RedisServer
from tests.unit.engine.toys import ORG
from vidcompute.adapters.broker_rabbitmq import RabbitBroker
from vidcompute.adapters.broker_redis import RedisBroker
from vidcompute.db import cursors, outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch import publishing
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.publishing import Publishing
from vidcompute.errors import VidComputeError
from vidcompute.ports.broker import Broker, BrokerMessage
from vidcompute.services import accounts

Entry = dict[str, Any]


class Server(Protocol):
    """A broker's server."""

    def start(self) -> None: ...

    def kill(self) -> None: ...


class Reader(Protocol):
    """One who reads what is published."""

    async def read(self) -> list[Entry]:
        """All that came so far (`seq`, `type`, `event`), in order."""
        ...


@dataclass
class RedisReader:
    """Reads a stream."""

    server: RedisServer
    stream: str

    async def read(self) -> list[Entry]:
        with self.server.client() as client:
            entries: Any = client.xrange(self.stream)
        return [{"seq": int(number.partition("-")[0]), **fields} for number, fields in entries]


@dataclass
class RabbitReader:
    """Binds a queue to an exchange, as who integrates by RabbitMQ does, and takes what is in it."""

    server: RabbitServer
    exchange: str
    taken: list[Entry] = field(default_factory=list)

    @asynccontextmanager
    async def queue(self) -> AsyncGenerator[AbstractQueue]:
        async with await aio_pika.connect(self.server.url) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(self.exchange, ExchangeType.TOPIC, durable=True)
            queue = await channel.declare_queue(f"{self.exchange}.reader", durable=True)
            await queue.bind(exchange, routing_key="#")
            yield queue

    async def read(self) -> list[Entry]:
        async with self.queue() as queue:
            while message := await queue.get(no_ack=True, fail=False):
                assert message.routing_key == message.type
                seq = int(str(message.message_id))
                self.taken.append({"seq": seq, "type": message.type, "event": message.body.decode()})
        return self.taken


@dataclass
class Side:
    """A broker, its server, and one who reads from it."""

    make: Callable[[], Broker]
    broker: Broker
    server: Server
    reader: Reader

    async def seqs(self) -> list[int]:
        """The numbers that a reader has who honours them: what is there again under one is known."""
        return list(dict.fromkeys([entry["seq"] for entry in await self.reader.read()]))


@pytest.fixture(params=["redis", "rabbitmq"])
async def side(request: pytest.FixtureRequest) -> AsyncGenerator[Side]:
    name = f"events.{uuid4().hex[:8]}"
    if request.param == "redis":
        redis: RedisServer = request.getfixturevalue("redis_server")
        made = Side(lambda: RedisBroker(redis.url, name), RedisBroker(redis.url, name), redis, RedisReader(redis, name))
    else:
        rabbit: RabbitServer = request.getfixturevalue("rabbit_server")
        reader = RabbitReader(rabbit, name)
        made = Side(lambda: RabbitBroker(rabbit.url, name), RabbitBroker(rabbit.url, name), rabbit, reader)
        assert await reader.read() == []
    yield made
    await made.broker.close()


def messages(*seqs: int) -> list[BrokerMessage]:
    return [BrokerMessage(seq, "job.done", json.dumps({"seq": seq, "text": "ü\n"})) for seq in seqs]


async def test_messages_arrive_in_order_with_their_numbers_and_types(side: Side) -> None:
    await side.broker.publish(messages(3, 5))
    await side.broker.publish(messages(8))
    found = await side.reader.read()
    assert [entry["seq"] for entry in found] == [3, 5, 8]
    assert {entry["type"] for entry in found} == {"job.done"}
    assert json.loads(found[0]["event"]) == {"seq": 3, "text": "ü\n"}


async def test_what_is_published_again_is_known_by_its_number(side: Side) -> None:
    await side.broker.publish(messages(3, 5))
    await side.broker.publish(messages(3, 5, 7))
    assert await side.seqs() == [3, 5, 7]


async def test_a_stream_of_redis_has_none_twice(redis_server: RedisServer) -> None:
    broker = RedisBroker(redis_server.url, "events")
    await broker.publish(messages(3, 5))
    await broker.publish(messages(3, 5, 7))
    found = await RedisReader(redis_server, "events").read()
    assert [entry["seq"] for entry in found] == [3, 5, 7]
    await broker.close()


async def test_a_broker_that_is_away_is_told_of_and_found_again(side: Side) -> None:
    await side.broker.publish(messages(1))
    side.server.kill()
    with pytest.raises(VidComputeError, match="broker_unavailable"):
        await side.broker.publish(messages(2))
    await asyncio.to_thread(side.server.start)
    await side.broker.publish(messages(2))
    kept = isinstance(side.server, RabbitServer)  # that Redis has nothing on disk
    assert await side.seqs() == ([1, 2] if kept else [2])


async def test_a_broker_that_knows_us_not_is_told_of(rabbit_server: RabbitServer) -> None:
    broker = RabbitBroker(rabbit_server.url.replace("guest:guest", "guest:wrong"), "events")
    with pytest.raises(VidComputeError, match="broker_unavailable") as told:
        await broker.publish(messages(1))
    assert "wrong" not in told.value.detail
    await broker.close()


def happen(conn: Connection, count: int = 1) -> None:
    for _ in range(count):
        outbox.emit(conn, ORG, "asset.deleted", "asset_1", {"asset_id": "asset_1", "job_ids": []})


@asynccontextmanager
async def publishing_to(db: Database, broker: Broker) -> AsyncGenerator[Heard]:
    lead, heard = Leading(db, "one", lease_s=60.0), Heard()
    assert await lead.take() is None
    task = asyncio.create_task(Publishing(db, broker, outcomes=heard).run(lead))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_event_since_the_broker_was_named_is_published(sqlite_url: str, tmp_path: Path, side: Side) -> None:
    db = Database.open(sqlite_url)
    await db.write(accounts.ensure_local, tmp_path)
    await db.write(happen, 3)
    before = await db.read(outbox.last_seq)
    async with publishing_to(db, side.make()) as heard:
        await _until_published(db, before)
        await db.write(happen, 250)
        await _until_published(db, await db.read(outbox.last_seq))
    assert (heard.published, heard.told) == (250, [])
    await db.write(happen)  # while nobody leads
    async with publishing_to(db, side.make()) as heard:
        await _until_published(db, await db.read(outbox.last_seq))
        side.server.kill()
        await db.write(happen, 5)
        await eventually(lambda: ("broker", "failed") in heard.told)
        await asyncio.to_thread(side.server.start)
        last = await db.read(outbox.last_seq)
        await _until_published(db, last)
    newest = (await side.reader.read())[-1]
    assert newest["seq"] == last
    assert json.loads(newest["event"])["type"] == "asset.deleted"
    assert last - before == 256
    assert heard.published == 6
    if isinstance(side.server, RabbitServer):
        assert await side.seqs() == list(range(before + 1, last + 1))
    await db.close()


async def _until_published(db: Database, seq: int) -> None:
    async def reached() -> bool:
        return (await db.read(cursors.read, publishing.CURSOR) or -1) >= seq

    await eventually(reached, timeout_s=30)
