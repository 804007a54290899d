"""The timeline's arithmetic, over made-up packet times."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.media.probe import timeline

_RATES = st.sampled_from(timeline.STANDARD_RATES)
_BASES = st.sampled_from(
    [Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 600), Fraction(1, 12800), Fraction(1, 10**9)]
)
_COUNTS = st.integers(min_value=2, max_value=400)
_STARTS = st.integers(min_value=-(10**9), max_value=10**12)
_ROUNDINGS = st.sampled_from(["down", "near"])


def _even(rate: Fraction, base: Fraction, count: int, start: int, rounding: str) -> timeline.Ticks:
    step = 1 / (rate * base)
    half = Fraction(1, 2) if rounding == "near" else 0
    return np.array([start + int(n * step + half) for n in range(count)], dtype=np.int64)


@given(_RATES, _BASES, _COUNTS, _STARTS, _ROUNDINGS)
def test_a_standard_rate_is_found_through_rounding(
    rate: Fraction, base: Fraction, count: int, start: int, rounding: str
) -> None:
    if 1 / (rate * base) < 4:  # ticks so coarse that rates can't be told apart
        return
    times = _even(rate, base, count, start, rounding)
    found = timeline.even_rate(times, base)
    assert found is not None
    # The times themselves are all that is known: another standard rate may fit a short clip in coarse ticks as well.
    assert abs(1 / found - 1 / rate) * (count - 1) <= 3 * base
    built = timeline.build(times, times[:1], 0, base, Fraction(25))
    assert built.steady
    assert built.frame_count == count
    assert abs((built.end_pts - built.start_pts) * base - count / rate) <= 3 * base


@given(_COUNTS, st.integers(min_value=0, max_value=399), st.integers(min_value=90, max_value=9000))
def test_one_late_frame_makes_it_unsteady(count: int, at: int, delay: int) -> None:
    times = _even(Fraction(25), Fraction(1, 90000), count + 3, 0, "near")
    times[1 + at % count + 1 :] += delay
    built = timeline.build(times, times[:1], 3600, Fraction(1, 90000), Fraction(25))
    assert not built.steady
    assert built.nominal_rate == 25 or count < 4
    since, until = built.longest_gap
    assert until - since == 3600 + delay


@given(st.lists(st.integers(min_value=1, max_value=500_000), min_size=1, max_size=80), st.data())
def test_grid_and_keyframes_are_frames(steps: list[int], data: st.DataObject) -> None:
    base = Fraction(1, 90000)
    times = np.cumsum(np.array([0, *steps], dtype=np.int64))
    keys = np.array(sorted(data.draw(st.sets(st.sampled_from(times.tolist())))), dtype=np.int64)
    built = timeline.build(times, keys, 0, base, Fraction(25))
    assert {point.pts for point in built.keyframes} == set(keys.tolist()) | {0}
    expected = []
    for target in range(0, built.end_pts + 1, 2 * 90000):
        at = int(np.searchsorted(times, target))
        if at < len(times) and at not in expected:
            expected.append(at)
    assert [point.index for point in built.grid] == expected
    assert all(times[point.index] == point.pts for point in (*built.grid, *built.keyframes))


@given(st.lists(st.integers(min_value=0, max_value=50), max_size=60))
def test_distinct_is_what_a_set_would_give(values: list[int]) -> None:
    assert timeline.distinct(np.array(values, dtype=np.int64)).tolist() == sorted(set(values))


def test_a_single_frame_lasts_as_long_as_it_says_or_as_the_rate_says() -> None:
    one = np.array([90], dtype=np.int64)
    assert timeline.build(one, one, 450, Fraction(1, 90), Fraction(25)).end_pts == 540
    assert timeline.build(one, one, 0, Fraction(1, 1000), Fraction(25)).end_pts == 130


def test_pictures_that_follow_a_key_and_are_shown_before_it_are_seen() -> None:
    pts = np.array([0, 3, 1, 2, 6, 4, 5, 7], dtype=np.int64)
    keys = np.array([1, 0, 0, 0, 1, 0, 0, 1], dtype=np.bool_)
    assert timeline.leading_pictures(pts, keys).tolist() == [False, False, False, False, True, False, False, False]


def test_a_clock_that_goes_back_is_seen_and_reordering_is_not() -> None:
    base = Fraction(1, 10)
    assert timeline.goes_back(np.array([0, 30, 10, 20, 60, 40], dtype=np.int64), base) == -1
    assert timeline.goes_back(np.array([0, 10, 200, 5], dtype=np.int64), base) == 3


def test_a_hole_in_sound_is_more_than_20_ms() -> None:
    pts, lasting = np.array([0, 1000, 2015, 3000], dtype=np.int64), np.full(4, 1000, dtype=np.int64)
    assert not timeline.has_holes(pts, lasting, Fraction(1, 1000))
    pts[2:] += 10
    assert timeline.has_holes(pts, lasting, Fraction(1, 1000))


def test_a_far_last_frame_costs_no_memory() -> None:
    times = np.array([0, 40, 2**55], dtype=np.int64)
    built = timeline.build(times, times[:1], 40, Fraction(1, 1000), Fraction(25))
    assert len(built.grid) <= 3
