"""Which colours players are told of, and which they get."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from tests.fixtures.clips import ClipMaker
from tests.media.test_vmaf import PROBE, Place
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.runner.decode import decode

_BT709 = 1  # ITU-T H.273, table 4
_RED = (63, 102, 240)  # ITU-R BT.709, 3.4 and 3.5, in 8 bits


@pytest.mark.parametrize(("pixels", "coding"), [("gbrp", "ffv1"), ("bgra", "qtrle")])
def test_sources_in_red_green_and_blue_get_the_colours_that_are_told(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, pixels: str, coding: str
) -> None:
    red = ["-f", "lavfi", "-i", f"color=red:s=1280x720:r=25:d=1,format={pixels}", "-c:v", coding]
    source = clip(f"red-{pixels}", red, suffix=".mov" if coding == "qtrle" else ".mkv")
    spec = MediaSpec.model_validate({"outputs": ["hls"], "renditions": [{"height": 720}, {"height": 360}]})
    made = plan(probe(source), spec, Capacity(2), PROBE)
    work = Place(source, tmp_path / "encode", program=Path(ffmpeg))
    told = decode(Encode, made.node("encode/0").options).run(work)
    for track, facts in told["tracks"].items():
        files = ["init.mp4", *(f"{segment['number']}.m4s" for segment in facts["segments"])]
        whole = BytesIO(b"".join((work.output / track / name).read_bytes() for name in files))
        with av.open(whole, "r") as opened:
            frame = next(opened.decode(video=0))
        assert int(frame.colorspace) == _BT709
        seen = tuple(int(np.median(np.frombuffer(bytes(plane), np.uint8))) for plane in frame.planes)
        assert seen == pytest.approx(_RED, abs=2)
