"""The gate before simulated nodes' work: never more than there are cores, in the order of asking."""

import asyncio

from tests.fixtures.attempts import eventually
from vidcompute.adapters.gate import Gate


async def test_it_lets_in_as_much_as_there_is_room_for_in_order() -> None:
    gate, inside, leave = Gate(2.0), list[str](), {name: asyncio.Event() for name in "abcd"}

    async def work(name: str, cores: float) -> None:
        async with gate.room(cores):
            inside.append(name)
            await leave[name].wait()
            inside.remove(name)

    tasks = [asyncio.create_task(work(name, cores)) for name, cores in (("a", 1), ("b", 1.5), ("c", 8), ("d", 1))]
    await eventually(lambda: inside == ["a"])
    leave["a"].set()
    await eventually(lambda: inside == ["b"])
    leave["b"].set()
    await eventually(lambda: inside == ["c"])  # more than there is, and alone
    leave["c"].set()
    await eventually(lambda: inside == ["d"])
    leave["d"].set()
    await asyncio.gather(*tasks)


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    gate = Gate(1.0)
    entered = asyncio.Event()

    async def work() -> None:
        async with gate.room(1):
            entered.set()

    async with gate.room(1):
        waiting = [asyncio.create_task(work()) for _ in range(2)]
        await asyncio.wait(waiting, timeout=0.01)  # both are waiting now
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert not entered.is_set()
    await asyncio.wait_for(waiting[1], 10)
    assert entered.is_set()
