"""From the times of packets to the frames that a viewer is shown: pure arithmetic, no libav*.

Times are ticks of the stream's time base in int64 arrays. "Decode order" is the order in the file.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from vidcompute.media.facts import FramePoint

Ticks = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

GRID_S = 2
_MOST_GRID_POINTS = 500_000  # twelve days: longer ones are refused elsewhere, and must not cost memory before
HOLE = Fraction(20, 1000)  # seconds between sound packets that can be heard
RESTART_S = 10  # a clock that goes back by more than any reordering of frames explains

STANDARD_RATES = (
    *(Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(48000, 1001)),
    *(Fraction(48), Fraction(50), Fraction(60000, 1001), Fraction(60), Fraction(15000, 1001), Fraction(15)),
    *(Fraction(12000, 1001), Fraction(12), Fraction(12.5), Fraction(10), Fraction(20), Fraction(90), Fraction(100)),
    *(Fraction(120000, 1001), Fraction(120), Fraction(144), Fraction(200), Fraction(240000, 1001), Fraction(240)),
)


@dataclass(frozen=True)
class Timeline:
    """The presented frames of one stream. `nominal_rate` is one over the median step: what most of it runs at."""

    start_pts: int
    end_pts: int
    frame_count: int
    frame_rate: Fraction
    nominal_rate: Fraction
    steady: bool
    longest_gap: tuple[int, int]  # from and to, in ticks
    grid: tuple[FramePoint, ...]
    keyframes: tuple[FramePoint, ...]


def build(times: Ticks, key_times: Ticks, last_duration: int, time_base: Fraction, fallback_rate: Fraction) -> Timeline:
    """The timeline of frames that are shown at `times` (rising, distinct, at least one).

    `key_times` are those of random access points; `last_duration` is the last frame's own, 0 where it is unknown;
    `fallback_rate` serves a single frame without a duration.
    """
    count = len(times)
    start, last = int(times[0]), int(times[-1])
    rate = even_rate(times, time_base)
    steady = rate is not None
    if count == 1:
        end = start + (last_duration or max(round(1 / (fallback_rate * time_base)), 1))
        rate = nominal = _snapped(1 / ((end - start) * time_base))
    else:
        steps = np.diff(times)
        median = max(int(np.median(steps)), 1)
        nominal = rate or 1 / (median * time_base)
        end = _end(start, last, count, last_duration, median if rate is None else 1 / (rate * time_base))
        rate = rate or _snapped(count / ((end - start) * time_base))
    return Timeline(
        start_pts=start,
        end_pts=end,
        frame_count=count,
        frame_rate=rate,
        nominal_rate=nominal,
        steady=steady,
        longest_gap=_longest_gap(times, end),
        grid=_points(times, _grid_indexes(times, end, time_base)),
        keyframes=_points(times, _key_indexes(times, key_times)),
    )


def _end(start: int, last: int, count: int, last_duration: int, step: Fraction | int) -> int:
    """Where the last frame ends: after its own duration where it is held longer, else after one step."""
    if last_duration > step * Fraction(3, 2) + 2:
        return last + last_duration
    return max(start + round(count * step), last + 1) if isinstance(step, Fraction) else last + (last_duration or step)


def even_rate(times: Ticks, time_base: Fraction) -> Fraction | None:
    """The rate of frames that are evenly spaced but for rounding to whole ticks; None where they are not."""
    count = len(times)
    if count == 1:
        return Fraction(1)
    relative = (times - times[0]).astype(np.float64)
    mean = Fraction(int(times[-1] - times[0]), count - 1)
    raw = 1 / (mean * time_base)
    candidates = [r for r in STANDARD_RATES if abs(1 / (r * time_base) - mean) * (count - 1) <= 2]
    candidates.sort(key=lambda rate: abs(rate - raw))
    for rate in (*candidates, _simple(raw, raw / ((count - 1) * max(mean, Fraction(1)))), raw):
        error = relative - np.arange(count, dtype=np.float64) * float(1 / (rate * time_base))
        if float(np.ptp(error)) <= 1.01:
            return rate
    return None


def _simple(value: Fraction, tolerance: Fraction) -> Fraction:
    """A fraction with a small denominator within `tolerance` of `value`, if there is one; else a close one."""
    for denominator in (1, 2, 3, 4, 5, 1001):
        near = Fraction(round(value * denominator), denominator)
        if near > 0 and abs(near - value) <= tolerance:
            return near
    return value


def _snapped(rate: Fraction) -> Fraction:
    """A mean rate as the standard rate that it is nearest to, when it is within 0.02 %, else as a plain fraction."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 5000:
        return nearest
    plain = rate.limit_denominator(1001)
    return plain if plain > 0 else rate


def _longest_gap(times: Ticks, end: int) -> tuple[int, int]:
    steps = np.diff(times, append=end)
    at = int(np.argmax(steps))
    return int(times[at]), int(times[at] + steps[at])


def _grid_indexes(times: Ticks, end: int, time_base: Fraction) -> Ticks:
    """The frames at or after every 2 s; a frame that stands for longer is listed once."""
    ticks = GRID_S / time_base
    wanted = (end - int(times[0])) // ticks + 1
    targets = np.arange(min(wanted, _MOST_GRID_POINTS), dtype=np.int64)
    targets = int(times[0]) - (-(targets * ticks.numerator) // ticks.denominator)
    found = np.unique(np.searchsorted(times, targets))
    return found[found < len(times)].astype(np.int64)


def _key_indexes(times: Ticks, key_times: Ticks) -> Ticks:
    found = np.unique(np.searchsorted(times, key_times[key_times >= times[0]]))
    found = found[found < len(times)]
    return np.union1d(found, np.zeros(1, dtype=np.int64)).astype(np.int64)


def _points(times: Ticks, indexes: Ticks) -> tuple[FramePoint, ...]:
    return tuple(map(FramePoint, indexes.tolist(), times[indexes].tolist()))


def distinct(pts: Ticks) -> Ticks:
    """The different times, rising. (NumPy's own `unique` hashes, and is slower on what is nearly sorted.)"""
    rising = np.sort(pts, kind="stable")
    return rising[np.diff(rising, prepend=rising[:1] - 1) > 0]


def leading_pictures(pts: Ticks, keys: Flags) -> Flags:
    """For packets in decode order: which key packets have pictures after them that are shown before them."""
    later = np.append(np.minimum.accumulate(pts[::-1])[::-1][1:], np.iinfo(np.int64).max)
    led: Flags = keys & (later < pts)
    return led


def goes_back(pts: Ticks, time_base: Fraction) -> int:
    """The index of the first packet in decode order whose time is far behind what came before; -1 where none is."""
    behind = np.maximum.accumulate(pts) - pts > int(RESTART_S / time_base)
    return int(np.argmax(behind)) if bool(behind.any()) else -1


def has_holes(pts: Ticks, durations: Ticks, time_base: Fraction) -> bool:
    """Whether sound packets, in order, leave a hole of over 20 ms between one's end and the next one's start."""
    if len(pts) < 2:
        return False
    steps = np.diff(pts)
    lengths = np.where(durations[:-1] > 0, durations[:-1], int(np.median(steps)))
    return bool((steps - lengths > float(HOLE / time_base)).any())
