"""Levels, and the names of what is written at them."""

from fractions import Fraction

import pytest

from vidcompute.media import levels


@pytest.mark.parametrize(
    ("codec", "width", "height", "rate", "level"),
    [
        ("h264", 1920, 1080, 30, 40),
        ("h264", 1920, 1080, 60, 42),
        ("h264", 1280, 720, 30, 31),
        ("h264", 854, 480, 30, 31),
        ("h264", 3840, 2160, 30, 51),
        ("hevc", 1920, 1080, 30, 120),
        ("hevc", 1280, 720, 30, 93),
        ("hevc", 3840, 2160, 60, 153),
        ("av1", 1920, 1080, 30, 8),
        ("av1", 1920, 1080, 60, 9),
        ("av1", 1280, 720, 30, 5),
    ],
)
def test_a_level_is_the_lowest_of_its_table_that_holds_the_picture(
    codec: str, width: int, height: int, rate: int, level: int
) -> None:
    assert levels.level(codec, width, height, Fraction(rate), 1_500_000) == level


@pytest.mark.parametrize(("codec", "level"), [("h264", 50), ("hevc", 150), ("av1", 12)])
def test_a_high_bitrate_wants_a_higher_level(codec: str, level: int) -> None:
    assert levels.level(codec, 1280, 720, Fraction(30), 25_000_000 if codec != "h264" else 100_000_000) == level


@pytest.mark.parametrize(("codec", "highest"), [("h264", 62), ("hevc", 186), ("av1", 18)])
def test_what_no_level_holds_gets_the_highest(codec: str, highest: int) -> None:
    assert levels.level(codec, 60_000, 60_000, Fraction(240), 10**12) == highest


@pytest.mark.parametrize(
    ("codec", "level", "hdr", "name"),
    [
        ("h264", 31, False, "avc1.64001f"),
        ("hevc", 93, False, "hvc1.1.6.L93.90"),
        ("hevc", 120, True, "hvc1.2.4.L120.90"),
        ("av1", 8, False, "av01.0.08M.08"),
        ("av1", 13, True, "av01.0.13M.10"),
    ],
)
def test_a_level_is_named_as_rfc_6381_says(codec: str, level: int, hdr: bool, name: str) -> None:
    assert levels.codec_string(codec, level, hdr=hdr) == name
