"""Hardware that no node has any more: waited for, and then done without."""

from collections.abc import Sequence
from dataclasses import replace

from tests.unit.engine import toys
from tests.unit.engine.test_dispatcher import POLICY, engine, refusing
from vidcompute.db.engine import Database
from vidcompute.dispatch.missing import Missing
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.facts import SourceFacts
from vidcompute.pipeline.plan import Plan, PlanNode
from vidcompute.pipeline.spec import HardwareEncoding, MediaSpec
from vidcompute.ports.executor import Needs, NodeInfo
from vidcompute.services.tasks import ReadyTask, Terms

PLAIN = NodeInfo("plain", 4, 2**33)
ABLE = NodeInfo("able", 4, 2**33, encoders=("h264_nvenc",), decoders=("cuda",))


def task(number: int, *abilities: str) -> ReadyTask:
    needs = Needs(abilities=abilities)
    return ReadyTask(f"task_{number}", toys.ORG, "encode", "encode/0", needs, True, 1, 0, 1, 1, 0)


def test_what_no_node_has_is_waited_for_and_then_told_once() -> None:
    now_s = [0.0]
    missing = Missing(300.0, clock_s=lambda: now_s[0])
    ready = [task(1, "h264_nvenc", "cuda"), task(2), task(3, "cuda")]
    for seconds, nodes, told in (
        (0, [PLAIN], []),
        (299, [PLAIN], []),
        (300, [PLAIN], ["task_1", "task_3"]),
        (301, [PLAIN], []),
        (302, [], []),  # nobody knows what they have: the wait begins anew
        (303, [PLAIN], []),
        (602, [PLAIN, ABLE], []),  # it came back in time
        (700, [PLAIN], []),
        (1000, [PLAIN], ["task_1", "task_3"]),
    ):
        now_s[0] = float(seconds)
        assert missing.overdue(ready, nodes) == told, seconds
        missing.settled(told)


def test_what_could_not_be_settled_is_told_again() -> None:
    missing = Missing(0.0)
    assert missing.overdue([task(1, "cuda")], [PLAIN]) == ["task_1"]
    assert missing.overdue([task(1, "cuda"), task(2, "cuda")], [PLAIN]) == ["task_1", "task_2"]
    missing.settled(["task_1"])
    assert missing.overdue([task(1, "cuda"), task(2, "cuda")], [PLAIN]) == ["task_2"]


def test_a_round_that_sees_less_of_the_queue_does_not_begin_the_wait_anew() -> None:
    now_s = [0.0]
    missing = Missing(300.0, clock_s=lambda: now_s[0])
    assert missing.overdue([task(1), task(2, "cuda")], [PLAIN]) == []
    now_s[0] = 200.0
    assert missing.overdue([task(1)], [PLAIN]) == []
    now_s[0] = 300.0
    assert missing.overdue([task(1), task(2, "cuda")], [PLAIN]) == ["task_2"]


def recipe(found: SourceFacts, spec: MediaSpec, probe: PlanNode, _nodes: Sequence[NodeInfo] = ()) -> Plan:
    """The toy plan, its chunks in hardware unless that is off."""
    plan = toys.recipe(found, spec, probe)
    encoder = "libx264" if spec.hardware_encoding is HardwareEncoding.OFF else "h264_nvenc+libx264"
    return Plan(tuple(replace(n, encoder=encoder) if n.stage == "encode" else n for n in plan.nodes), plan.notes)


def terms(of: PlanNode) -> Terms:
    return Terms(Needs(abilities=("h264_nvenc",)), 60.0) if "nvenc" in of.encoder else toys.terms(of)


async def test_a_job_whose_hardware_does_not_come_back_is_done_in_software(db: Database) -> None:
    """Be the database away, too, when that is found."""
    planner = replace(toys.PLANNER, recipe=recipe, terms=terms)
    gone = VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "The database is away.")
    async with engine(db, planner=planner, policy=replace(POLICY, hardware_patience_s=0.0)) as e:
        with refusing("task.abandon:before", gone):
            done = await e.until(await e.submit(), "done")
        assert done.spec["hardware_encoding"] == "off"
