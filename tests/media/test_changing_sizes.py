"""Sources whose pictures change their size on the way: calls over a bad line, broadcasts between two programmes."""

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.e2e.numbered import numbers, picture
from tests.fixtures.clips import ClipMaker
from tests.media.ffmpeg_work import PROBE, Place
from vidcompute.media import timeline
from vidcompute.media.encode import cut
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.layout import layout
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.first_play import FirstPlay
from vidcompute.runner.decode import decode

# ffmpeg's MPEG-2 decoder loses the picture that it holds back when the size changes.
CODECS = {"libx264": list(range(60)), "mpeg2video": [*range(59), 58]}
SPEC = MediaSpec.model_validate({"outputs": ["hls"], "renditions": [{"height": 180, "quality": 20}]})
every_codec = pytest.mark.parametrize("codec", list(CODECS))


@pytest.fixture
def source(clip: ClipMaker, tmp_path: Path, codec: str) -> Path:
    coding = ["-c:v", codec, "-g", "30", "-b:v", "2M"]
    parts = [
        clip(f"sized-{size}-{codec}", [*picture(size, seconds="2"), *coding, "-output_ts_offset", start], suffix=".ts")
        for size, start in (("320x180", "1"), ("640x360", "3"))
    ]
    joined = tmp_path / "source.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    return joined


def _whole(folder: Path) -> BytesIO:
    segments = sorted(folder.glob("*.m4s"), key=lambda path: int(path.stem))
    return BytesIO(b"".join(path.read_bytes() for path in (folder / "init.mp4", *segments)))


def _numbers(folder: Path) -> list[int | None]:
    return numbers(_whole(folder))


@every_codec
def test_every_picture_is_there_once_when_their_size_changes(
    ffmpeg: str, source: Path, tmp_path: Path, codec: str
) -> None:
    made = plan(probe(source), SPEC, Capacity(2), PROBE)
    work = Place(source, tmp_path / "encode", program=Path(ffmpeg))
    told = decode(Encode, made.node("encode/0").options).run(work)
    assert bool(told["warnings"]) is (codec == "mpeg2video")
    assert _numbers(work.output / "h264-180") == [*CODECS[codec], *range(60)]


@every_codec
def test_who_watches_while_it_is_made_sees_every_picture_as_well(
    ffmpeg: str, source: Path, tmp_path: Path, codec: str
) -> None:
    facts = probe(source)
    laid = layout(facts, SPEC)
    assert facts.video is not None
    assert laid.timeline is not None
    stretch = timeline.stretch(laid.timeline, facts.video, 0, len(laid.timeline.segments))
    part = cut(laid.timeline, facts.video, facts.container, stretch)
    work = Place(source, tmp_path / "first", program=Path(ffmpeg))
    FirstPlay(part, laid.fast, False, laid.audio, 0, len(laid.timeline.segments), 0).run(work)
    assert laid.fast is not None
    assert _numbers(work.output / laid.fast.name) == [*CODECS[codec], *range(60)]


def _luma(source: Path | BytesIO) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    with av.open(source, "r") as opened:
        return [frame.to_ndarray(format="gray").astype(np.float32) for frame in opened.decode(video=0)]


def test_fields_are_not_mixed_where_their_size_changes(ffmpeg: str, clip: ClipMaker, tmp_path: Path) -> None:
    """Two pictures in one are taken apart before anything else: scaled as one they would both be seen."""
    fields = "tinterlace=interleave_top,setfield=tff"
    coding = ["-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1", "-g", "25", "-qp", "8"]
    source = tmp_path / "source.ts"
    with source.open("wb") as joined:
        for size, start in (("320x192", "1"), ("640x384", "3")):
            moving = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=50:d=2,scroll=h=0.01:v=0.013,format=yuv420p,{fields}"]
            joined.write(
                clip(f"fields-{size}", [*moving, *coding, "-output_ts_offset", start], suffix=".ts").read_bytes()
            )
    first_fields = "testsrc2=s=640x384:r=50:d=2,scroll=h=0.01:v=0.013,format=yuv420p,select='not(mod(n,2))'"
    shown = ["-f", "lavfi", "-i", f"{first_fields},scale=320:192:flags=bicubic", "-fps_mode", "passthrough"]
    expected = _luma(clip("fields-shown", [*shown, "-c:v", "ffv1"], suffix=".mkv"))
    spec = MediaSpec.model_validate({"outputs": ["hls"], "renditions": [{"height": 192, "quality": 8}]})
    facts = probe(source)
    assert facts.video is not None
    assert facts.video.interlaced
    made = plan(facts, spec, Capacity(2), PROBE)
    work = Place(source, tmp_path / "encode", program=Path(ffmpeg))
    decode(Encode, made.node("encode/0").options).run(work)
    pictures = _luma(_whole(work.output / "h264-192"))
    errors = [float(np.abs(a - b).mean()) for a, b in zip(pictures[-40:], expected[-40:], strict=True)]
    assert np.median(errors) < 3, errors
