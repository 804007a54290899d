"""A short animation of the parts of a video that tell most, without decoding the rest."""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import pairwise

import numpy as np
from PIL import Image

from vidcompute.media import images
from vidcompute.media.decode import VideoReader

FRAMES_PER_SECOND = 12
_SIDE = 320  # pixels of the longer side
_RUNS = 5
_RUN_S = Fraction(1)
_WHOLE_S = Fraction(6)  # what is not longer is shown whole
_CANDIDATES = 4  # key frames looked at in each part
_QUALITIES = (60, 45, 30, 15)
_SIZE_MAX_BYTES = 1_500_000


def runs(reader: VideoReader) -> list[tuple[Fraction, Fraction]]:
    """Start and length in seconds of the parts to show, in order: about 5 s of a long video, all of a short one.

    A long one is cut into five equal parts. Of each the run begins at its most telling key frame, black ones left
    out; parts without a key frame are passed over, for they would cost a long decode.
    """
    duration = reader.video.duration
    if duration <= _WHOLE_S:
        return [(Fraction(0), duration)]
    scorer = _Scorer(reader)
    found: list[tuple[Fraction, Fraction]] = []
    borders = [duration * n / _RUNS for n in range(_RUNS + 1)]
    for start, end in pairwise(borders):
        best = scorer.best(start, end)
        if best is not None:
            found.append((min(best, end - _RUN_S), _RUN_S))
    return found or [(Fraction(0), min(duration, _RUNS * _RUN_S))]


class _Scorer:
    def __init__(self, reader: VideoReader) -> None:
        self._reader = reader
        self._renderer = images.Renderer(
            reader.video, images.shape(images.display_size(reader.video), 96, 96), fine=False
        )

    def best(self, start: Fraction, end: Fraction) -> Fraction | None:
        """The time of the best key frame between two times; None where none is there, or all are black."""
        low, high = self._reader.ticks(start), self._reader.ticks(end)
        keys = [p.pts for p in self._reader.video.keyframes if low <= p.pts < high]
        step = max(1, len(keys) // _CANDIDATES)
        scores = {pts: self._score(pts) for pts in keys[::step][:_CANDIDATES]}
        pts = max(scores, key=scores.__getitem__, default=None)
        if pts is None or scores[pts] <= 0:
            return None
        return (pts - self._reader.video.start_pts) * self._reader.video.time_base

    def _score(self, pts: int) -> float:
        """Contrast and colour, both as standard deviations and saturation of 0 to 255; 0 for black."""
        picture = self._renderer.image(self._reader.at(pts).frame)
        if images.light(picture).black:
            return 0.0
        rgb = np.asarray(picture.convert("RGB"), dtype=np.float32)
        saturation = float((rgb.max(axis=2) - rgb.min(axis=2)).mean())
        return float(images.grey(picture).std()) + 0.3 * saturation


def pictures(reader: VideoReader, parts: list[tuple[Fraction, Fraction]]) -> Iterator[Image.Image]:
    """The pictures of some parts at FRAMES_PER_SECOND, 320 pixels on the longer side."""
    display = images.display_size(reader.video)
    renderer = images.Renderer(reader.video, images.shape(display, _SIDE, _SIDE), fine=False)
    for start, length in parts:
        count = max(1, int(length * FRAMES_PER_SECOND))
        times = [reader.ticks(start + Fraction(n, FRAMES_PER_SECOND)) for n in range(count)]
        found = {picture.pts: renderer.image(picture.frame).convert("RGB") for picture in reader.pick(times)}
        shown = sorted(found)
        for pts in times:
            earlier = [p for p in shown if p <= pts] or shown[:1]
            if earlier:
                yield found[earlier[-1]]


def animate(frames: list[Image.Image]) -> bytes:
    """An animated WebP that loops, at the best quality that stays within 1.5 MB (the lowest, if none does)."""
    data = b""
    ends_ms = [round(n * 1000 / FRAMES_PER_SECOND) for n in range(len(frames) + 1)]
    durations = [end - start for start, end in pairwise(ends_ms)]
    for quality in _QUALITIES:
        out = BytesIO()
        frames[0].save(
            out,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
            quality=quality,
            method=3,
        )
        data = out.getvalue()
        if len(data) <= _SIZE_MAX_BYTES:
            break
    return data
