"""Encoders in hardware: what they are told is held against ffmpeg itself, and what they do against what is promised.

A machine without a GPU shows that each command line is understood; the check of what comes out is shown to work by
the encoders in software, which go through it as well.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork
from tests.unit.test_encoding_choice import PROBE
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import encoders, hardware, levels
from vidcompute.media.ffmpeg import container_options
from vidcompute.media.ladder import QUALITY, Rung
from vidcompute.media.probe import probe
from vidcompute.media.run import capture, run
from vidcompute.media.sandbox import device_paths
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.hardware import Hardware
from vidcompute.ports.executor import Call, NodeInfo
from vidcompute.runner.decode import decode
from vidcompute.settings import Settings
from vidcompute.wiring import runner

SIZES = ((1920, 1080, 30), (3840, 2160, 60), (640, 360, 24), (426, 240, 30))
_OPTION = re.compile(r"^  -(?P<name>[\w-]+) +<(?P<kind>\w+)> .*?(?:\(from (?P<low>\S+) to (?P<high>[^)]+)\))?")
_CHOICE = re.compile(r"^     (?P<name>\S+) +(?P<value>-?\d+)? +E")
# What every encoder has, and ffmpeg's own options of an output (ffmpeg-codecs(1), ffmpeg(1)).
GENERAL = {"c", "b", "maxrate", "bufsize", "g", "bf", "global_quality", "tag"}


def options_of(ffmpeg: str, encoder: str) -> dict[str, set[str]]:
    """The options that an encoder has of its own, each with the names of its values."""
    found: dict[str, set[str]] = {}
    for line in capture([ffmpeg, "-hide_banner", "-h", f"encoder={encoder}"]).splitlines():
        if option := _OPTION.match(line):
            current = found.setdefault(option["name"], {f"<{option['kind']}>"})
        elif (choice := _CHOICE.match(line)) and found:
            current.add(choice["name"])
    return found


def rungs_of(codec: str) -> Iterator[Rung]:
    for width, height, rate in SIZES:
        peak = 5_000_000
        level = levels.level(codec, width, height, hardware._cut().frame_rate * rate / 30, peak)
        for bitrate in (None, 3_000_000):
            quality = None if bitrate else QUALITY[codec]
            yield Rung(codec, codec, min(width, height), width, height, quality, bitrate, peak, level)


@pytest.mark.parametrize("encoder", encoders.HARDWARE)
def test_every_option_and_value_is_one_that_ffmpeg_knows(ffmpeg: str, encoder: str) -> None:
    known = options_of(ffmpeg, encoder)
    for rung in rungs_of(encoders.codec_of(encoder)):
        line = encoders.arguments(rung, encoder, fast=False, threads=1)
        for option, value in zip(line[::2], line[1::2], strict=True):
            name = option.removeprefix("-").removesuffix(":v")
            if name in GENERAL:
                continue
            choices = known[name]
            numeric = {"<int>", "<float>"} & choices and re.fullmatch(r"\d+", value) and len(choices) == 1
            assert value in choices or numeric or "<boolean>" in choices, (option, value, sorted(choices))


@pytest.mark.parametrize("encoder", [name for name in encoders.HARDWARE if name.endswith("nvenc")])
def test_ffmpeg_takes_the_command_line_up_to_the_device(ffmpeg: str, tmp_path: Path, encoder: str) -> None:
    """NVENC opens its device last, so that a line gets there only if all of it was understood."""
    for rung in rungs_of(encoders.codec_of(encoder)):
        said = told(ffmpeg, rung, encoder, [])
        assert not re.search(r"Undefined|Unable to parse|Error setting|not been used|Unrecognized", said)
        assert device_paths() or "libcuda" in said
    assert re.search(r"Undefined|Unable to parse", told(ffmpeg, rung, encoder, ["-rc", "no-such-mode"]))


def told(ffmpeg: str, rung: Rung, encoder: str, more: list[str]) -> str:
    source = ["-f", "lavfi", "-i", f"color=size={rung.width_px}x{rung.height_px}:rate=30", "-frames:v", "3"]
    line = [ffmpeg, "-hide_banner", "-nostdin", *source, *encoders.arguments(rung, encoder, fast=False, threads=1)]
    lines: list[str] = []
    run([*line, *more, "-f", "null", "-"], timeout_s=30, check=False, on_line=lines.append)
    return "\n".join(lines)


@pytest.fixture(scope="module")
def small(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hardware.make_clip(Path(ffmpeg), tmp_path_factory.mktemp("hardware"))


@pytest.mark.parametrize("encoder", encoders.SOFTWARE.values())
def test_the_check_is_passed_by_encoders_that_keep_the_promise(
    ffmpeg: str, small: Path, tmp_path: Path, encoder: str
) -> None:
    assert hardware.encoder_problem(Path(ffmpeg), encoder, small, tmp_path) == ""


def test_what_is_not_there_is_told_in_words(ffmpeg: str, small: Path, tmp_path: Path) -> None:
    problems = [hardware.encoder_problem(Path(ffmpeg), name, small, tmp_path) for name in encoders.HARDWARE]
    problems += [hardware.decoder_problem(Path(ffmpeg), name, small) for name in encoders.DECODERS.values()]
    assert all(problems) or device_paths()


async def test_they_are_tried_in_the_sandbox_of_real_work(ffmpeg: str, tmp_path: Path) -> None:
    executor = runner.executor(Settings(data_dir=tmp_path / "data"), Path(ffmpeg))
    tried = {"encoders": ("libx264", "h264_nvenc"), "decoders": ("cuda",)}
    call = Call(Hardware.name, Hardware.version, tried, {}, str(tmp_path / "out"), timeout_s=60)
    try:
        (answer,) = [answer async for answer in executor.call(call)]
    finally:
        await executor.close(0)
    assert answer["facts"]["encoders"][:1] == ["libx264"]
    assert {"h264_nvenc", "cuda"} <= answer["facts"]["problems"].keys() or device_paths()


class EncodeWork(LocalWork):
    """A place for a stage that starts ffmpeg."""

    program: Path

    @property
    def ffmpeg(self) -> Path:
        return self.program


def work_in(folder: Path, ffmpeg: str, source: Path) -> EncodeWork:
    work = EncodeWork(source, folder)
    work.program = Path(ffmpeg)
    return work


@pytest.fixture
def source(clip: ClipMaker) -> Path:
    return clip("h264_none_720p30_2s")


def stage_for(source: Path, *, simulated: bool) -> Encode:
    """The encode that is planned for a node with every encoder."""
    node = NodeInfo("gpu", 2, 2**33, encoders=encoders.HARDWARE, decoders=("cuda", "vaapi"), simulated=simulated)
    spec = MediaSpec.model_validate({"renditions": [{"height": 540}, {"height": 240}]})
    node_of = plan(probe(source), spec, Capacity.of([node]), PROBE).node("encode/0")
    return decode(Encode, node_of.options)


def test_a_simulated_encoder_is_the_one_in_software_and_says_so(ffmpeg: str, source: Path, tmp_path: Path) -> None:
    simulated = stage_for(source, simulated=True)
    assert simulated.by == ("h264_nvenc", "libx264")
    work, plain = work_in(tmp_path / "one", ffmpeg, source), work_in(tmp_path / "two", ffmpeg, source)
    simulated.run(work)
    replace(simulated, by=(), decoder="", simulated=False).run(plain)
    assert work.lines[0] == "info: This node only simulates h264_nvenc: it is done in software."
    for name in ("h264-540/init.mp4", "h264-540/0.m4s", "h264-240/0.m4s"):
        assert (work.output / name).read_bytes() == (plain.output / name).read_bytes()


def test_a_device_that_fails_is_told_as_such_and_may_be_tried_elsewhere(
    ffmpeg: str, source: Path, tmp_path: Path
) -> None:
    stage = replace(stage_for(source, simulated=False), decoder="")
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho '[error] no device' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(VidComputeError, match="h264_nvenc failed: no device") as caught:
        stage.run(work_in(tmp_path / "none", str(broken), source))
    assert (caught.value.code, caught.value.kind) == ("hardware_encoder_failed", Kind.UNAVAILABLE)
    with pytest.raises(VidComputeError, match="ffmpeg_failed"):
        replace(stage, by=()).run(work_in(tmp_path / "software", str(broken), source))
    if device_paths():
        return
    with pytest.raises(VidComputeError, match=r"h264_nvenc failed: .*libcuda"):
        stage.run(work_in(tmp_path / "nvenc", ffmpeg, source))


def test_a_source_is_decoded_by_the_allowed_decoders_in_hardware_as_well(ffmpeg: str, source: Path) -> None:
    line = stage_for(source, simulated=False).commands(Path(ffmpeg), source)[0]
    assert line[line.index("-hwaccel") + 1] == "cuda"
    assert line[line.index("-codec_whitelist") + 1] == container_options()["codec_whitelist"]
