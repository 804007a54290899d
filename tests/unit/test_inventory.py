"""`nodes.toml`: what it declares, and what is said of what is wrong."""

from pathlib import Path

import pytest

from vidcompute.adapters import inventory
from vidcompute.errors import VidComputeError
from vidcompute.ports.attempt_wire import node_from_json, node_to_json
from vidcompute.ports.executor import Gpu, NodeInfo

GOOD = """
[[nodes]]
name = "gpu"
count = 2
cpu = 16
memory_gb = 64
gpus = [{ name = "L4", memory_gb = 24, count = 2 }, { memory_gb = 8 }]
encoders = ["h264_nvenc"]
decoders = ["cuda"]

[[nodes]]
name = "plain"
cpu = 2.5
memory_gb = 0.5
"""


def read(folder: Path, text: str) -> list[NodeInfo]:
    path = folder / "nodes.toml"
    path.write_text(text)
    return inventory.read(path)


def test_it_declares_nodes(tmp_path: Path) -> None:
    gpus = (Gpu("L4", 24 * 10**9), Gpu("L4", 24 * 10**9), Gpu("GPU", 8 * 10**9))
    first, second, plain = read(tmp_path, GOOD)
    assert first == NodeInfo("gpu-1", 16, 64 * 10**9, gpus, ("h264_nvenc",), ("cuda",), simulated=True)
    assert second.name == "gpu-2"
    assert plain == NodeInfo("plain", 2.5, 5 * 10**8, simulated=True)
    assert not any(node.simulated for node in read(tmp_path, f"simulated = false\n{GOOD}"))
    assert [node_from_json(node_to_json(node)) for node in (first, plain)] == [first, plain]


def entry(**changes: str) -> str:
    fields = {"name": '"a"', "cpu": "1", "memory_gb": "1", **changes}
    return "[[nodes]]\n" + "\n".join(f"{name} = {value}" for name, value in fields.items() if value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(cpu="0"), "Node 'a', cpu: input should be greater than 0."),
        (entry(cpu=""), "Node 'a', cpu: field required."),
        (entry(name="") + "\n", "Node number 1, name: field required."),
        (entry(name='"A b"'), "Node 'A b', name: string should match pattern"),
        (entry(gpus="[{ memory_gb = -1 }]"), "Node 'a', gpus.0.memory_gb: input should be greater than 0."),
        (entry(gpu="1"), "Node 'a', gpu: extra inputs are not permitted."),
        (entry(encoders='["h264_qsv"]'), "Node 'a', encoders: 'h264_qsv' is not known; there are h264_nvenc,"),
        (entry(decoders='["vdpau"]'), "Node 'a', decoders: 'vdpau' is not known; there are cuda, vaapi."),
        (entry() + "\n" + entry(), "Two nodes are called 'a'."),
        ("nodes = []", "nodes: tuple should have at least 1 item"),
        ("nodes = 1", "nodes: input should be a valid tuple"),
        ("nodes = [1]", "Node number 1, entry:"),
        ("simulate = true", "simulate: extra inputs are not permitted."),
        ("[[nodes]", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_by_its_entry(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(VidComputeError) as caught:
        read(tmp_path, text)
    assert caught.value.code == "inventory_invalid"
    assert said in caught.value.detail
    assert str(tmp_path / "nodes.toml") in caught.value.detail


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(VidComputeError, match="can't be read: No such file"):
        inventory.read(tmp_path / "none.toml")
