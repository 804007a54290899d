"""When an attempt that says nothing is taken for lost."""

from dataclasses import replace

import pytest

from vidcompute.dispatch.silence import Silence
from vidcompute.ports.executor import HEARTBEAT_S, Finished, Outcome

WHERE = {"att_1": "one", "att_2": "two"}
ENDED = Finished("att_1", Outcome.CANCELLED)


class Watch:
    """A silence, and a clock that goes on by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.silence = Silence(20.0, clock=lambda: self.now_s)

    def overdue(self, seconds: float, *, here: tuple[str, ...] = ("one", "two"), step_s: float = 1.0) -> list[str]:
        """All that became overdue in so many seconds."""
        found: list[str] = []
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += step_s
            found += self.silence.overdue(WHERE, here)
        return found


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_who_says_nothing_for_longer_than_the_lease_is_overdue_once(watch: Watch) -> None:
    watch.silence.heard("att_1")
    assert watch.overdue(20) == []
    assert watch.overdue(5) == ["att_1"]
    assert watch.overdue(50) == []


def test_every_word_begins_the_lease_anew(watch: Watch) -> None:
    watch.silence.heard("att_1")
    for _ in range(5):
        assert watch.overdue(15) == []
        watch.silence.heard("att_1")


def test_before_anybody_waits_for_it_and_after_its_end_nothing_is_expected(watch: Watch) -> None:
    assert watch.overdue(100) == []
    watch.silence.heard("att_1")
    watch.silence.forget("att_1")
    assert watch.overdue(100) == []


def test_what_lies_beyond_a_broken_line_is_not_judged(watch: Watch) -> None:
    watch.silence.heard("att_1")
    watch.silence.heard("att_2")
    assert watch.overdue(1000, here=()) == []


def test_a_node_that_does_not_answer_while_others_do_is_not_waited_for_for_ever(watch: Watch) -> None:
    watch.silence.heard("att_1")
    watch.silence.heard("att_2")
    assert watch.overdue(55, here=("two",)) == ["att_2"]
    assert watch.overdue(10, here=("two",)) == ["att_1"]


def test_who_looks_may_have_been_stopped_itself(watch: Watch) -> None:
    watch.silence.heard("att_1")
    assert watch.overdue(3600, step_s=3600) == []


def test_the_end_that_it_is_given_is_a_loss_with_its_reason(watch: Watch) -> None:
    watch.silence.heard("att_1")
    assert watch.silence.judged(ENDED) == ENDED
    watch.overdue(25)
    judged = watch.silence.judged(ENDED)
    assert (judged.outcome, judged.error_code) == (Outcome.LOST, "attempt_silent")
    assert "20 s" in str(judged.error_detail)
    done = replace(ENDED, outcome=Outcome.OK)
    assert watch.silence.judged(done) == done


def test_while_its_executor_holds_it_an_attempt_can_say_nothing(watch: Watch) -> None:
    watch.silence.heard("att_1")
    assert watch.overdue(15) == []
    for _ in range(20):
        watch.silence.held("att_1", held=True)  # as it says again and again
        assert watch.overdue(HEARTBEAT_S) == []
    watch.silence.held("att_1", held=False)
    assert watch.overdue(4) == []
    assert watch.overdue(4) == ["att_1"]


def test_a_hold_that_nobody_tells_of_any_more_is_over(watch: Watch) -> None:
    watch.silence.heard("att_1")
    watch.silence.held("att_1", held=True)
    assert watch.overdue(60) == ["att_1"]


def test_to_be_held_is_no_word_of_its_own(watch: Watch) -> None:
    watch.silence.held("att_1", held=True)
    watch.silence.held("att_1", held=False)
    assert watch.overdue(100) == []
