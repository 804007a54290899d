"""The hub of live progress and log lines."""

import asyncio
import json
from typing import Any

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


class Pair:
    """Two hubs, of which the second hears the first; a clock of their own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.there = ProgressHub(clock_s=lambda: self.now_s)
        self.here = ProgressHub(self.pass_on)

    def pass_on(self, message: Any) -> None:
        self.there.hear(json.loads(json.dumps(message)))


def test_what_was_heard_is_believed_as_long_as_it_is_fresh() -> None:
    pair = Pair()
    pair.here.publish("t", "encode", Progress("a", 0.25, frame=3))
    assert pair.there.latest(["t"]) == {"t": {"attempt_id": "a", "fraction": 0.25, "frame": 3}}
    pair.now_s += live.FRESH_S
    pair.here.publish("t", "encode", line("a", "a line is no progress"))
    pair.now_s += 0.1
    assert pair.there.latest(["t"]) == {}  # the database knows better by now
    assert pair.here.latest(["t"]) != {}
    pair.here.publish("t", "encode", Progress("a", 0.5))
    assert pair.there.latest(["t"])["t"]["fraction"] == 0.5


def test_attempts_elsewhere_that_fell_silent_are_forgotten() -> None:
    pair = Pair()
    pair.here.publish("t1", "encode", line("a1", "the last word"))
    pair.now_s += live.HEARD_S + 1
    pair.here.publish("t2", "encode", line("a2", "somebody else"))
    assert pair.there.backlog(["t1", "t2"]) == pair.here.backlog(["t2"])
    assert list(pair.there.heard()) == ["a2"]


def test_the_end_of_an_attempt_does_not_take_the_next_ones_progress() -> None:
    pair = Pair()
    pair.here.publish("t", "encode", Progress("a1", 0.9))
    pair.here.publish("t", "encode", Progress("a2", 0.1))
    pair.here.ended("t", "a1")
    for hub in (pair.here, pair.there):
        assert hub.latest(["t"])["t"]["attempt_id"] == "a2"


def test_who_takes_over_an_attempt_tells_of_it_oneself() -> None:
    pair = Pair()
    pair.here.publish("t", "encode", Progress("a", 0.5))
    pair.there.publish("t", "encode", Progress("a", 0.6))
    assert list(pair.there.heard()) == []
    pair.now_s += 2 * live.FRESH_S
    assert pair.there.latest(["t"])["t"]["fraction"] == 0.6


@pytest.mark.parametrize("message", [{}, {"line": {}}, {"line": 1}, {"progress": {"x": 1}}, {"ended": "a"}])
def test_a_message_of_another_version_does_no_harm(message: Any) -> None:
    hub = ProgressHub()
    hub.hear(message)
    assert list(hub.heard()) == []
