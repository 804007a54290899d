"""The frames that come out are exactly those that were asked for, whatever the codec does with their order."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork, Studio, nearest
from vidcompute.pipeline.stages.frames import Frames

_WIDTH, _HEIGHT = 192, 108
_SOURCE = ["-f", "lavfi", "-i", f"testsrc2=size={_WIDTH}x{_HEIGHT}:rate=25:duration=4"]
_YUV = ["-pix_fmt", "yuv420p"]
_X264_OPEN = ["-c:v", "libx264", "-x264-params", "keyint=25:min-keyint=25:open-gop=1:scenecut=0:bframes=3", *_YUV]
_VARIABLE = "select='not(between(n,30,50))*not(mod(n,3)-1*gt(n,70))'"

_CLIPS = {
    "long-gop.mp4": ["-c:v", "libx264", "-preset", "medium", "-g", "250", *_YUV],
    "open-gop.mkv": _X264_OPEN,
    "open-gop.ts": _X264_OPEN,
    "refresh.mp4": ["-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=30", *_YUV],
    "hevc.mp4": ["-c:v", "libx265", "-x265-params", "keyint=25:log-level=0", "-pix_fmt", "yuv420p10le"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "40", *_YUV],
    "av1.mp4": ["-c:v", "libsvtav1", "-preset", "12", "-g", "40", *_YUV],
    "mpeg4.avi": ["-c:v", "mpeg4", "-bf", "2", "-g", "30", "-q:v", "3"],
    "h264.avi": ["-c:v", "libx264", "-bf", "3", "-g", "50", *_YUV],
    "mpeg2.mpg": ["-c:v", "mpeg2video", "-bf", "2", "-g", "15", "-q:v", "3"],
    "mjpeg.mov": ["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"],
    "variable.mp4": ["-vf", _VARIABLE, "-fps_mode", "vfr", "-c:v", "libx264", *_YUV],
}


def _read(work: LocalWork) -> tuple[list[dict[str, Any]], list[Any]]:
    """The entries of frames.json, and the pictures in their order."""
    with zipfile.ZipFile(work.output / "frames.zip") as opened:
        assert opened.testzip() is None
        listed = json.loads(opened.read("frames.json"))
        assert listed == json.loads((work.output / "frames.json").read_text())
        names = [info.filename for info in opened.infolist()]
        assert names == [*(entry["name"] for entry in listed["frames"]), "frames.json"]
        files = [opened.read(entry["name"]) for entry in listed["frames"]]
    for entry, data in zip(listed["frames"], files, strict=True):
        assert entry["size_bytes"] == len(data)
    pictures = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float32) for data in files]
    return listed["frames"], pictures


@pytest.mark.parametrize("name", sorted(_CLIPS))
def test_every_picture_is_the_frame_that_its_name_says(name: str, clip: ClipMaker, studio: Studio) -> None:
    stem, _, suffix = name.partition(".")
    source = clip(stem, [*_SOURCE, *_CLIPS[name]], suffix=f".{suffix}")
    frames = studio.frames(source, _WIDTH, _HEIGHT)
    choices = [
        Frames(pick="all", format="png"),
        Frames(pick="rate", rate=3.3, format="png"),
        Frames(pick="every", every=7, start=1.5, end=3.2, format="png"),
        Frames(pick="keyframes", format="png"),
        Frames(pick="times", times=(0.5, 1.02, 2.333, 3.6), format="png"),
    ]
    counts = {}
    for stage in choices:
        facts, work = studio.run(stage, source)
        entries, pictures = _read(work)
        assert [nearest(frames, picture) for picture in pictures] == [entry["index"] for entry in entries]
        assert work.fractions[-1] == 1.0
        assert facts["count"] == len(entries)
        counts[stage.pick] = len(entries)
    assert counts["all"] == len(frames)
    assert counts["rate"] == 14 or name.startswith("variable")
    assert counts["times"] == 4


def test_a_rate_takes_the_frame_that_is_on_screen(clip: ClipMaker, studio: Studio) -> None:
    source = clip("variable", [*_SOURCE, *_CLIPS["variable.mp4"]])
    entries, _ = _read(studio.run(Frames(pick="all"), source)[1])
    shown = [entry["time_ms"] for entry in entries]
    sampled, _ = _read(studio.run(Frames(pick="rate", rate=2), source)[1])
    expected = [max(t for t in shown if t <= at) for at in range(0, 4000, 500)]
    assert [entry["time_ms"] for entry in sampled] == list(dict.fromkeys(expected))


def test_a_source_cut_by_an_edit_list_begins_where_it_is_shown(clip: ClipMaker, studio: Studio) -> None:
    whole = clip("long-gop", [*_SOURCE, *_CLIPS["long-gop.mp4"]])
    source = clip("edited", ["-ss", "1.1", "-i", str(whole), "-c", "copy"])
    frames = studio.frames(source, _WIDTH, _HEIGHT)
    entries, pictures = _read(studio.run(Frames(pick="rate", rate=2, format="png"), source)[1])
    assert [nearest(frames, picture) for picture in pictures] == [entry["index"] for entry in entries]
    assert (entries[0]["index"], entries[0]["time_ms"]) == (0, 0)
    assert len(entries) == 6


def test_files_that_start_late_count_from_their_first_picture(clip: ClipMaker, studio: Studio) -> None:
    source = clip("open-gop", [*_SOURCE, *_X264_OPEN], suffix=".ts")
    work = studio.work(source)
    assert work.facts_json["video"]["start_pts"] > 0
    Frames(pick="times", times=(0.0, 1.0)).run(work)
    entries, _ = _read(work)
    assert [entry["name"] for entry in entries] == ["frame-000000-00000.000.jpg", "frame-000025-00001.000.jpg"]
