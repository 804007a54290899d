"""Which colours players are told of, and which they get."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from tests.fixtures.clips import ClipMaker
from tests.media.ffmpeg_work import PROBE, Place
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.runner.decode import decode

_BT709, _BT2020 = 1, 9  # ITU-T H.273, table 4
_RED = (63, 102, 240)  # ITU-R BT.709, 3.4 and 3.5, in 8 bits
_WIDE_RED = (294, 387, 960)  # ITU-R BT.2020, table 4 and 5, in 10 bits


def _first_frames(ffmpeg: str, source: Path, folder: Path, *renditions: dict[str, Any]) -> Iterator[VideoFrame]:
    """Of each rendition of a source the first picture, as a player decodes it."""
    spec = MediaSpec.model_validate({"outputs": ["hls"], "renditions": renditions})
    made = plan(probe(source), spec, Capacity(2), PROBE)
    work = Place(source, folder, program=Path(ffmpeg))
    told = decode(Encode, made.node("encode/0").options).run(work)
    for track, facts in told["tracks"].items():
        files = ["init.mp4", *(f"{segment['number']}.m4s" for segment in facts["segments"])]
        whole = BytesIO(b"".join((work.output / track / name).read_bytes() for name in files))
        with av.open(whole, "r") as opened:
            yield next(opened.decode(video=0))


def _colour(frame: VideoFrame, kind: type[np.unsignedinteger[Any]]) -> tuple[int, ...]:
    return tuple(int(np.median(np.frombuffer(bytes(plane), kind))) for plane in frame.planes)


@pytest.mark.parametrize(("pixels", "coding"), [("gbrp", "ffv1"), ("bgra", "qtrle")])
def test_sources_in_red_green_and_blue_get_the_colours_that_are_told(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, pixels: str, coding: str
) -> None:
    red = ["-f", "lavfi", "-i", f"color=red:s=1280x720:r=25:d=1,format={pixels}", "-c:v", coding]
    source = clip(f"red-{pixels}", red, suffix=".mov" if coding == "qtrle" else ".mkv")
    for frame in _first_frames(ffmpeg, source, tmp_path / "encode", {"height": 720}, {"height": 360}):
        assert int(frame.colorspace) == _BT709
        assert _colour(frame, np.uint8) == pytest.approx(_RED, abs=2)


def test_red_green_and_blue_of_high_dynamic_range_get_the_colours_that_are_told(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path
) -> None:
    tags = "setparams=color_primaries=bt2020:colorspace=gbr:range=pc:color_trc=smpte2084"
    red = ["-f", "lavfi", "-i", f"color=red:s=640x360:r=25:d=1,format=gbrp10le,{tags}", "-c:v", "ffv1"]
    source = clip("red-hdr", red, suffix=".mkv")
    wide, narrow = _first_frames(ffmpeg, source, tmp_path / "encode", {"height": 360, "codec": "hevc"}, {"height": 360})
    assert (int(wide.colorspace), int(narrow.colorspace)) == (_BT2020, _BT709)
    assert _colour(wide, np.uint16) == pytest.approx(_WIDE_RED, abs=4)
