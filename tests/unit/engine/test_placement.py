"""Placement: never over capacity, nobody starves, and everybody who waits is told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.dispatch.placement import Busy, Waiting, place
from vidcompute.ports.executor import Gpu, Needs, NodeInfo

GB = 10**9


def waiting(
    name: str, cpu: float = 1.0, memory: int = 0, gpu: int = 0, *, since: int = 0, back: bool = True
) -> Waiting:
    return Waiting(name, Needs(cpu, memory, gpu), back, since)


def gpus(*sizes_gb: float) -> tuple[Gpu, ...]:
    return tuple(Gpu("test", round(size * GB)) for size in sizes_gb)


nodes_of = st.lists(st.tuples(st.integers(1, 8), st.integers(1, 16)), max_size=4).map(
    lambda rows: [NodeInfo(f"n{i}", cpu, memory * GB) for i, (cpu, memory) in enumerate(rows)]
)


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


def test_whether_it_is_worth_it_to_look_for_more_is_told_by_the_least_that_is_asked_for() -> None:
    nodes = [NodeInfo("n", 2, 16 * GB)]
    ready = [waiting("one", 1.5), waiting("two", 1.5)]
    assert not place(ready, nodes, []).spare
    assert place([*ready, waiting("small", 0.25)], nodes, []).spare  # it is placed, and another one would fit
    assert not place([waiting("all", 2.0)], nodes, []).spare
    assert place([waiting("some", 0.5)], nodes, []).spare
    assert not place([waiting("large", 0.5, memory=9 * GB)], nodes, []).spare
    # Who waits for a GPU keeps nobody from the cores.
    assert place([waiting("gpu", 1.0, gpu=GB), waiting("one", 1.0)], nodes, []).spare
    assert not place([], [], []).spare


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
    nodes = [NodeInfo("gpu", 4, GB, gpus(8)), NodeInfo("plain", 4, GB)]
    decision = place([waiting("a"), waiting("b", gpu=GB)], nodes, [])
    assert decision.nodes == {"a": "plain", "b": "gpu"}


@pytest.mark.parametrize(
    ("nodes", "task", "reason"),
    [
        ([], waiting("t"), "Waits for a node: there is none."),
        (
            [NodeInfo("n", 2, 4 * GB, gpus(4))],
            waiting("t", gpu=6 * GB),
            "Waits for 6 GB GPU memory; the largest node has 4 GB.",
        ),
        ([NodeInfo("n", 2, 4 * GB)], waiting("t", memory=5 * GB), "Waits for 5 GB memory; the largest node has 4 GB."),
        (
            [NodeInfo("m", 2, 8 * GB), NodeInfo("g", 2, GB, gpus(8))],
            waiting("t", 1, 4 * GB, GB),
            "Waits for a node with 1 CPU, 4 GB memory, 1 GB GPU memory.",
        ),
        ([NodeInfo("n", 2, GB)], waiting("t", gpu=GB), "Waits for a GPU; no node has one."),
        (
            [NodeInfo("n", 2, GB, gpus(8))],
            Waiting("t", Needs(1, 0, 0, gpus=2), True, 0),
            "Waits for 2 GPUs; the largest node has 1.",
        ),
        (
            [NodeInfo("n", 2, GB, gpus(8), encoders=("h264_nvenc",))],
            Waiting("t", Needs(1, 0, 0, abilities=("h264_nvenc", "av1_nvenc")), True, 0),
            "Waits for av1_nvenc; no node has it.",
        ),
    ],
)
def test_who_cannot_be_placed_is_told_why(nodes: list[NodeInfo], task: Waiting, reason: str) -> None:
    assert place([task], nodes, []).reasons == {"t": reason}


def test_a_foreground_task_starts_beside_cores_that_a_later_task_took_from_one_that_waits() -> None:
    nodes = [NodeInfo("n0", 1, 8 * GB)]
    first, probe = waiting("first", since=1), waiting("probe", 1, GB, since=3, back=False)
    took_its_core = [Busy("n0", Needs(1.0, GB, 0), True, 2)]
    decision = place([first, probe], nodes, took_its_core)
    assert decision.nodes == {"probe": "n0"}


def test_shares_of_a_gpu_go_where_one_has_least_to_spare_and_whole_ones_stay_whole() -> None:
    nodes = [NodeInfo("n", 8, 16 * GB, gpus(8, 8))]
    share, whole = Needs(1, 0, GB, gpus=0.25), Needs(1, 0, 0, gpus=1)
    running = [Busy("n", share, True, 0, gpus=(1,))]
    ready = [Waiting("whole", whole, True, 2), Waiting("share", share, True, 1), Waiting("more", whole, True, 3)]
    decision = place(ready, nodes, running)
    assert decision.gpus == {"share": (1,), "whole": (0,)}
    assert decision.reasons == {"more": "Waits for room: it needs 1 CPU, 0 GB memory, 1 GPU, and the nodes are busy."}


def test_several_gpus_are_several_and_each_has_the_memory() -> None:
    nodes = [NodeInfo("small", 8, GB, gpus(8, 4)), NodeInfo("large", 8, GB, gpus(4, 8, 8))]
    decision = place([Waiting("t", Needs(1, 0, 6 * GB, gpus=2), True, 0)], nodes, [])
    assert (decision.nodes, decision.gpus) == ({"t": "large"}, {"t": (1, 2)})


def test_where_the_gpus_of_an_attempt_are_not_known_they_are_counted_all_the_same() -> None:
    nodes = [NodeInfo("n", 8, GB, gpus(8, 8))]
    ready = [Waiting("a", Needs(1, 0, 0, gpus=1), True, 0), Waiting("b", Needs(1, 0, 0, gpus=1), True, 0)]
    decision = place(ready, nodes, [Busy("n", Needs(1, 0, 0, gpus=1), True, 0)])
    assert list(decision.nodes) == ["a"]


def test_a_task_goes_where_most_of_its_inputs_are_if_there_is_room() -> None:
    nodes = [NodeInfo("a", 1, GB), NodeInfo("b", 1, GB, holds=("k1",)), NodeInfo("c", 1, GB, holds=("k1", "k2"))]
    ready = [Waiting(f"t{n}", Needs(1, 0), True, 0, inputs=("k1", "k2")) for n in range(4)]
    assert place(ready, nodes, []).nodes == {"t0": "c", "t1": "b", "t2": "a"}


def test_an_ability_is_found_and_who_needs_none_leaves_its_node_alone() -> None:
    able = NodeInfo("able", 2, GB, gpus(8), encoders=("h264_nvenc",), decoders=("cuda",))
    encode = Waiting("e", Needs(1, 0, abilities=("h264_nvenc", "cuda")), True, 0)
    decision = place([waiting("plain"), encode], [able, NodeInfo("plain", 2, GB)], [])
    assert decision.nodes == {"plain": "plain", "e": "able"}


def test_who_wants_more_cores_than_any_node_with_a_gpu_has_gets_those_of_the_largest_that_has_one() -> None:
    nodes = [NodeInfo("plain", 32, GB), NodeInfo("g1", 4, GB, gpus(8)), NodeInfo("g2", 8, GB, gpus(8))]
    assert place([waiting("t", 16.0, gpu=GB)], nodes, []).nodes == {"t": "g2"}
