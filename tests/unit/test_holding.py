"""Who holds attempts vouches for them, and does not hold them for ever."""

import asyncio
from dataclasses import dataclass, field

from vidcompute.adapters.holding import Holding


@dataclass
class Told:
    """A hold of which it is told all the time, and that is over soon where nobody asks for it again."""

    longest_s: float
    of: list[bool] = field(default_factory=list)
    ends: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.holding = Holding(self._tell, self._end, every_s=0.001, longest_s=self.longest_s)

    def _tell(self, *, held: bool) -> None:
        self.of.append(held)
        self._news.set()

    async def _end(self) -> None:
        self.ends += 1
        self.holding.change(held=False)

    async def until(self, count: int) -> None:
        """Wait until it was told of so often."""
        async with asyncio.timeout(10):
            while len(self.of) < count:
                self._news.clear()
                await self._news.wait()


async def test_it_is_told_as_it_begins_and_ends_and_again_and_again_meanwhile() -> None:
    told = Told(longest_s=60.0)
    told.holding.change(held=False)
    assert (told.of, told.holding.held) == ([], False)
    told.holding.change(held=True)
    assert (told.of, told.holding.held) == ([True], True)
    await told.until(5)
    waiting = asyncio.create_task(told.holding.free.wait())
    told.holding.change(held=False)
    await waiting
    assert told.of == [*[True] * (len(told.of) - 1), False]
    known = len(told.of)
    told.holding.change(held=True)
    await told.until(known + 3)
    assert told.ends == 0
    told.holding.change(held=False)


async def test_one_that_nobody_asks_for_any_more_ends() -> None:
    told = Told(longest_s=0.05)
    told.holding.change(held=True)
    await asyncio.wait_for(told.holding.free.wait(), 10)
    assert (told.ends, told.of[0], told.of[-1]) == (1, True, False)
