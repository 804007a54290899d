from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts import video_facts
from vidcompute.media import ladder
from vidcompute.media.ladder import Wish


@pytest.mark.parametrize(
    ("short_side", "heights"),
    [
        (2160, [2160, 1440, 1080, 720, 480]),
        (1080, [1080, 720, 480]),
        (1000, [1000, 720, 480]),
        (720, [720, 480]),
        (480, [480, 360]),
        (240, [240]),
        (100, [100]),
        (1, [2]),
    ],
)
def test_default_heights_follow_the_source(short_side: int, heights: list[int]) -> None:
    assert ladder.default_heights(short_side) == heights


@given(width=st.integers(2, 8000), height=st.integers(2, 8000))
def test_nothing_is_upscaled_and_every_size_is_even(width: int, height: int) -> None:
    video = video_facts(width=width, height=height)
    rungs = ladder.rungs(video, Fraction(30), None)
    assert rungs
    for rung in rungs:
        assert rung.width_px % 2 == rung.height_px % 2 == 0
        assert rung.width_px <= width + 1
        assert rung.height_px <= height + 1


def test_a_portrait_source_is_keyed_on_its_short_side() -> None:
    rungs = ladder.rungs(video_facts(width=1080, height=1920), Fraction(30), None)
    assert [(r.name, r.width_px, r.height_px) for r in rungs] == [
        ("h264-1080", 1080, 1920),
        ("h264-720", 720, 1280),
        ("h264-480", 480, 854),
    ]


def test_wishes_above_the_source_come_down_to_it_once() -> None:
    wishes = (Wish(2160), Wish(1440), Wish(480, "av1", quality=30))
    rungs = ladder.rungs(video_facts(width=1280, height=720), Fraction(30), wishes)
    assert [(r.name, r.quality) for r in rungs] == [("h264-720", 23), ("av1-480", 30)]


def test_an_average_bitrate_replaces_quality() -> None:
    (rung,) = ladder.rungs(video_facts(), Fraction(30), (Wish(720, bitrate_bps=2_000_000),))
    assert (rung.quality, rung.bitrate_bps, rung.peak_bps) == (None, 2_000_000, 3_000_000)


def test_the_fast_rung_is_the_best_small_h264_one() -> None:
    rungs = ladder.rungs(video_facts(), Fraction(30), None)
    fast = ladder.fast_rung(rungs)
    assert fast is not None
    assert fast.name == "h264-480"


def test_of_wishes_that_come_to_one_size_the_nearest_says_how_it_is_made() -> None:
    wishes = (ladder.Wish(2160, bitrate_bps=20_000_000), ladder.Wish(1080, bitrate_bps=5_000_000), ladder.Wish(480))
    rungs = ladder.rungs(video_facts(), Fraction(30), wishes)
    assert [(rung.name, rung.bitrate_bps) for rung in rungs] == [("h264-1080", 5_000_000), ("h264-480", None)]
