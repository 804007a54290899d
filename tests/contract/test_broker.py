"""The contract of what publishes events: in order, each at least once, over the broker's death."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.fixtures.redis import RedisServer
from tests.unit.engine.toys import ORG
from vidcompute.adapters.broker_redis import RedisBroker
from vidcompute.db import cursors, outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch import publishing
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.publishing import Publishing
from vidcompute.errors import VidComputeError
from vidcompute.ports.broker import Broker, BrokerMessage
from vidcompute.services import accounts

STREAM = "vidcompute.events"


@dataclass
class Side:
    """A broker, and what those who read from it have."""

    broker: Broker
    server: RedisServer

    def read(self) -> list[dict[str, Any]]:
        with self.server.client() as client:
            entries: Any = client.xrange(STREAM)
        return [{"seq": int(number.partition("-")[0]), **fields} for number, fields in entries]


@pytest.fixture
async def side(redis_server: RedisServer) -> AsyncGenerator[Side]:
    broker = RedisBroker(redis_server.url, STREAM)
    yield Side(broker, redis_server)
    await broker.close()


def messages(*seqs: int) -> list[BrokerMessage]:
    return [BrokerMessage(seq, "job.done", json.dumps({"seq": seq, "text": "ü\n"})) for seq in seqs]


async def test_messages_arrive_in_order_with_their_numbers_and_types(side: Side) -> None:
    await side.broker.publish(messages(3, 5))
    await side.broker.publish(messages(8))
    found = side.read()
    assert [entry["seq"] for entry in found] == [3, 5, 8]
    assert {entry["type"] for entry in found} == {"job.done"}
    assert json.loads(found[0]["event"]) == {"seq": 3, "text": "ü\n"}


async def test_what_is_published_again_is_known_by_its_number(side: Side) -> None:
    await side.broker.publish(messages(3, 5))
    await side.broker.publish(messages(3, 5, 7))
    assert [entry["seq"] for entry in side.read()] == [3, 5, 7]


async def test_a_broker_that_is_away_is_told_of_and_found_again(side: Side) -> None:
    await side.broker.publish(messages(1))
    side.server.kill()
    with pytest.raises(VidComputeError, match="broker_unavailable"):
        await side.broker.publish(messages(2))
    await asyncio.to_thread(side.server.start)
    await side.broker.publish(messages(2))
    assert [entry["seq"] for entry in side.read()] == [2]  # this server keeps nothing on disk


def happen(conn: Connection, count: int = 1) -> None:
    for _ in range(count):
        outbox.emit(conn, ORG, "asset.deleted", "asset_1", {"asset_id": "asset_1", "job_ids": []})


@asynccontextmanager
async def publishing_to(db: Database, url: str) -> AsyncGenerator[None]:
    lead = Leading(db, "one", lease_s=60.0)
    assert await lead.take() is None
    task = asyncio.create_task(Publishing(db, RedisBroker(url, STREAM)).run(lead))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_event_since_the_broker_was_named_is_published(tmp_path: Path, side: Side) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'test.db'}")
    await db.write(accounts.ensure_local, tmp_path)
    await db.write(happen, 3)
    before = await db.read(outbox.last_seq)
    async with publishing_to(db, side.server.url):
        await _until_published(db, before)
        await db.write(happen, 250)
        await _until_published(db, await db.read(outbox.last_seq))
    await db.write(happen)  # while nobody leads
    async with publishing_to(db, side.server.url):
        await _until_published(db, await db.read(outbox.last_seq))
        side.server.kill()
        await db.write(happen, 5)
        await asyncio.to_thread(side.server.start)
        last = await db.read(outbox.last_seq)
        await _until_published(db, last)
    assert side.read()[-1]["seq"] == last
    assert json.loads(side.read()[-1]["event"])["type"] == "asset.deleted"
    assert side.read()[-1]["seq"] - before == 256
    await db.close()


async def _until_published(db: Database, seq: int) -> None:
    async with asyncio.timeout(15):
        while (await db.read(cursors.read, publishing.CURSOR) or -1) < seq:
            await asyncio.sleep(0.01)
