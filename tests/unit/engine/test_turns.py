"""Whose turn it is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.dispatch.turns import in_turn
from vidcompute.ports.executor import Needs
from vidcompute.services.tasks import ReadyTask

NOW_MS = 1_000_000
AGEING_S = 100.0


def task(name: str, owner: str = "a", priority: int = 1, *, waited_s: float = 0.0, position: int = 0) -> ReadyTask:
    since_ms = NOW_MS - round(waited_s * 1000)
    return ReadyTask(
        id=name,
        organization_id=owner,
        stage="encode",
        label=name,
        needs=Needs(),
        background=True,
        priority=priority,
        attempt=0,
        created_ms=since_ms,
        ready_ms=since_ms,
        position=position,
    )


def order(*ready: ReadyTask, at_work: dict[str, int] | None = None, most: int | None = None) -> list[str]:
    turns = in_turn(ready, at_work or {}, NOW_MS, ageing_s=AGEING_S, most=most)
    return [waiting.task_id for waiting in turns.order]


def test_alone_it_goes_by_priority_then_age_then_plan() -> None:
    ready = (
        task("low", priority=0),
        task("second", position=1),
        task("first", position=0),
        task("old", waited_s=50),
        task("high", priority=2),
    )
    assert order(*ready) == ["high", "old", "first", "second", "low"]


def test_waiting_makes_urgent() -> None:
    assert order(task("normal"), task("low", priority=0, waited_s=99)) == ["normal", "low"]
    assert order(task("normal"), task("low", priority=0, waited_s=100)) == ["low", "normal"]
    assert order(task("high", priority=2), task("low", priority=0, waited_s=300)) == ["low", "high"]


def test_a_long_queue_of_urgent_tasks_does_not_stand_before_anothers_first() -> None:
    crowd = [task(f"a{n}", "a", priority=2, waited_s=1000 - n) for n in range(50)]
    assert order(*crowd, task("b0", "b", priority=0)).index("b0") == 1
    assert order(*crowd, task("b0", "b", priority=0), at_work={"a": 2})[0] == "b0"
    assert order(*crowd, task("b0", "b"), at_work={"b": 3}).index("b0") == 4


def test_between_organizations_with_as_much_at_work_priority_decides() -> None:
    assert order(task("a0", "a"), task("b0", "b", priority=2), at_work={"a": 1, "b": 1}) == ["b0", "a0"]


def test_no_organization_gets_more_than_its_limit_and_who_waits_for_it_is_told() -> None:
    ready = [task(f"a{n}", "a", waited_s=9 - n) for n in range(4)] + [task("b0", "b")]
    turns = in_turn(ready, {"a": 1}, NOW_MS, ageing_s=AGEING_S, most=3)
    assert {waiting.task_id for waiting in turns.order} == {"a0", "a1", "b0"}
    assert dict(turns.held) == dict.fromkeys(["a2", "a3"], "Waits until fewer than 3 of its organization's tasks run.")


@pytest.mark.parametrize("most", [None, 2])
@given(
    owners=st.lists(st.sampled_from("abc"), max_size=30),
    priorities=st.lists(st.integers(0, 2), min_size=30, max_size=30),
    at_work=st.dictionaries(st.sampled_from("abc"), st.integers(0, 4)),
)
def test_nobody_is_served_before_one_who_has_less(
    most: int | None, owners: list[str], priorities: list[int], at_work: dict[str, int]
) -> None:
    ready = [task(f"t{n}", owner, priorities[n]) for n, owner in enumerate(owners)]
    turns = in_turn(ready, at_work, NOW_MS, ageing_s=AGEING_S, most=most)
    assert {w.task_id for w in turns.order} | set(turns.held) == {t.id for t in ready}
    owner_of = {t.id: t.organization_id for t in ready}
    served = Counter(at_work)
    left = Counter(owner_of[w.task_id] for w in turns.order)
    for waiting in turns.order:
        owner = owner_of[waiting.task_id]
        if len(set(owners)) > 1:
            assert served[owner] <= min(served[other] for other in left if left[other])
        assert most is None or served[owner] < most
        served[owner] += 1
        left[owner] -= 1
    priorities_given = [w.priority for w in turns.order]
    assert priorities_given == sorted(priorities_given, reverse=True)
