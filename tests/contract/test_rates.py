"""The contract of counters for rate limits, in memory and in Redis; and what they do without Redis."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import pytest

from tests.fixtures.redis import RedisServer
from vidcompute.adapters.rates_memory import MemoryRates
from vidcompute.adapters.rates_redis import RedisRates
from vidcompute.ports.rates import Allowance, Rates, Taken

SLOW = Allowance(burst=3, per_s=0.001)


@pytest.fixture(params=["memory", "redis"])
async def rates(request: pytest.FixtureRequest) -> AsyncGenerator[Rates]:
    if request.param == "memory":
        yield MemoryRates()
        return
    made = RedisRates(request.getfixturevalue("redis_server").url, alone=_Nobody(), answer_s=10.0)
    yield made
    await made.close()


class _Nobody:
    """Where Redis is there, nobody counts alone."""

    async def take(self, name: str, allowance: Allowance, cost: int = 1) -> Taken:
        raise AssertionError(name)


async def test_a_burst_is_allowed_and_then_one_by_one(rates: Rates) -> None:
    taken = [await rates.take("a", SLOW) for _ in range(4)]
    assert [one.allowed for one in taken] == [True, True, True, False]
    assert [one.left for one in taken] == [2, 1, 0, 0]
    assert taken[0].retry_after_s == 0
    assert 900 < taken[3].retry_after_s <= 1000
    assert (await rates.take("b", SLOW)).allowed  # each has its own


async def test_a_cost_is_taken_whole_or_not_at_all(rates: Rates) -> None:
    assert not (await rates.take("a", SLOW, cost=4)).allowed
    assert (await rates.take("a", SLOW, cost=2)).left == 1
    assert not (await rates.take("a", SLOW, cost=2)).allowed
    assert (await rates.take("a", SLOW)).allowed


async def test_tokens_come_back_with_time_and_never_more_than_the_burst(rates: Rates) -> None:
    quick = Allowance(burst=2, per_s=50.0)
    for _ in range(2):
        assert (await rates.take("a", quick)).allowed
    refused = await rates.take("a", quick, cost=2)
    assert 0 < refused.retry_after_s <= 0.04
    async with asyncio.timeout(5):
        while not (await rates.take("a", quick, cost=2)).allowed:
            await asyncio.sleep(0.005)
    assert not (await rates.take("a", quick, cost=3)).allowed


async def test_many_at_once_get_no_more_than_there_is(rates: Rates) -> None:
    taken = await asyncio.gather(*(rates.take("a", Allowance(10, 0.001)) for _ in range(50)))
    assert sum(one.allowed for one in taken) == 10


async def test_servers_share_a_limit_over_redis_and_buckets_go_away(redis_server: RedisServer) -> None:
    one, two = (RedisRates(redis_server.url, MemoryRates(), answer_s=10.0) for _ in range(2))
    taken = [await member.take("a", SLOW) for member in (one, two, one, two)]
    assert [found.allowed for found in taken] == [True, True, True, False]
    await one.take("b", Allowance(5, 10.0))
    with redis_server.client() as client:
        keys = {str(key): client.pttl(key) for key in client.scan_iter()}
    assert set(keys) == {"vidcompute:rate:a", "vidcompute:rate:b"}
    assert 0 < int(str(keys["vidcompute:rate:b"])) <= 1500
    await one.close()
    await two.close()


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_without_redis_each_counts_alone_and_nobody_waits(redis_server: RedisServer, trouble: str) -> None:
    now_s = [0.0]
    rates = RedisRates(redis_server.url, MemoryRates(), clock_s=lambda: now_s[0])
    assert (await rates.take("a", SLOW)).left == 2
    undo = _break(redis_server, trouble)
    try:
        began_s = time.monotonic()
        taken = [await rates.take("a", SLOW) for _ in range(200)]
        assert sum(one.allowed for one in taken) == 3
        assert time.monotonic() - began_s < 2  # it was asked once, not two hundred times
    finally:
        await asyncio.to_thread(undo)
    now_s[0] += 60  # it is asked again
    assert (await rates.take("b", SLOW)).allowed
    with redis_server.client() as client:
        assert client.exists("vidcompute:rate:b")
    await rates.close()


def _break(server: RedisServer, trouble: str) -> Callable[[], None]:
    if trouble == "killed":
        server.kill()
        return server.start
    server.freeze(frozen=True)
    return lambda: server.freeze(frozen=False)


async def test_full_buckets_are_forgotten() -> None:
    now_s = [0.0]
    rates = MemoryRates(clock_s=lambda: now_s[0])
    for number in range(9_999):
        await rates.take(str(number), Allowance(1, 1.0))
    now_s[0] = 2.0
    assert not (await rates.take("slow", Allowance(1, 0.001), cost=2)).allowed
    assert (await rates.take("slow", Allowance(1, 0.001))).allowed
    assert len(rates) == 1
