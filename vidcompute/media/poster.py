"""Chooses the picture that stands for a video: early, and never a black one if there is another."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

from vidcompute.media import images
from vidcompute.media.decode import Picture, VideoReader

_USUAL_S = Fraction(2)
_LOOK_WIDTH = 160
_KEYFRAMES_MAX = 300  # looked at behind a black picture, at least a second apart
_FADE_A_SECOND = 0.1  # a picture that gets brighter faster than this, of full luma, is still fading in
_FRAMES_MAX = 1800  # decoded one by one between the last black key frame and the first that isn't


def usual_time(duration: Fraction) -> Fraction:
    """2 s, or the middle of what is shorter than 4 s."""
    return _USUAL_S if duration >= 2 * _USUAL_S else duration / 2


class PosterChooser:
    """Looks for the first picture from a time on that isn't black (see images.Light); else takes the brightest seen."""

    def __init__(self, reader: VideoReader) -> None:
        self._reader = reader
        look = images.shape(images.display_size(reader.video), _LOOK_WIDTH, None)
        self._renderer = images.Renderer(reader.video, look, fine=False)
        self._brightest: Picture | None = None
        self._brightness = -1.0

    def choose(self, time_s: Fraction) -> Picture:
        """The picture that is on screen at `time_s`, or the first one behind it that isn't black."""
        first = self._reader.at(self._reader.ticks(time_s))
        if not self._black(first):
            return first
        start = self._reader.keyframe_at(first.pts)
        for key in islice(self._later_keyframes(first.pts), _KEYFRAMES_MAX):
            if not self._black(self._reader.at(key)):
                break
            start = key
        return self._first_clear(start, first.pts) or self._brightest or first

    def _first_clear(self, key: int, after: int) -> Picture | None:
        """The first picture behind `after` that isn't black; where it fades in, the one where that is done."""
        found: Picture | None = None
        brightness = 0.0
        for picture in islice(self._reader.from_keyframe(key), _FRAMES_MAX):
            if picture.pts <= after:
                continue
            light = images.light(self._renderer.image(picture.frame))
            if found is not None and self._done(found, picture, light.mean - brightness):
                return found
            if found is not None or not light.black:
                found, brightness = picture, light.mean
            self._keep(picture, light)
        return found

    def _done(self, found: Picture, picture: Picture, rise: float) -> bool:
        length = (picture.pts - found.pts) * self._reader.video.time_base
        return rise < _FADE_A_SECOND * length

    def _later_keyframes(self, pts: int) -> Iterator[int]:
        last = None
        for point in self._reader.video.keyframes:
            far_enough = last is None or (point.pts - last) * self._reader.video.time_base >= 1
            if point.pts > pts and far_enough:
                last = point.pts
                yield point.pts

    def _black(self, picture: Picture) -> bool:
        light = images.light(self._renderer.image(picture.frame))
        self._keep(picture, light)
        return light.black

    def _keep(self, picture: Picture, light: images.Light) -> None:
        if light.mean > self._brightness:
            self._brightest, self._brightness = picture, light.mean
