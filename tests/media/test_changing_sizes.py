"""Sources whose pictures change their size on the way: calls over a bad line, broadcasts between two programmes."""

from io import BytesIO
from pathlib import Path

import pytest

from tests.e2e.numbered import numbers, picture
from tests.fixtures.clips import ClipMaker
from tests.media.test_vmaf import PROBE, Place
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.runner.decode import decode


# ffmpeg's MPEG-2 decoder loses the picture that it holds back when the size changes.
@pytest.mark.parametrize(("codec", "lost"), [("libx264", 0), ("mpeg2video", 1)])
def test_every_picture_is_there_once_when_their_size_changes(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, codec: str, lost: int
) -> None:
    coding = ["-c:v", codec, "-g", "30", "-b:v", "2M"]
    parts = [
        clip(f"sized-{size}-{codec}", [*picture(size, seconds="2"), *coding, "-output_ts_offset", start], suffix=".ts")
        for size, start in (("320x180", "1"), ("640x360", "3"))
    ]
    source = tmp_path / "source.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    spec = MediaSpec.model_validate({"outputs": ["hls"], "renditions": [{"height": 180, "quality": 20}]})
    made = plan(probe(source), spec, Capacity(2), PROBE)
    work = Place(source, tmp_path / "encode", program=Path(ffmpeg))
    told = decode(Encode, made.node("encode/0").options).run(work)
    assert len(told["warnings"]) == lost
    folder, segments = work.output / "h264-180", told["tracks"]["h264-180"]["segments"]
    files = ["init.mp4", *(f"{segment['number']}.m4s" for segment in segments)]
    assert numbers(BytesIO(b"".join((folder / name).read_bytes() for name in files))) == [
        *range(60 - lost),
        *[59 - lost] * lost,
        *range(60),
    ]
