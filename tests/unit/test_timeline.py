from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts import video_facts
from vidcompute.media import timeline
from vidcompute.media.facts import FramePoint, VideoFacts
from vidcompute.media.timeline import RateRule

RATES = [
    Fraction(24000, 1001),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(60),
    Fraction(1),
    Fraction(15, 2),
]


@st.composite
def steady_sources(draw: st.DrawFn) -> VideoFacts:
    return video_facts(
        frames=draw(st.integers(1, 20_000)),
        rate=draw(st.sampled_from(RATES)),
        time_base=draw(st.sampled_from([Fraction(1, 90_000), Fraction(1, 1000), Fraction(1, 15360)])),
        start_pts=draw(st.integers(-1000, 10**6)),
        keyframe_every=draw(st.integers(1, 600)),
    )


@st.composite
def variable_sources(draw: st.DrawFn) -> VideoFacts:
    steps = draw(st.lists(st.integers(5, 300), min_size=1, max_size=400))
    times = [0]
    for step in steps:
        times.append(times[-1] + step)
    frames, end = times[:-1], times[-1]
    grid: list[FramePoint] = []
    for index, pts in enumerate(frames):
        if not grid or pts // 2000 > grid[-1].pts // 2000:
            grid.append(FramePoint(index, pts))
    rate = Fraction(len(frames) * 1000, end)
    video = video_facts(frames=len(frames), rate=rate, time_base=Fraction(1, 1000), steady=False)
    return replace(video, end_pts=end, grid=tuple(grid), keyframes=(FramePoint(0, 0),), longest_gap_ms=max(steps))


@given(video=st.one_of(steady_sources(), variable_sources()))
def test_segments_cover_every_frame_once_and_in_order(video: VideoFacts) -> None:
    line = timeline.build(video)
    assert line.segments[0].first_frame == line.segments[0].start_ticks == 0
    for before, after in pairwise(line.segments):
        assert after.number == before.number + 1
        assert after.first_frame == before.first_frame + before.frames
        assert after.start_ticks > before.start_ticks
    assert sum(s.frames for s in line.segments) == line.frame_count
    assert all(gop > 0 for s in line.segments for gop in s.gops)


@given(video=st.one_of(steady_sources(), variable_sources()))
def test_segments_are_no_longer_than_a_player_may_expect(video: VideoFacts) -> None:
    line = timeline.build(video)
    edges = [Fraction(t, line.timescale) for t in line.boundaries()]
    assert all(b - a <= Fraction(13, 2) for a, b in pairwise(edges))


@given(video=steady_sources(), cores=st.integers(1, 64))
def test_chunks_partition_the_segments_and_begin_at_or_behind_a_key_frame(video: VideoFacts, cores: int) -> None:
    line = timeline.build(video)
    parts = timeline.chunks(line, video, cores)
    assert [s.number for part in parts for s in part.segments] == [s.number for s in line.segments]
    keys = {p.pts for p in video.keyframes}
    for before, after in pairwise(parts):
        assert before.end_pts == after.start_pts
    for part in parts:
        assert part.seek_pts in keys
        assert part.seek_pts <= part.segments[0].source_pts + int(1 / line.frame_rate / video.time_base / 2)
    assert parts[-1].end_pts is None


@given(video=steady_sources(), cores=st.integers(1, 8))
def test_each_source_frame_falls_into_the_chunk_that_counts_it(video: VideoFacts, cores: int) -> None:
    line = timeline.build(video)
    if line.rule is not RateRule.EVERY:
        return
    for part in timeline.chunks(line, video, cores):
        first = part.segments[0].first_frame
        end = first + sum(s.frames for s in part.segments)
        times = [video.start_pts + round(i / line.frame_rate / video.time_base) for i in range(first, end)]
        assert all(t >= part.start_pts for t in times)
        assert part.end_pts is None or all(t < part.end_pts for t in times)


def test_a_copy_is_cut_on_the_sources_key_frames() -> None:
    video = video_facts(keyframe_every=75)  # 2.5 s at 30 frames a second
    line = timeline.build(video, on_keyframes=True)
    assert [s.first_frame for s in line.segments][:3] == [0, 150, 300]
    assert line.segments[0].gops == (60, 60, 30)


@pytest.mark.parametrize(
    ("video", "rule", "rate"),
    [
        (video_facts(), RateRule.EVERY, Fraction(30)),
        (video_facts(rate=Fraction(120)), RateRule.CONSTANT, Fraction(60)),
        (video_facts(rate=Fraction(100)), RateRule.CONSTANT, Fraction(50)),
        (video_facts(steady=False), RateRule.VARIABLE, Fraction(30)),
        (video_facts(steady=False, longest_gap_ms=5000, rate=Fraction(7)), RateRule.CONSTANT, Fraction(30)),
        (video_facts(rate=Fraction(1, 5), longest_gap_ms=5000, frames=10), RateRule.CONSTANT, Fraction(5)),
    ],
)
def test_the_rate_is_constant_only_where_needed(video: VideoFacts, rule: RateRule, rate: Fraction) -> None:
    assert timeline.rate_rule(video) == (rule, rate)


def test_a_long_source_is_cut_into_chunks_of_about_a_minute() -> None:
    video = video_facts(frames=18_000)
    line = timeline.build(video)
    lengths = [sum(s.frames for s in part.segments) / 30 for part in timeline.chunks(line, video, 2)]
    assert all(50 <= length <= 66 for length in lengths[:-1])


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 6, 8])
def test_all_cores_have_as_much_to_do(cores: int) -> None:
    """Three minutes on two cores are four chunks, not three of which one core does two."""
    video = video_facts(frames=180 * 30)
    parts = timeline.chunks(timeline.build(video), video, cores)
    lengths = [sum(s.frames for s in part.segments) / 30 for part in parts]
    assert len(lengths) % cores == 0
    assert max(lengths) <= 75
    assert max(lengths) / min(lengths) < 1.6


def test_idle_cores_get_shorter_chunks() -> None:
    video = video_facts(frames=1800)
    assert len(timeline.chunks(timeline.build(video), video, 6)) >= 6


def test_players_are_told_of_the_highest_rate_and_not_of_the_mean() -> None:
    pictures = ((0, 0), (60, 180_000), (120, 360_000), (140, 540_000), (160, 720_000))
    video = replace(
        video_facts(frames=180, rate=Fraction(18), time_base=Fraction(1, 90_000), steady=False),
        grid=tuple(FramePoint(*point) for point in pictures),
        end_pts=900_000,
    )
    line = timeline.build(video)
    assert (line.rule, *map(int, (line.frame_rate, line.highest_rate))) == (RateRule.VARIABLE, 18, 30)
    assert timeline.build(video_facts(rate=Fraction(30000, 1001))).highest_rate == Fraction(30000, 1001)


def test_a_frame_behind_the_last_key_frame_is_no_rate() -> None:
    video = video_facts(frames=201, rate=Fraction(25), time_base=Fraction(1, 1000), steady=False)
    points = (FramePoint(0, 0), FramePoint(100, 4000), FramePoint(200, 8000))
    line = timeline.build(replace(video, grid=points, keyframes=points, end_pts=8001), on_keyframes=True)
    assert [segment.frames for segment in line.segments] == [100, 100, 1]
    assert line.highest_rate == 25
    alone = replace(video, frame_count=2, grid=points[:1], keyframes=points[:1], end_pts=100)
    assert timeline.build(alone).highest_rate == 20
