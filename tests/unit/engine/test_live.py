"""The hub of live progress and log lines."""

import asyncio

import pytest

from vidcompute.ports.executor import LogLine, Progress
from vidcompute.services.jobs import live
from vidcompute.services.jobs.live import LiveLine, LiveProgress, ProgressHub


def line(attempt: str, message: str) -> LogLine:
    return LogLine(attempt, "info", message)


async def test_listeners_hear_of_their_tasks_from_now_on() -> None:
    hub = ProgressHub()
    hub.publish("t1", "encode", line("a1", "before"))
    with hub.follow(["t1"]) as feed:
        hub.publish("t2", "encode", line("a2", "not mine"))
        hub.publish("t1", "encode", Progress("a1", 0.5))
        feed.task_ids.add("t2")
        hub.publish("t2", "encode", line("a2", "mine now"))
        heard = [await anext(feed), await anext(feed)]
    assert isinstance(heard[0], LiveProgress)
    assert isinstance(heard[1], LiveLine)
    assert (heard[0].progress.fraction, heard[1].message, heard[1].line) == (0.5, "mine now", 2)


async def test_a_closed_hub_ends_every_feed_after_what_it_has() -> None:
    hub = ProgressHub()
    feed = hub.follow(["t"])
    asyncio.get_running_loop().call_soon(hub.close)
    assert [item async for item in feed] == []
    late = hub.follow(["t"])
    hub.publish("t", "encode", line("a", "x"))
    late.close()
    assert [item.task_id async for item in late] == ["t"]


async def test_a_slow_listener_misses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "QUEUE_LENGTH", 3)
    hub = ProgressHub()
    with hub.follow(["t"]) as feed:
        for number in range(10):
            hub.publish("t", "encode", line("a", str(number)))
        heard = [await anext(feed) for _ in range(3)]
    assert [item.message for item in heard if isinstance(item, LiveLine)] == ["7", "8", "9"]


def test_what_is_kept_goes_with_its_attempt() -> None:
    hub = ProgressHub()
    hub.publish("t", "encode", Progress("a", 0.25, frame=3))
    for message in ("one", "two"):
        hub.publish("t", "encode", line("a", message))
    assert [kept.message for kept in hub.backlog(["t"])] == ["one", "two"]
    assert hub.latest(["t"])["t"]["frame"] == 3
    hub.ended("t", "a")
    assert hub.backlog(["t"]) == []
    assert hub.latest(["t"]) == {}
    hub.publish("t", "encode", line("b", "again"))
    assert [kept.line for kept in hub.backlog(["t"])] == [1]
