"""What a machine's GPUs can do is tried once, and again when it may have changed."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcompute.adapters import gpus
from vidcompute.adapters.discovery import Discovery, Found
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.sandbox import device_paths
from vidcompute.pipeline.stages.hardware import Hardware
from vidcompute.ports.executor import Call

FACTS = {"encoders": ["h264_vaapi"], "decoders": [], "problems": {"vaapi": "no"}}


@dataclass
class Stages:
    """Runs the stage, as the executor does."""

    facts: Mapping[str, Any] = field(default_factory=lambda: FACTS)
    error: VidComputeError | None = None
    calls: list[Call] = field(default_factory=list)

    async def call(self, call: Call) -> AsyncGenerator[Mapping[str, Any]]:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        yield {"facts": self.facts}


def at(folder: Path, *, build: str = "9.0", devices: tuple[Path, ...] = (Path("/dev/dri/renderD128"),)) -> Discovery:
    return Discovery(folder / "data" / "hardware.json", lambda: build, lambda: devices)


async def test_where_there_is_no_device_nothing_is_run(tmp_path: Path) -> None:
    stages = Stages()
    assert await at(tmp_path, devices=()).look(stages.call) == Found()
    assert stages.calls == []


async def test_the_answer_is_kept_until_the_machine_or_ffmpeg_changes(tmp_path: Path) -> None:
    stages = Stages()
    for _ in range(2):
        found = await at(tmp_path).look(stages.call)
        assert (found.encoders, found.decoders, found.problems) == (("h264_vaapi",), (), {"vaapi": "no"})
    assert [(call.stage, call.version) for call in stages.calls] == [(Hardware.name, Hardware.version)]
    await at(tmp_path, build="9.1").look(stages.call)
    await at(tmp_path, build="9.1", devices=(Path("/dev/nvidia0"),)).look(stages.call)
    (tmp_path / "data" / "hardware.json").write_text("[1]")
    await at(tmp_path).look(stages.call)
    assert len(stages.calls) == 4


async def test_what_can_not_be_tried_is_not_used_and_tried_again_next_time(tmp_path: Path) -> None:
    broken = Stages(error=VidComputeError(Kind.TIMEOUT, "stage_timeout", "It took too long."))
    assert (await at(tmp_path).look(broken.call)).encoders == ()
    assert (await at(tmp_path).look(Stages().call)).encoders == ("h264_vaapi",)


def test_nvml_tells_of_no_gpu_where_there_is_no_driver() -> None:
    assert gpus.gpus() == () or any("nvidia" in path.name for path in device_paths())
