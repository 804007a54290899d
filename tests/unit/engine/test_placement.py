"""Placement: never over capacity, nobody starves, and everybody who waits is told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.dispatch.placement import Busy, Waiting, in_order, place
from vidcompute.ports.executor import Needs, NodeInfo
from vidcompute.services.tasks import ReadyTask

GB = 10**9


def waiting(
    name: str, cpu: float = 1.0, memory: int = 0, gpu: int = 0, *, since: int = 0, back: bool = True
) -> Waiting:
    return Waiting(name, Needs(cpu, memory, gpu), back, since)


needs = st.builds(
    Needs,
    cpu=st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 4.0]),
    memory_bytes=st.integers(0, 8).map(lambda n: n * GB),
    gpu_memory_bytes=st.sampled_from([0, 0, 0, GB, 6 * GB]),
)
nodes_of = st.lists(
    st.tuples(st.integers(1, 8), st.integers(1, 16), st.sampled_from([0, 4 * GB, 8 * GB])), min_size=0, max_size=4
).map(lambda rows: [NodeInfo(f"n{i}", cpu, memory * GB, gpu) for i, (cpu, memory, gpu) in enumerate(rows)])
tasks_of = st.lists(st.tuples(needs, st.booleans(), st.integers(0, 5)), max_size=12).map(
    lambda rows: [Waiting(f"t{i}", n, back, since) for i, (n, back, since) in enumerate(rows)]
)


def use(nodes: list[NodeInfo], placed: list[tuple[str, Waiting]]) -> dict[str, tuple[float, float, int, int]]:
    largest = max((n.cpu for n in nodes), default=0)
    used = {n.name: (0.0, 0.0, 0, 0) for n in nodes}
    for node, task in placed:
        back, front, memory, gpu = used[node]
        cpu = min(task.needs.cpu, largest)
        used[node] = (
            back + cpu * task.background,
            front + cpu * (not task.background),
            memory + task.needs.memory_bytes,
            gpu + task.needs.gpu_memory_bytes,
        )
    return used


@given(tasks_of, nodes_of)
def test_nothing_is_ever_over_capacity_and_everything_is_accounted_for(
    ready: list[Waiting], nodes: list[NodeInfo]
) -> None:
    decision = place(ready, nodes, [])
    assert decision.nodes.keys() | decision.reasons.keys() == {t.task_id for t in ready}
    assert not decision.nodes.keys() & decision.reasons.keys()
    used = use(nodes, [(decision.nodes[t.task_id], t) for t in ready if t.task_id in decision.nodes])
    for node in nodes:
        back, front, memory, gpu = used[node.name]
        assert max(back, front) <= node.cpu + 1e-6
        assert memory <= node.memory_bytes
        assert gpu <= node.gpu_memory_bytes


@given(tasks_of, nodes_of)
def test_the_first_in_order_gets_a_place_wherever_there_is_one(ready: list[Waiting], nodes: list[NodeInfo]) -> None:
    if not ready:
        return
    first = ready[0]
    alone = place([first], nodes, [])
    assert (first.task_id in place(ready, nodes, []).nodes) == (first.task_id in alone.nodes)


@given(st.data(), nodes_of.filter(bool))
def test_the_oldest_starts_before_long_however_many_small_ones_come(data: st.DataObject, nodes: list[NodeInfo]) -> None:
    """Small tasks of fixed length arrive in every round; a big one waits at the head of the queue."""
    biggest = max(nodes, key=lambda n: n.cpu)
    big = waiting("big", cpu=biggest.cpu, since=0)
    running: list[tuple[int, Busy]] = []
    for number, node in enumerate(nodes):
        before = Busy(node.name, Needs(cpu=0.5, memory_bytes=0), background=True, since_ms=-number - 1)
        running.append((data.draw(st.integers(1, 4)), before))
    for clock in range(1, 8):
        small = [waiting(f"s{clock}-{n}", cpu=0.5, since=clock) for n in range(40)]
        decision = place([big, *small], nodes, [busy for _, busy in running])
        if "big" in decision.nodes:
            return
        started = [
            (clock + 3, Busy(decision.nodes[t.task_id], t.needs, background=True, since_ms=clock))
            for t in small
            if t.task_id in decision.nodes
        ]
        running = [(end, busy) for end, busy in running if end > clock] + started
    pytest.fail("the big task starved")


def test_the_rest_of_a_reserved_node_is_not_wasted() -> None:
    nodes = [NodeInfo("n", 4, 16 * GB)]
    running = [Busy("n", Needs(2.0, 0), background=True, since_ms=0)]
    ready = [waiting("big", 3.0, since=5), waiting("small", 1.0, since=6), waiting("other", 0.5, since=7)]
    decision = place(ready, nodes, running)
    assert decision.nodes == {"small": "n"}
    assert decision.reasons == {
        "big": "Waits for room: it needs 3 CPU, 0 GB memory, and the nodes are busy.",
        "other": "Waits behind an older task for which the room is kept.",
    }
    assert place(ready[:1], nodes, [Busy("n", Needs(1.0, 0), background=True, since_ms=9)]).nodes == {"big": "n"}


def test_short_tasks_that_somebody_waits_for_do_not_wait_for_long_ones() -> None:
    nodes = [NodeInfo("n", 2, 16 * GB)]
    running = [Busy("n", Needs(2.0, GB), background=True, since_ms=0)]
    assert place([waiting("probe", 1.0, GB, back=False)], nodes, running).nodes == {"probe": "n"}
    assert place([waiting("chunk", 1.0, GB)], nodes, running).nodes == {}


def test_a_task_that_wants_more_cores_than_there_are_gets_all_of_them() -> None:
    assert place([waiting("wide", 16.0)], [NodeInfo("a", 1, GB), NodeInfo("b", 2, GB)], []).nodes == {"wide": "b"}


def test_nodes_with_a_gpu_are_kept_for_those_who_need_one() -> None:
    nodes = [NodeInfo("gpu", 4, GB, 8 * GB), NodeInfo("plain", 4, GB)]
    decision = place([waiting("a"), waiting("b", gpu=GB)], nodes, [])
    assert decision.nodes == {"a": "plain", "b": "gpu"}


@pytest.mark.parametrize(
    ("nodes", "task", "reason"),
    [
        ([], waiting("t"), "Waits for a node: there is none."),
        (
            [NodeInfo("n", 2, 4 * GB, 4 * GB)],
            waiting("t", gpu=6 * GB),
            "Waits for 6 GB GPU memory; the largest node has 4 GB.",
        ),
        ([NodeInfo("n", 2, 4 * GB)], waiting("t", memory=5 * GB), "Waits for 5 GB memory; the largest node has 4 GB."),
        (
            [NodeInfo("m", 2, 8 * GB), NodeInfo("g", 2, GB, 8 * GB)],
            waiting("t", 1, 4 * GB, GB),
            "Waits for a node with 1 CPU, 4 GB memory, 1 GB GPU memory.",
        ),
    ],
)
def test_who_cannot_be_placed_is_told_why(nodes: list[NodeInfo], task: Waiting, reason: str) -> None:
    assert place([task], nodes, []).reasons == {"t": reason}


def ready_task(name: str, priority: int, *, ready_ms: int, created_ms: int = 0, position: int = 0) -> ReadyTask:
    return ReadyTask(name, "org", "encode", name, Needs(), True, priority, 0, created_ms, ready_ms, position)


def test_waiting_lifts_a_task_by_one_priority_each_time() -> None:
    low = ready_task("low", 0, ready_ms=0)
    soon, late = ready_task("soon", 2, ready_ms=9_000), ready_task("late", 2, ready_ms=25_000)
    assert [t.task_id for t in in_order([low, soon], 12_000, ageing_s=10)] == ["soon", "low"]
    assert [t.task_id for t in in_order([low, late], 30_000, ageing_s=10)] == ["low", "late"]


def test_equals_go_by_age_and_then_as_planned() -> None:
    tasks = [
        ready_task("c", 1, ready_ms=0, created_ms=2),
        ready_task("b", 1, ready_ms=9, created_ms=1, position=2),
        ready_task("a", 1, ready_ms=9, created_ms=1, position=1),
    ]
    assert [t.task_id for t in in_order(tasks, 10, ageing_s=600)] == ["a", "b", "c"]


def test_a_foreground_task_starts_beside_cores_that_a_later_task_took_from_one_that_waits() -> None:
    nodes = [NodeInfo("n0", 1, 8 * GB, 0)]
    first, probe = waiting("first", since=1), waiting("probe", 1, GB, since=3, back=False)
    took_its_core = [Busy("n0", Needs(1.0, GB, 0), True, 2)]
    decision = place([first, probe], nodes, took_its_core)
    assert decision.nodes == {"probe": "n0"}
