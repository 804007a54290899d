"""Finds hard cuts in a row of pictures.

Method: each picture, as 64 x 36 of luma, is predicted from the one before by moving blocks, as an encoder would, and
the error is set against what the blocks cost without any picture before them. That is x264's test for a scene cut
(`scenecut_internal` in encoder/slicetype.c: inter cost against intra cost). Motion, however fast, is predicted; a
cut is not. Where luma goes on, the same is asked of the colours: a cut may be between pictures that differ in nothing
else. More tests hold off what also breaks the prediction:

- a fade or a dissolve breaks it for many pictures in a row, a cut for one: the error must stand out from its
  neighbours' (an adaptive threshold, after Yusoff, Christmas and Kittler, "Video Shot Cut Detection Using Adaptive
  Thresholding", BMVC 2000), and its change must not go on the same way, as it does from the first step of a fade on;
- after a flash the picture from before it comes back: a cut must not be bridged by pictures up to 0.3 s apart.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from vidcompute.media.decode import Picture

Luma = np.ndarray[Any, np.dtype[np.int16]]
Planes = np.ndarray[Any, np.dtype[np.int16]]  # one behind the other
Errors = np.ndarray[Any, np.dtype[np.float64]]
Step = np.ndarray[Any, np.dtype[np.float32]]

THRESHOLD = 0.9
"""Prediction error over the picture's own cost. On real and generated clips cuts measure 1.3 and more, fast pans and
dissolves 0.72 and less."""

_WIDTH, _HEIGHT = 64, 36
_BLOCK_WIDTH, _BLOCK_HEIGHT = 8, 6  # smaller ones find something alike in any picture with texture
_BLOCKS = (_HEIGHT // _BLOCK_HEIGHT, _BLOCK_HEIGHT, _WIDTH // _BLOCK_WIDTH, _BLOCK_WIDTH)
_REACH = 4  # pixels that a block may have moved: a sixteenth of the picture's width, from one picture to the next
_FAR_REACH = 7
_LEAST_ERROR = 3.0  # of 255: below, nothing to be seen has changed
_LEAST_COLOUR_ERROR = 8.0  # of 2 x 255: coders are free with colours, and change them a little with each key frame
_COLOUR_BLOCKS = 0.6  # of all: a thing of one colour that passes by quickly changes fewer
# What is textured in luma has its colours move with it, and what moves beyond the reach of blocks is no cut.
_LUMA_SHARE = 0.5
_COMES_BACK = 0.25  # of the jump's error: plain pictures of one tone are near to each other, but not so near
_STANDS_OUT = 2.0  # times the median of the neighbours' errors
_NEIGHBOURS = 3
_SAME_WAY = 0.6  # cosine between two steps that belong to one fade, whatever else moves
_SAME_LENGTH = 0.5
_FLASH_S = 0.3
_SHORTEST_SHOT_S = 0.15  # of two cuts closer than this the first is a flash, or a torn picture, on top of the other


@dataclass(frozen=True)
class Small:
    """A picture's time, its luma and its two planes of colour, reduced; None where there is no colour."""

    pts: int
    luma: Luma
    colour: Planes | None = None


class Reducer:
    """Reduces frames of one stream to what cuts are found by."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def reduce(self, frame: VideoFrame) -> tuple[Luma, Planes]:
        """Luma, `_HEIGHT` rows of `_WIDTH` values from 0 to 255, and two such planes of colour (128: none)."""
        small = self._scaler.reformat(
            frame,
            _WIDTH,
            _HEIGHT,
            "yuv444p",
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
            threads=1,
        )
        luma, *colour = map(_values, small.planes)
        return luma, np.stack(colour)


def _values(plane: VideoPlane) -> Luma:
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[:_HEIGHT, :_WIDTH].astype(np.int16)


def reduced(pictures: Iterable[Picture]) -> Iterator[Small]:
    """The pictures of one stream, reduced."""
    reducer = Reducer()
    for picture in pictures:
        yield Small(picture.pts, *reducer.reduce(picture.frame))


def cuts(pictures: Iterable[Small], frame_rate: Fraction, threshold: float = THRESHOLD) -> Iterator[int]:
    """The times of the first pictures of new scenes, in order; the very first picture is none.

    `pictures` are all that are shown, in order, at about `frame_rate` a second. A lower `threshold` finds more.
    """
    reach = max(_NEIGHBOURS, ceil(_FLASH_S * frame_rate))
    shortest = max(1, round(_SHORTEST_SHOT_S * frame_rate))
    held: tuple[int, int] | None = None  # number and time of a cut that another may still replace
    for number, pts in _candidates(pictures, reach, threshold):
        if held is not None and number - held[0] >= shortest:
            yield held[1]
        held = (number, pts)
    if held is not None:
        yield held[1]


def _candidates(pictures: Iterable[Small], reach: int, threshold: float) -> Iterator[tuple[int, int]]:
    window: deque[Small] = deque(maxlen=2 * reach + 1)
    read = 0
    for small in pictures:
        window.append(small)
        read += 1
        at = len(window) - 1 - reach
        if at >= 1 and _is_cut(window, at, reach, threshold):
            yield read - 1 - reach, window[at].pts
    for at in range(max(1, len(window) - reach), len(window)):
        if _is_cut(window, at, reach, threshold):
            yield read - len(window) + at, window[at].pts


@dataclass(frozen=True)
class _View:
    """One view of a window's pictures: as planes to be predicted, and what an error in them is set against.

    An error of less than `least`, or in a smaller share of the blocks than `blocks`, is none.
    """

    planes: Sequence[Planes]
    own_costs: Callable[[int], float]
    least: float
    blocks: float


def _is_cut(window: deque[Small], at: int, reach: int, threshold: float) -> bool:
    return any(_breaks(view, at, reach, threshold) for view in _views(window))


def _views(window: deque[Small]) -> Iterator[_View]:
    lumas = [small.luma[np.newaxis] for small in window]
    yield _View(lumas, lambda number: _own_cost(lumas[number]), _LEAST_ERROR, 0)
    colours = [small.colour for small in window if small.colour is not None]
    if len(colours) == len(lumas):

        def own_cost(number: int) -> float:
            return _own_cost(colours[number]) + _LUMA_SHARE * _own_cost(lumas[number])

        yield _View(colours, own_cost, _LEAST_COLOUR_ERROR, _COLOUR_BLOCKS)


def _breaks(view: _View, at: int, reach: int, threshold: float) -> bool:
    """Whether the picture `at` can't be told by those before it, and those behind it neither."""
    before, after = view.planes[at - 1], view.planes[at]
    if float(np.abs(after - before).sum(axis=0).mean()) < view.least:
        return False
    errors = _block_errors(before, after, _REACH)
    error = float(errors.mean())
    if error < view.least or error < threshold * view.own_costs(at):
        return False
    if float((errors >= view.least).mean()) < view.blocks or _goes_on(view.planes, at):
        return False
    places = (p for p in range(at - _NEIGHBOURS, at + _NEIGHBOURS + 1) if p != at and 1 <= p < len(view.planes))
    near = [_error(view.planes[p - 1], view.planes[p], _REACH) for p in places]
    if near and error < _STANDS_OUT * float(np.median(near)):
        return False
    return not _bridged(view, at, reach, threshold, min(view.least, error * _COMES_BACK))


def _goes_on(planes: Sequence[Planes], at: int) -> bool:
    """Whether the step to the picture `at` is one of three in a row that change the same things the same way.

    Two may be a cut: where frame rates were converted, it has a picture that is half of each side.
    """
    step = _step(planes, at)
    alike = [1 <= p < len(planes) and _is_alike(step, _step(planes, p)) for p in (at - 2, at - 1, at + 1, at + 2)]
    return any(alike[n] and alike[n + 1] for n in range(3))


def _step(planes: Sequence[Planes], at: int) -> Step:
    return (planes[at] - planes[at - 1]).astype(np.float32).ravel()


def _is_alike(step: Step, other: Step) -> bool:
    product = float(step @ other)
    length, other_length = float(np.linalg.norm(step)), float(np.linalg.norm(other))
    return product > _SAME_LENGTH * length * length and product > _SAME_WAY * length * other_length


def _bridged(view: _View, at: int, reach: int, threshold: float, least: float) -> bool:
    """Whether a picture after `at` can be predicted from the one before it, or `at` from one before that.

    An error below `least` is a prediction, however plain the picture.
    """
    later = range(at + 1, min(len(view.planes), at + reach + 1))
    earlier = range(max(0, at - 1 - reach), at - 1)
    pairs = [*((at - 1, p) for p in later), *((p, at) for p in earlier)]
    for first, second in pairs:
        error = _error(view.planes[first], view.planes[second], _FAR_REACH)
        if error < max(least, threshold * view.own_costs(second)):
            return True
    return False


def _error(before: Planes, after: Planes, reach: int) -> float:
    """Mean absolute error a pixel when each block of `after` is the best of the blocks of `before` around its place.

    The planes of a picture move together, and their errors are added up.
    """
    return float(_block_errors(before, after, reach).mean())


def _block_errors(before: Planes, after: Planes, reach: int) -> Errors:
    """The same of each block."""
    padded = np.pad(before, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    moved = np.lib.stride_tricks.sliding_window_view(padded, (_HEIGHT, _WIDTH), axis=(1, 2))
    blocks = np.abs(moved - after[:, np.newaxis, np.newaxis]).reshape(len(after), -1, *_BLOCKS)
    best: Errors = blocks.sum(axis=(0, 3, 5), dtype=np.int32).min(axis=0) / (_BLOCK_HEIGHT * _BLOCK_WIDTH)
    return best


def _own_cost(planes: Planes) -> float:
    """Mean absolute difference of the pixels from their block's mean: what a picture costs without one before it."""
    blocks = planes.reshape(-1, *_BLOCKS)
    return float(np.abs(blocks - blocks.mean(axis=(2, 4), keepdims=True)).mean()) * len(planes)
