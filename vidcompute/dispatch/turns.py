"""Whose turn it is: organizations by what they have at work, and within one its tasks by priority and age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidcompute.dispatch.placement import Waiting
from vidcompute.services.tasks import ReadyTask


@dataclass(frozen=True)
class Turns:
    """Tasks in the order in which they are to be placed, and why others are not to be, in plain words, by task."""

    order: list[Waiting]
    held: Mapping[str, str]


def in_turn(
    ready: Sequence[ReadyTask],
    at_work: Mapping[str, int],
    at_ms: int,
    *,
    ageing_s: float,
    most: int | None = None,
) -> Turns:
    """Give each organization's next task to whoever has least at work, then the one after that, and so on.

    `at_work` is how many tasks an organization has placed, `most` how many it may have. Among those that have the same
    at work priority decides, which grows by one with each `ageing_s` of waiting; then age, then the plan. Where one
    organization alone waits, priority and age decide all.
    """
    queues: dict[str, list[ReadyTask]] = {}
    for task in sorted(ready, key=lambda task: _urgency(task, at_ms, ageing_s)):
        queues.setdefault(task.organization_id, []).append(task)
    alone = len(queues) < 2
    ranked: list[tuple[tuple[int, ...], str, ReadyTask]] = []
    held: dict[str, str] = {}
    for organization, queue in queues.items():
        begun = at_work.get(organization, 0)
        room = len(queue) if most is None else max(0, most - begun)
        for turn, task in enumerate(queue[:room], begun):
            rank = (0 if alone else turn, -_priority(task, at_ms, ageing_s))
            ranked.append((rank, task.id, task))
        held |= {task.id: f"Waits until fewer than {most} of its organization's tasks run." for task in queue[room:]}
    ranked.sort(key=lambda item: (item[0], _urgency(item[2], at_ms, ageing_s)))
    places = {rank: -number for number, rank in enumerate(sorted({rank for rank, _, _ in ranked}))}
    order = [Waiting(t.id, t.needs, t.background, t.ready_ms, places[rank], t.inputs) for rank, _, t in ranked]
    return Turns(order, held)


def _priority(task: ReadyTask, at_ms: int, ageing_s: float) -> int:
    return task.priority + max(0, at_ms - task.ready_ms) // max(1, round(ageing_s * 1000))


def _urgency(task: ReadyTask, at_ms: int, ageing_s: float) -> tuple[int, int, int, str]:
    return -_priority(task, at_ms, ageing_s), task.created_ms, task.position, task.id
