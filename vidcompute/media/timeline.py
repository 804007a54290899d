"""When each output frame is shown, and where segments and chunks are cut: decided once, from the probe alone.

Times of outputs count from 0 at the source's first picture, in ticks of 1/`timescale` seconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from vidcompute.media.facts import FramePoint, VideoFacts

GOP_S = Fraction(2)
SEGMENT_S = Fraction(4)
LONGEST_SEGMENT_S = Fraction(6)  # Apple's HLS Authoring Specification asks for about 6 s
FRAME_RATE_MAX = Fraction(60)
_LONGEST_KEPT_GAP_MS = 1000
_FILL_RATE = Fraction(30)
_SLOW_RATE = Fraction(5)
_VARIABLE_TIMESCALE = 90_000
_LEAST_RATED_S = Fraction(1, 2)  # shorter segments say nothing of the frame rate, where there are others
_CHUNK_S = Fraction(60)
_CHUNK_SLACK = Fraction(1, 4)  # by how much of it chunks are longer, rather than more
_CHUNK_S_MIN = Fraction(8)


class RateRule(StrEnum):
    """How source frames become output frames."""

    EVERY = "every"  # each source frame once, evenly spaced
    VARIABLE = "variable"  # each source frame once, at its own time
    CONSTANT = "constant"  # resampled to a constant rate: gaps are filled, what is too fast is thinned


@dataclass(frozen=True)
class Segment:
    """One segment: its first frame's number and time, and the frame counts of the GOPs in it.

    `source_pts` is its first frame's time in the source stream's own ticks (to the nearest tick).
    """

    number: int
    first_frame: int
    start_ticks: int
    source_pts: int
    gops: tuple[int, ...]

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return sum(self.gops)


@dataclass(frozen=True)
class Timeline:
    """All frames of the outputs of one source, and the segments that they are cut into."""

    rule: RateRule
    frame_rate: Fraction
    timescale: int
    frame_ticks: int  # 0 where frames keep times of their own
    frame_count: int
    end_ticks: int
    segments: tuple[Segment, ...]

    def boundaries(self) -> tuple[int, ...]:
        """The start of every segment and the end of the last, in ticks."""
        return (*(s.start_ticks for s in self.segments), self.end_ticks)

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return Fraction(self.end_ticks, self.timescale)

    @property
    def highest_rate(self) -> Fraction:
        """Frames a second of the segment that has the most: what players are to be told (RFC 8216bis, 4.4.6.2)."""
        if self.rule is not RateRule.VARIABLE:
            return self.frame_rate
        lengths = (end - start for start, end in pairwise(self.boundaries()))
        spans = [(segment.frames, ticks) for segment, ticks in zip(self.segments, lengths, strict=True)]
        # A frame or two behind the last key frame are no rate, however close they are.
        telling = [(frames, ticks) for frames, ticks in spans if ticks >= _LEAST_RATED_S * self.timescale] or spans
        rates = (Fraction(frames * self.timescale, max(1, ticks)) for frames, ticks in telling)
        return max(rates).limit_denominator(1001)


@dataclass(frozen=True)
class Chunk:
    """Some consecutive segments that one encode makes, of the frames with `start_pts <= pts < end_pts` of the source.

    `seek_pts` is the key frame where decoding has to begin. `end_pts` is None for the last chunk.
    """

    number: int
    segments: tuple[Segment, ...]
    seek_pts: int
    start_pts: int
    end_pts: int | None


def rate_rule(video: VideoFacts) -> tuple[RateRule, Fraction]:
    """How a source's frames are taken over and the rate that results; constant only where needed."""
    rate = video.frame_rate
    if video.longest_gap_ms > _LONGEST_KEPT_GAP_MS:
        return RateRule.CONSTANT, (
            max(rate, _SLOW_RATE) if video.steady else max(_FILL_RATE, min(rate, FRAME_RATE_MAX))
        )
    if rate > FRAME_RATE_MAX:
        return RateRule.CONSTANT, rate / -(-rate // FRAME_RATE_MAX)
    return (RateRule.EVERY if video.steady else RateRule.VARIABLE), rate


def build(video: VideoFacts, *, on_keyframes: bool = False) -> Timeline:
    """The timeline of a source. With `on_keyframes` segments begin on the source's own key frames (for a copy)."""
    rule, rate = rate_rule(video)
    if rule is RateRule.VARIABLE:
        return _variable(video, rate, _keyframe_cuts(video) if on_keyframes else _grid_cuts(video))
    scale = 1000 if rate.numerator < 1000 else 1
    timescale, frame_ticks = rate.numerator * scale, rate.denominator * scale
    count = video.frame_count if rule is RateRule.EVERY else max(1, round(video.duration * rate))
    if on_keyframes:
        cuts = [p.index for p in _keyframe_cuts(video)]
    else:
        gop = gop_frames(rate)
        cuts = [0, *range(gop, count, 2 * gop)]  # the first segment is one GOP: it is what a first viewer waits for
        if len(cuts) > 1 and count - cuts[-1] < rate / 2:  # no crumb at the end: the last segment takes it
            cuts.pop()
    gop, step = gop_frames(rate), 1 / rate / video.time_base
    segments = tuple(
        Segment(n, first, first * frame_ticks, video.start_pts + _rounded(first, step), _gops(end - first, gop))
        for n, (first, end) in enumerate(zip(cuts, [*cuts[1:], count], strict=True))
    )
    return Timeline(rule, rate, timescale, frame_ticks, count, count * frame_ticks, segments)


def _rounded(count: int, step: Fraction) -> int:
    """`round(count * step)`, without making a Fraction for each of thousands."""
    whole, rest = divmod(count * step.numerator, step.denominator)
    twice = 2 * rest - step.denominator
    return whole + (twice > 0 or (twice == 0 and whole % 2 == 1))


def gop_frames(rate: Fraction) -> int:
    """Frames in a GOP of about 2 s; at least one."""
    return max(1, round(rate * GOP_S))


def _gops(frames: int, longest: int) -> tuple[int, ...]:
    """`frames` split into GOPs of `longest` frames; a last crumb of under a quarter joins the one before."""
    whole, rest = divmod(frames, longest)
    if whole and rest and rest * 4 < longest:
        return (*(longest for _ in range(whole - 1)), longest + rest)
    return (*(longest for _ in range(whole)), *((rest,) if rest else ()))


def _grid_cuts(video: VideoFacts) -> list[FramePoint]:
    """Every second point of the 2 s grid, the last one dropped where less than half a second would follow."""
    cuts = [p for p in video.grid if _is_segment_point(p, video)]
    cuts = [p for i, p in enumerate(cuts) if i == 0 or p.index > cuts[i - 1].index]
    if len(cuts) > 1 and (video.end_pts - cuts[-1].pts) * video.time_base < Fraction(1, 2):
        cuts.pop()
    return cuts


def _is_segment_point(point: FramePoint, video: VideoFacts) -> bool:
    """Whether a grid point begins a segment: the first one is a GOP long, the others two."""
    second = video.time_base.denominator
    offset = (point.pts - video.start_pts) * video.time_base.numerator - int(GOP_S) * second
    return point.index == 0 or (offset >= 0 and offset % (int(SEGMENT_S) * second) < int(GOP_S) * second)


def _keyframe_cuts(video: VideoFacts) -> list[FramePoint]:
    """Key frames that begin segments: the first one at or behind 4 s, earlier where the next would make it over 6 s."""
    cuts = [video.keyframes[0]]
    points = [*video.keyframes[1:], FramePoint(video.frame_count, video.end_pts)]
    least, most = ceil(SEGMENT_S / video.time_base), floor(LONGEST_SEGMENT_S / video.time_base)
    for point, next_point in pairwise(points):
        start = cuts[-1].pts
        if point.pts - start >= least or next_point.pts - start > most:
            cuts.append(point)
    return cuts


def _variable(video: VideoFacts, rate: Fraction, cuts: list[FramePoint]) -> Timeline:
    scale = video.time_base * _VARIABLE_TIMESCALE

    def ticks(pts: int) -> int:
        return _rounded(pts - video.start_pts, scale)

    inner = sorted(p.index for p in video.grid)
    ends = [*(p.index for p in cuts[1:]), video.frame_count]
    segments = []
    for number, (cut, end) in enumerate(zip(cuts, ends, strict=True)):
        starts = [cut.index, *inner[bisect_right(inner, cut.index) : bisect_left(inner, end)]]
        gops = tuple(b - a for a, b in zip(starts, [*starts[1:], end], strict=True))
        segments.append(Segment(number, cut.index, ticks(cut.pts), cut.pts, gops))
    return Timeline(
        RateRule.VARIABLE, rate, _VARIABLE_TIMESCALE, 0, video.frame_count, ticks(video.end_pts), tuple(segments)
    )


def chunks(timeline: Timeline, video: VideoFacts, cores: int) -> tuple[Chunk, ...]:
    """The timeline cut into pieces of work: about a minute, and so that all cores have as many of them to do.

    A cut goes to the segment near the wanted place that begins soonest after a key frame of the source, since what
    lies between the two is decoded for nothing.
    """
    cores = max(1, cores)
    turns = max(1, ceil(timeline.duration / (_CHUNK_S * cores) - _CHUNK_SLACK))
    wanted = max(_CHUNK_S_MIN, timeline.duration / (turns * cores))
    ends_here = _chunk_rule(timeline, video, wanted)
    groups: list[list[Segment]] = [[]]
    for segment in timeline.segments:
        if groups[-1] and ends_here(groups[-1][0], segment):
            groups.append([])
        groups[-1].append(segment)
    last_s = Fraction(timeline.end_ticks - groups[-1][0].start_ticks, timeline.timescale)
    least = wanted / 2 if wanted > _CHUNK_S_MIN else wanted / 4  # where there are fewer chunks than cores, any helps
    if len(groups) > 1 and last_s < least:
        groups[-2].extend(groups.pop())
    starts = [first_pts(timeline, video, group[0]) for group in groups]
    return tuple(
        Chunk(n, tuple(group), seek_pts(timeline, video, group[0]), starts[n], _at(starts, n + 1))
        for n, group in enumerate(groups)
    )


def stretch(timeline: Timeline, video: VideoFacts, first: int, end: int) -> Chunk:
    """The segments `[first, end)` as one piece of work."""
    part = timeline.segments[first:end]
    following = timeline.segments[end] if end < len(timeline.segments) else None
    return Chunk(
        number=0,
        segments=part,
        seek_pts=seek_pts(timeline, video, part[0]),
        start_pts=first_pts(timeline, video, part[0]),
        end_pts=first_pts(timeline, video, following) if following else None,
    )


def _at(values: list[int], index: int) -> int | None:
    return values[index] if index < len(values) else None


def _chunk_rule(timeline: Timeline, video: VideoFacts, wanted: Fraction) -> Callable[[Segment, Segment], bool]:
    """Whether a chunk that begins with one segment ends before another one, as a function of the two."""
    scale = timeline.timescale
    enough = ceil((wanted - SEGMENT_S / 2) * scale)
    least = ceil(max(_CHUNK_S_MIN, wanted - 2 * SEGMENT_S) * scale)
    most_wasted = floor(Fraction(1, 2) / video.time_base)

    def ends_here(first: Segment, following: Segment) -> bool:
        ticks = following.start_ticks - first.start_ticks
        if ticks >= enough:
            return True
        return ticks >= least and following.source_pts - seek_pts(timeline, video, following) <= most_wasted

    return ends_here


def first_pts(timeline: Timeline, video: VideoFacts, segment: Segment) -> int:
    """The time stamp, in the stream's ticks, from which on source frames belong to this segment or a later one.

    Frames that are evenly spaced are told apart half a frame before the nominal time, because containers round.
    """
    return segment.source_pts - _guard(timeline, video)


def seek_pts(timeline: Timeline, video: VideoFacts, segment: Segment) -> int:
    """The last key frame of the source at or before this segment's first frame."""
    place = bisect_right(video.keyframes, segment.source_pts + _guard(timeline, video), key=lambda p: p.pts)
    return video.keyframes[max(0, place - 1)].pts


def _guard(timeline: Timeline, video: VideoFacts) -> int:
    if timeline.rule is RateRule.EVERY:
        return int(1 / timeline.frame_rate / video.time_base / 2)
    return 0
