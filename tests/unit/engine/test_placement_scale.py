"""2,000 tasks on a declared inventory of 20 mixed GPU nodes, round by round until all are done."""

import random
from pathlib import Path

from bench.placement import tasks_of
from tests.unit.engine.test_placement_properties import busy_of, check_capacity
from vidcompute.adapters import inventory
from vidcompute.dispatch.placement import Busy, place

NODES = """
[[nodes]]
name = "plain"
count = 6
cpu = 16
memory_gb = 64

[[nodes]]
name = "l4"
count = 8
cpu = 32
memory_gb = 128
gpus = [{ name = "L4", memory_gb = 24 }]
encoders = ["h264_nvenc", "hevc_nvenc", "av1_nvenc"]
decoders = ["cuda"]

[[nodes]]
name = "a10"
count = 4
cpu = 64
memory_gb = 256
gpus = [{ name = "A10", memory_gb = 24, count = 4 }]
encoders = ["h264_nvenc", "hevc_nvenc"]

[[nodes]]
name = "h100"
count = 2
cpu = 96
memory_gb = 1024
gpus = [{ name = "H100", memory_gb = 80, count = 8 }]
"""


def test_all_are_done_never_over_capacity_and_by_priority(tmp_path: Path) -> None:
    (tmp_path / "nodes.toml").write_text(NODES)
    nodes = inventory.read(tmp_path / "nodes.toml")
    dice = random.Random(6)
    left = sorted(tasks_of(dice), key=lambda task: -task.priority)
    assert (len(nodes), len(left)) == (20, 2000)
    running: list[tuple[int, Busy]] = []
    clock = 0
    while left:
        clock += 1
        running = [(end, busy) for end, busy in running if end > clock]
        at_work = [busy for _, busy in running]
        decision = place(left, nodes, at_work)
        urgent = [task for task in left if task.priority == left[0].priority]
        alone = place(urgent, nodes, at_work).nodes
        assert alone == {t.task_id: decision.nodes[t.task_id] for t in urgent if t.task_id in decision.nodes}
        running += [(clock + dice.randint(1, 3), busy) for busy in busy_of(decision, left, clock)]
        check_capacity(nodes, [busy for _, busy in running])
        assert running, "where nothing runs, something fits"
        left = [task for task in left if task.task_id not in decision.nodes]
    assert clock > 2  # there was more than fits at once
