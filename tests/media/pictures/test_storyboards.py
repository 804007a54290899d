"""Storyboards and previews: every tile and every run shows what it says."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork, Pixels, Studio, nearest
from vidcompute.errors import VidComputeError
from vidcompute.media.highlights import animate
from vidcompute.media.sprites import interval_ms, web_vtt
from vidcompute.pipeline.stages.preview import Preview
from vidcompute.pipeline.stages.storyboard import Storyboard

_BARS = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=11", "-c:v", "libx264", "-pix_fmt", "yuv420p"]


def _tiles(work: LocalWork) -> tuple[dict[str, Any], list[Pixels]]:
    board: dict[str, Any] = json.loads((work.output / "storyboard.json").read_text())
    sheets = {name: Image.open(work.output / name) for name in {tile["sheet"] for tile in board["tiles"]}}
    pictures = []
    for tile in board["tiles"]:
        box = (tile["x"], tile["y"], tile["x"] + board["tile_width"], tile["y"] + board["tile_height"])
        pictures.append(np.asarray(sheets[tile["sheet"]].crop(box).convert("RGB"), dtype=np.float32))
    return board, pictures


@pytest.mark.parametrize(
    ("name", "gop", "expected"),
    [
        ("dense", "10", [20, 70, 120, 170, 220, 260]),  # the key frame nearest to the middle of each tile's time
        ("sparse", "80", [0, 80, 160, 160, 240, 240]),  # one that is an interval away is near enough
        ("far", "250", [0, 75, 125, 175, 250, 250]),  # none near: the picture in the middle
    ],
)
def test_tiles_show_a_picture_of_their_time(
    name: str, gop: str, expected: list[int], clip: ClipMaker, studio: Studio
) -> None:
    source = clip(f"storyboard-{name}", [*_BARS, "-g", gop, "-sc_threshold", "0"])
    facts, work = studio.run(Storyboard(), source)
    board, pictures = _tiles(work)
    frames = studio.frames(source, 160, 90)
    assert [tile["start_ms"] for tile in board["tiles"]] == [0, 2000, 4000, 6000, 8000, 10_000]
    assert [nearest(frames, picture) for picture in pictures] == expected
    assert (board["tile_width"], board["tile_height"], board["interval_ms"]) == (160, 90, 2000)
    assert (facts["tiles"], facts["sheets"]) == (6, 1)
    assert work.fractions[-1] == 1.0


def test_web_vtt_and_json_say_the_same(clip: ClipMaker, studio: Studio) -> None:
    facts, work = studio.run(Storyboard(), clip("storyboard-dense", [*_BARS, "-g", "10", "-sc_threshold", "0"]))
    board, _ = _tiles(work)
    text = (work.output / "storyboard.vtt").read_text()
    cues = re.findall(r"^(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$", text, re.MULTILINE)
    assert text.startswith("WEBVTT\n\n")
    assert [(sheet, int(x), int(y)) for _, _, sheet, x, y, _, _ in cues] == [
        (tile["sheet"], tile["x"], tile["y"]) for tile in board["tiles"]
    ]
    assert (cues[0][0], cues[0][1], cues[-1][1]) == ("00:00:00.000", "00:00:02.000", "00:00:11.000")
    assert facts["files"] == ["storyboard-0.jpg", "storyboard.json", "storyboard.vtt"]
    assert sorted(path.name for path in work.output.iterdir()) == sorted(facts["files"])


def test_a_long_video_fills_several_sheets(clip: ClipMaker, studio: Studio) -> None:
    arguments = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x36:r=1:d=1210",
        "-c:v",
        "libx264",
        "-g",
        "5",
        "-pix_fmt",
        "yuv420p",
    ]
    facts, work = studio.run(Storyboard(), clip("storyboard-long", arguments))
    board, pictures = _tiles(work)
    assert (facts["tiles"], facts["sheets"], facts["interval_ms"]) == (121, 2, 10_000)
    assert (board["tile_width"], board["tile_height"]) == (64, 36)  # nothing is enlarged
    assert board["tiles"][100] == {"start_ms": 1_000_000, "x": 0, "y": 0, "sheet": "storyboard-1.jpg"}
    assert Image.open(work.output / "storyboard-0.jpg").size == (640, 360)
    assert Image.open(work.output / "storyboard-1.jpg").size == (640, 108)
    assert len(pictures) == 121


def test_hours_are_written_out() -> None:
    tile = {"start_ms": 3_723_000, "x": 0, "y": 0, "sheet": "storyboard-0.jpg"}
    board = {"tile_width": 160, "tile_height": 90, "interval_ms": 10_000, "duration_ms": 3_730_500, "tiles": [tile]}
    assert "01:02:03.000 --> 01:02:10.500" in web_vtt(board)


@pytest.mark.parametrize(("seconds", "expected"), [("0.2", 2000), ("200", 2000), ("600", 6000), ("43200", 10_000)])
def test_intervals(seconds: str, expected: int) -> None:
    assert interval_ms(Fraction(seconds)) == expected


def test_a_storyboard_of_sound_is_refused(clip: ClipMaker, studio: Studio) -> None:
    with pytest.raises(VidComputeError) as caught:
        studio.run(Storyboard(), clip("none_aac_1s"))
    assert caught.value.code == "no_video"


def _animation(path: Path) -> list[Pixels]:
    picture = Image.open(path)
    frames = []
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        frames.append(np.asarray(picture.convert("RGB"), dtype=np.float32))
    return frames


def test_a_preview_takes_runs_from_all_over_a_long_video_and_none_of_black(clip: ClipMaker, studio: Studio) -> None:
    black = "color=black:s=128x72:r=25:d=8,format=yuv420p[a];testsrc2=s=128x72:r=25:d=32,format=yuv420p[b]"
    arguments = ["-filter_complex", f"{black};[a][b]concat", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50"]
    source = clip("preview-long", arguments)
    facts, work = studio.run(Preview(), source)
    shown = _animation(work.output / "preview.webp")
    assert len(facts["starts_ms"]) == 4  # of five parts the first is black
    assert all(8000 * n <= start < 8000 * (n + 1) for n, start in enumerate(facts["starts_ms"], 1))
    assert facts["frames"] == len(shown) == 48
    frames = studio.frames(source, 128, 72)
    for run, start_ms in enumerate(facts["starts_ms"]):
        assert nearest(frames, shown[12 * run]) == start_ms // 40
    assert min(frame.mean() for frame in shown) > 30


def test_a_short_video_is_shown_whole(clip: ClipMaker, studio: Studio) -> None:
    facts, work = studio.run(Preview(), clip("h264_none_180p25_3s"))
    assert (facts["frames"], facts["duration_ms"], facts["starts_ms"]) == (36, 3000, [0])
    assert len(_animation(work.output / "preview.webp")) == 36
    picture = Image.open(work.output / "preview.webp")
    picture.load()
    assert (picture.info["loop"], picture.info["duration"]) == (0, 83)


def test_a_single_frame_and_a_portrait(clip: ClipMaker, studio: Studio) -> None:
    arguments = ["-f", "lavfi", "-i", "testsrc2=s=180x400:r=25:d=0.04", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    facts, _ = studio.run(Preview(), clip("one-frame", arguments))
    assert (facts["width"], facts["height"], facts["frames"]) == (144, 320, 1)


def test_previews_stay_small_whatever_is_in_them() -> None:
    random = np.random.default_rng(4)
    noise = [Image.fromarray(random.integers(0, 255, (320, 320, 3), dtype=np.uint8)) for _ in range(60)]
    assert len(animate(noise[:12])) < len(animate(noise)) < 2_500_000
    assert len(animate(noise[:12])) > 300_000  # a short one keeps its quality
