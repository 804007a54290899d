"""VMAF judges a rendition by what a screen would show of the source: whole pictures, in the standard range."""

from pathlib import Path

import pytest

from tests.e2e.numbered import picture
from tests.fixtures.clips import ClipMaker
from tests.media.ffmpeg_work import PROBE, Place
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.vmaf import Vmaf
from vidcompute.runner.decode import decode

INTERLACED = ["-vf", "tinterlace=interleave_top,setfield=tff", "-c:v", "mpeg2video", "-flags", "+ildct+ilme"]
PQ = "format=yuv420p10le,setparams=color_primaries=bt2020:colorspace=bt2020nc:range=tv:color_trc=smpte2084"
SOURCES: dict[str, tuple[list[str], str]] = {
    "interlaced": ([*picture("320x192", rate="50", seconds="2"), *INTERLACED, "-q:v", "2"], ".ts"),
    "hdr": (
        [*picture(seconds="2"), "-vf", PQ, "-c:v", "libx265", "-x265-params", "log-level=none", "-crf", "12"],
        ".mp4",
    ),
}


@pytest.mark.parametrize(("name", "codec"), [("interlaced", "h264"), ("hdr", "h264"), ("hdr", "hevc")])
def test_a_rendition_that_looks_like_its_source_is_told_so(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, name: str, codec: str
) -> None:
    arguments, suffix = SOURCES[name]
    source = clip(f"vmaf-{name}", arguments, suffix=suffix)
    facts = probe(source)
    assert facts.video is not None
    wanted = {"height": facts.video.height, "codec": codec, "quality": 14}
    spec = MediaSpec.model_validate({"outputs": ["hls"], "renditions": [wanted], "vmaf": True})
    made = plan(facts, spec, Capacity(2), PROBE)
    encoding = Place(source, tmp_path / "encode", program=Path(ffmpeg))
    told = decode(Encode, made.node("encode/0").options).run(encoding)
    judging = Place(source, tmp_path / "vmaf", program=Path(ffmpeg), made=encoding.output, told=told)
    scores = decode(Vmaf, made.node(f"vmaf/{codec}-{facts.video.height}").options).run(judging)
    assert scores["mean"] > 85
