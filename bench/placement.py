"""How long a round of placement takes: 2,000 tasks on 20 mixed GPU nodes, against sorting the same tasks."""

import random
import statistics
import time
from collections.abc import Callable

from bench.results import BenchError, Figure, Report
from bench.run import Run
from vidcompute.dispatch.placement import Busy, Waiting, place
from vidcompute.ports.executor import Gpu, Needs, NodeInfo

NAME = "placement"
_NODES, _TASKS = 20, 2000
_LIMIT_MS = 50.0
_GB = 10**9


def measure(run: Run) -> Report:
    """Medians of rounds on an idle inventory and on a full one, in CPU time."""
    dice = random.Random(20)
    nodes = _nodes(dice)
    tasks = sorted(tasks_of(dice), key=_urgency)
    running = _running(tasks, nodes)
    times = run.times(41, 5)
    plain_ms = _median_ms(lambda: sorted(tasks, key=_urgency), times)
    idle_ms = _median_ms(lambda: place(tasks, nodes, []), times)
    full_ms = _median_ms(lambda: place(tasks, nodes, running), times)
    distinct = sorted(_distinct(dice), key=_urgency)
    distinct_ms = _median_ms(lambda: place(distinct, nodes, []), times)
    return Report(
        NAME,
        (
            Figure(f"a round, {_TASKS} tasks, {_NODES} idle nodes", idle_ms, "ms", limit=_LIMIT_MS),
            Figure(f"a round, {_TASKS} tasks, {_NODES} full nodes", full_ms, "ms", limit=_LIMIT_MS),
            Figure(f"a round, {_TASKS} tasks that are all different", distinct_ms, "ms", limit=_LIMIT_MS),
            Figure("a round on idle nodes, against sorting its tasks", idle_ms / plain_ms, "x"),
        ),
        {"sort_ms": plain_ms, "placed_on_idle_nodes": len(place(tasks, nodes, []).nodes), "running": len(running)},
    )


def _urgency(task: Waiting) -> tuple[int, int]:
    return -task.priority, task.since_ms


def _median_ms(step: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begin = time.thread_time()  # it waits for nothing: on an idle machine this is what the clock says
        step()
        taken.append((time.thread_time() - begin) * 1000)
    return statistics.median(taken)


def _nodes(dice: random.Random) -> list[NodeInfo]:
    kinds = (
        (16, 64, 0, 0, ()),
        (32, 128, 1, 24, ("h264_nvenc", "hevc_nvenc", "av1_nvenc")),
        (64, 256, 4, 48, ("h264_nvenc", "hevc_nvenc", "av1_nvenc")),
        (96, 512, 8, 80, ()),
        (8, 32, 2, 8, ("h264_nvenc", "hevc_nvenc")),
    )
    found = []
    for number in range(_NODES):
        cpu, memory, count, gpu, encoders = kinds[number % len(kinds)]
        holds = tuple(f"source:{dice.randrange(200)}" for _ in range(20))
        gpus = tuple(Gpu("simulated", gpu * _GB) for _ in range(count))
        found.append(NodeInfo(f"node-{number}", cpu, memory * _GB, gpus, encoders, holds=holds))
    return found


# Needs as stages have them: software and hardware encodes of three sizes, a package, models on a share of a GPU.
_KINDS = (
    *(Needs(1.0, size * 2**20) for size in (320, 512, 1200)),
    *(Needs(1.0, size * 2**20, _GB, gpus=0.25, abilities=("h264_nvenc",)) for size in (320, 512, 1200)),
    Needs(0.5, 2**28),
    Needs(2.0, 4 * _GB, 6 * _GB, gpus=0.5),
    Needs(8.0, 32 * _GB, 40 * _GB, gpus=2),
)


def tasks_of(dice: random.Random) -> list[Waiting]:
    """2,000 tasks as stages and models have them, of three priorities."""
    return [
        Waiting(
            f"task-{number}",
            dice.choice(_KINDS),
            background=dice.random() < 0.95,
            since_ms=number,
            priority=dice.choice((0, 1, 1, 1, 2)),
            inputs=(f"source:{dice.randrange(200)}",),
        )
        for number in range(_TASKS)
    ]


def _distinct(dice: random.Random) -> list[Waiting]:
    return [
        Waiting(
            f"task-{number}",
            Needs(
                dice.uniform(0.25, 8),
                dice.randrange(8 * _GB),
                dice.choice((0, 0, dice.randrange(24 * _GB))),
                dice.choice((0.0, 0.0, 0.125, 0.5, 1.0, 2.0)),
            ),
            background=dice.random() < 0.95,
            since_ms=number,
            priority=dice.choice((0, 1, 1, 1, 2)),
        )
        for number in range(_TASKS)
    ]


def _running(tasks: list[Waiting], nodes: list[NodeInfo]) -> list[Busy]:
    decision = place(tasks, nodes, [])
    if not decision.nodes or not decision.reasons:
        raise BenchError("The inventory should be filled, and some tasks should be left over.")
    by_id = {task.task_id: task for task in tasks}
    return [
        Busy(node, by_id[name].needs, by_id[name].background, 0, decision.gpus.get(name, ()))
        for name, node in decision.nodes.items()
    ]
