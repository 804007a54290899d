"""Nodes with GPUs as users see them, on a machine without: an inventory, the plan, the way back to software."""

from pathlib import Path

import pytest

from tests.e2e.driving import Json, running
from tests.e2e.numbered import picture
from tests.e2e.streams import breaches
from tests.fixtures.clips import ClipMaker

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250"]
WANTED: Json = {"outputs": ["hls"], "renditions": [{"height": 360}, {"height": 240}]}
NODES = """
[[nodes]]
name = "gpu"
count = 2
cpu = 2
memory_gb = 64
gpus = [{ name = "L4", memory_gb = 24 }]
encoders = ["h264_nvenc"]
decoders = ["cuda"]
"""


@pytest.fixture(scope="module")
def short(clip: ClipMaker) -> Path:
    return clip("numbered-nodes-360", [*picture("640x360", seconds="3"), *X264])


def test_simulated_nodes_do_the_work_in_software_and_say_so(tmp_path: Path, short: Path) -> None:
    (tmp_path / "nodes.toml").write_text(NODES)
    with running(tmp_path / "data", VIDCOMPUTE_NODES_FILE=str(tmp_path / "nodes.toml")) as driver:
        job = driver.done(driver.submit(short, **WANTED)["id"])
        plan = driver.http.get(f"/api/v1/jobs/{job['id']}/plan").json()
        encoders = {node["encoder"] for node in plan["nodes"] if node["stage"] == "encode"}
        assert encoders == {"libx264+h264_nvenc (simulated)"}
        assert "This node only simulates h264_nvenc" in driver.log(job["id"])
        assert breaches(driver, job["asset"]["playback_id"]) == []


def test_a_job_whose_hardware_fails_is_done_in_software(tmp_path: Path, short: Path) -> None:
    """The inventory promises an encoder that this machine does not have (or has: then it is used)."""
    (tmp_path / "nodes.toml").write_text(f"simulated = false\n{NODES}")
    settings = {"VIDCOMPUTE_NODES_FILE": str(tmp_path / "nodes.toml"), "VIDCOMPUTE_RETRY_BASE_S": "0.1"}
    with running(tmp_path / "data", **settings) as driver:
        job = driver.done(driver.submit(short, **WANTED)["id"])
        plan = driver.http.get(f"/api/v1/jobs/{job['id']}/plan").json()
        encoders = {node["encoder"] for node in plan["nodes"] if node["stage"] == "encode"}
        assert encoders in ({"libx264"}, {"libx264+h264_nvenc"})
        if encoders == {"libx264"}:
            assert "h264_nvenc failed" in driver.server.log_text()
        assert breaches(driver, job["asset"]["playback_id"]) == []
        refused = driver.ended(driver.submit(short, **WANTED, hardware_encoding="required")["id"])
        assert refused["status"] == ("failed" if encoders == {"libx264"} else "done")
