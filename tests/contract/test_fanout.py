"""The contract of the fan-out among servers, in one process and over Redis; and what Redis' absence does to it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from tests.fixtures.attempts import eventually
from tests.fixtures.redis import RedisServer
from vidcompute.adapters.fanout_memory import Exchange, MemoryFanout
from vidcompute.adapters.fanout_redis import RedisFanout
from vidcompute.ports.executor import LogLine, Progress
from vidcompute.ports.fanout import Fanout
from vidcompute.services.jobs.live import ProgressHub

Make = Callable[[], Fanout]


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest) -> AsyncGenerator[Make]:
    """Makes members of one fan-out, as many as are asked for."""
    made: list[Fanout] = []
    exchange = Exchange()
    redis: RedisServer | None = request.getfixturevalue("redis_server") if request.param == "redis" else None

    def fresh() -> Fanout:
        made.append(MemoryFanout(exchange) if redis is None else RedisFanout(redis.url))
        return made[-1]

    yield fresh
    for member in made:
        await member.close()


async def test_every_other_member_hears_in_order_and_nobody_hears_oneself(make: Make) -> None:
    one, two, three = make(), make(), make()
    heard: dict[str, list[Any]] = {"one": [], "two": [], "three": []}
    for name, member in (("one", one), ("two", two), ("three", three)):
        member.listen(heard[name].append)
    sent = [{"number": n, "text": "ü\n", "nested": {"a": [1, None, 0.5]}} for n in range(1200)]
    for message in sent:
        one.send(message)
    await eventually(lambda: len(heard["two"]) == len(heard["three"]) == len(sent))
    assert heard == {"one": [], "two": sent, "three": sent}
    two.send({"number": -1})
    await eventually(lambda: heard["one"] == [{"number": -1}])
    assert await one.trouble() is None


async def test_who_comes_late_hears_what_was_sent_a_short_while_ago(make: Make) -> None:
    one, early = make(), make()
    heard: list[Any] = []
    early.listen(heard.append)
    one.send({"number": 1})
    await eventually(lambda: heard)
    late: list[Any] = []
    make().listen(late.append)
    await eventually(lambda: late == [{"number": 1}])


async def test_hubs_pass_on_progress_lines_and_ends(make: Make) -> None:
    fanout, other = make(), make()
    here, there = ProgressHub(fanout.send), ProgressHub(other.send)
    fanout.listen(here.hear)
    other.listen(there.hear)
    with there.follow(["t1"]) as feed:
        here.publish("t1", "encode", Progress("a1", 0.5, frame=7))
        here.publish("t1", "encode", LogLine("a1", "info", "hello"))
        heard = [await asyncio.wait_for(anext(feed), 10) for _ in range(2)]
    assert [item.task_id for item in heard] == ["t1", "t1"]
    assert there.latest(["t1"]) == here.latest(["t1"]) == {"t1": {"attempt_id": "a1", "fraction": 0.5, "frame": 7}}
    assert there.backlog(["t1"]) == here.backlog(["t1"])
    here.ended("t1", "a1")
    await eventually(lambda: not there.backlog(["t1"]) and not there.latest(["t1"]))


async def test_a_redis_that_was_killed_is_told_of_and_found_again(redis_server: RedisServer) -> None:
    one, two = RedisFanout(redis_server.url), RedisFanout(redis_server.url)
    heard: list[Any] = []
    two.listen(heard.append)
    one.send({"number": 1})
    await eventually(lambda: heard)
    redis_server.kill()
    one.send({"number": 2})
    for member in (one, two):
        await eventually_wrong(member)
    await asyncio.to_thread(redis_server.start)
    await eventually(lambda: [message["number"] for message in heard] == [1, 2])
    one.send({"number": 3})
    await eventually(lambda: len(heard) == 3)
    for member in (one, two):
        assert await member.trouble() is None
        await member.close()


async def test_a_redis_that_does_not_answer_holds_nobody_up(redis_server: RedisServer) -> None:
    one, two = RedisFanout(redis_server.url), RedisFanout(redis_server.url)
    heard: list[Any] = []
    two.listen(heard.append)
    redis_server.freeze(frozen=True)
    try:
        for number in range(20_000):
            one.send({"number": number})
        await eventually_wrong(one)
    finally:
        redis_server.freeze(frozen=False)
    await eventually(lambda: heard and heard[-1]["number"] == 19_999)  # the newest; the oldest are given up
    await one.close()
    await two.close()


async def eventually_wrong(member: Fanout) -> None:
    async with asyncio.timeout(10):
        while "Redis is away" not in str(await member.trouble()):
            await asyncio.sleep(0.01)


async def test_who_is_alone_needs_nobody() -> None:
    alone = MemoryFanout()
    alone.listen(lambda message: pytest.fail(str(message)))
    alone.send({"number": 1})
    assert await alone.trouble() is None
    await alone.close()
