"""The clip maker makes what the name says, once."""

from pathlib import Path

import av
import pytest

from tests.fixtures.clips import ClipMaker


@pytest.mark.parametrize("name", ["h264_aac_240p30_1s", "hevc_opus_120p25_1s", "vp9_none_120p24_1s", "none_mp3_1s"])
def test_a_clip_is_what_its_name_says(clip: ClipMaker, name: str) -> None:
    video, audio = name.split("_")[:2]
    with av.open(str(clip(name))) as container:
        codecs = {stream.type: stream.codec_context.name for stream in container.streams}
        assert container.duration == pytest.approx(1_000_000, rel=0.1)
    assert ("video" in codecs) == (video != "none")
    assert ("audio" in codecs) == (audio != "none")


def test_a_clip_is_made_once_and_own_arguments_are_taken(ffmpeg: str, tmp_path: Path) -> None:
    maker = ClipMaker(ffmpeg, tmp_path / "clips")
    arguments = ["-f", "lavfi", "-i", "color=red:size=64x64:rate=5:duration=1", "-c:v", "mjpeg"]
    first = maker("red", arguments, suffix=".avi")
    made = first.stat().st_mtime_ns
    assert maker("red", arguments, suffix=".avi").stat().st_mtime_ns == made
    assert maker("red", [*arguments, "-q:v", "9"], suffix=".avi") != first
    with pytest.raises(RuntimeError, match="could not make"):
        maker("bad", ["-i", "/nowhere.mp4"])
