"""Finds hard cuts in a row of pictures.

Method: each picture, as 64 x 36 of luma, is predicted from the one before by moving blocks, as an encoder would, and
the error is set against what the blocks cost without any picture before them. That is x264's test for a scene cut
(`scenecut_internal` in encoder/slicetype.c: inter cost against intra cost). Motion, however fast, is predicted; a
cut is not. Two more tests hold off what also breaks the prediction:

- a fade or a dissolve breaks it for many pictures in a row, a cut for one: the error must stand out from its
  neighbours' (an adaptive threshold, after Yusoff, Christmas and Kittler, "Video Shot Cut Detection Using Adaptive
  Thresholding", BMVC 2000);
- after a flash the picture from before it comes back: a cut must not be bridged by pictures up to 0.3 s apart.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from vidcompute.media.decode import Picture

Luma = np.ndarray[Any, np.dtype[np.int16]]

THRESHOLD = 0.9
"""Prediction error over the picture's own cost. On real and generated clips cuts measure 1.3 and more, fast pans and
dissolves 0.72 and less."""

_WIDTH, _HEIGHT = 64, 36
_BLOCK_WIDTH, _BLOCK_HEIGHT = 8, 6  # smaller ones find something alike in any picture with texture
_BLOCKS = (_HEIGHT // _BLOCK_HEIGHT, _BLOCK_HEIGHT, _WIDTH // _BLOCK_WIDTH, _BLOCK_WIDTH)
_REACH = 4  # pixels that a block may have moved: a sixteenth of the picture's width, from one picture to the next
_FAR_REACH = 7
_LEAST_ERROR = 3.0  # of 255: below, nothing to be seen has changed
_COMES_BACK = 0.25  # of the jump's error: plain pictures of one tone are near to each other, but not so near
_STANDS_OUT = 2.0  # times the median of the neighbours' errors
_NEIGHBOURS = 3
_FLASH_S = 0.3
_SHORTEST_SHOT_S = 0.15  # of two cuts closer than this the first is a flash, or a torn picture, on top of the other


@dataclass(frozen=True)
class Small:
    """A picture's time and its luma, reduced."""

    pts: int
    luma: Luma


class Reducer:
    """Reduces frames of one stream to what cuts are found by."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def reduce(self, frame: VideoFrame) -> Luma:
        """Luma, `_HEIGHT` rows of `_WIDTH` values from 0 to 255."""
        grey = self._scaler.reformat(
            frame,
            _WIDTH,
            _HEIGHT,
            "gray",
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
            threads=1,
        )
        plane = grey.planes[0]
        rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
        return rows[:_HEIGHT, :_WIDTH].astype(np.int16)


def reduced(pictures: Iterable[Picture]) -> Iterator[Small]:
    """The pictures of one stream, reduced."""
    reducer = Reducer()
    for picture in pictures:
        yield Small(picture.pts, reducer.reduce(picture.frame))


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


def _is_cut(window: deque[Small], at: int, reach: int, threshold: float) -> bool:
    before, after = window[at - 1].luma, window[at].luma
    if float(np.abs(after - before).mean()) < _LEAST_ERROR:
        return False
    error = _error(before, after, _REACH)
    if error < _LEAST_ERROR or error < threshold * _own_cost(after):
        return False
    places = (p for p in range(at - _NEIGHBOURS, at + _NEIGHBOURS + 1) if p != at and 1 <= p < len(window))
    near = [_error(window[p - 1].luma, window[p].luma, _REACH) for p in places]
    if near and error < _STANDS_OUT * float(np.median(near)):
        return False
    return not _bridged(window, at, reach, threshold, min(_LEAST_ERROR, error * _COMES_BACK))


def _bridged(window: deque[Small], at: int, reach: int, threshold: float, least: float) -> bool:
    """Whether a picture after `at` can be predicted from the one before it, or `at` from one before that.

    An error below `least` is a prediction, however plain the picture.
    """
    later = range(at + 1, min(len(window), at + reach + 1))
    earlier = range(max(0, at - 1 - reach), at - 1)
    pairs = [*((at - 1, p) for p in later), *((p, at) for p in earlier)]
    for first, second in pairs:
        target = window[second].luma
        error = _error(window[first].luma, target, _FAR_REACH)
        if error < max(least, threshold * _own_cost(target)):
            return True
    return False


def _error(before: Luma, after: Luma, reach: int) -> float:
    """Mean absolute error a pixel when each block of `after` is the best of the blocks of `before` around its place."""
    padded = np.pad(before, reach, mode="edge")
    moved = np.lib.stride_tricks.sliding_window_view(padded, (_HEIGHT, _WIDTH)).reshape(-1, _HEIGHT, _WIDTH)
    blocks = np.abs(moved - after).reshape(-1, *_BLOCKS)
    best = blocks.sum(axis=(2, 4), dtype=np.int32).min(axis=0)
    return float(best.sum()) / after.size


def _own_cost(luma: Luma) -> float:
    """Mean absolute difference of the pixels from their block's mean: what a picture costs without one before it."""
    blocks = luma.reshape(_BLOCKS)
    return float(np.abs(blocks - blocks.mean(axis=(1, 3), keepdims=True)).mean())
