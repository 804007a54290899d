"""Storyboards: small pictures of a whole video on a few sheets, as players show them above the seek bar."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from PIL import Image

from vidcompute.media import images
from vidcompute.media.decode import Picture, VideoReader

TILE_WIDTH = 160
COLUMNS, ROWS = 10, 10
_QUALITY = 75
_SHORTEST_S, _LONGEST_S = Fraction(2), Fraction(10)
_TILES = 100


def interval_ms(duration: Fraction) -> int:
    """Milliseconds that a tile stands for: a hundredth of the video, at least 2 s and at most 10 s."""
    return round(min(_LONGEST_S, max(_SHORTEST_S, duration / _TILES)) * 1000)


@dataclass(frozen=True)
class Sheet:
    """One sheet and the tiles on it, from left to right and from top to bottom."""

    number: int
    image: Image.Image
    tiles: int


class Storyboard:
    """The tiles of a video; each shows a picture out of the time that it stands for.

    A key frame is taken where one lies there, the one nearest to the middle: it costs one decoded picture. Else it is
    the picture in the middle.
    """

    def __init__(self, reader: VideoReader) -> None:
        self._reader = reader
        self.interval_ms = interval_ms(reader.video.duration)
        self.duration_ms = max(1, round(reader.video.duration * 1000))
        self.count = ceil(self.duration_ms / self.interval_ms)
        shape = images.shape(images.display_size(reader.video), TILE_WIDTH, None)
        self.tile_width, self.tile_height = shape.width, shape.height
        self._renderer = images.Renderer(reader.video, shape, fine=False)

    def times(self) -> list[int]:
        """The frame to show on each tile, by a time when it is on screen, in ticks."""
        return [self._time(number) for number in range(self.count)]

    def _time(self, number: int) -> int:
        start_ms = number * self.interval_ms
        end_ms = min(start_ms + self.interval_ms, self.duration_ms)
        start, middle, end = (
            self._reader.ticks(Fraction(ms, 1000)) for ms in (start_ms, Fraction(start_ms + end_ms, 2), end_ms)
        )
        key = self._reader.nearest_keyframe(middle)
        # A key frame costs next to nothing, so one up to an interval away is near enough for a picture this small.
        near = abs(key - middle) <= end - start
        return key if near else min(middle, self._reader.video.end_pts - 1)

    def sheets(self, report: Callable[[int], None]) -> Iterator[Sheet]:
        """All sheets in order; `report` is told how many tiles are done."""
        times = self.times()
        per_sheet = COLUMNS * ROWS
        pictures = self._pictures(times)
        for number in range(ceil(len(times) / per_sheet)):
            tiles = min(per_sheet, len(times) - number * per_sheet)
            columns, rows = min(COLUMNS, tiles), ceil(tiles / COLUMNS)
            sheet = Image.new("RGB", (columns * self.tile_width, rows * self.tile_height))
            for place in range(tiles):
                sheet.paste(next(pictures).convert("RGB"), self._place(place))
                report(number * per_sheet + place + 1)
            yield Sheet(number, sheet, tiles)

    def _pictures(self, times: list[int]) -> Iterator[Image.Image]:
        """One picture for each time; where a part can't be decoded, the one before, or black."""
        shown = Image.new("RGB", (self.tile_width, self.tile_height))
        found = self._reader.pick(times)
        ahead: Picture | None = next(found, None)
        for pts in times:
            while ahead is not None and ahead.pts <= pts:
                shown = self._renderer.image(ahead.frame)
                ahead = next(found, None)
            yield shown

    def _place(self, place: int) -> tuple[int, int]:
        return place % COLUMNS * self.tile_width, place // COLUMNS * self.tile_height

    def description(self, file_name: Callable[[int], str]) -> dict[str, Any]:
        """Sizes in pixels, times in whole milliseconds; each tile's place on its sheet, and its sheet's file."""
        tiles = []
        for number in range(self.count):
            left, top = self._place(number % (COLUMNS * ROWS))
            sheet = file_name(number // (COLUMNS * ROWS))
            tiles.append({"start_ms": number * self.interval_ms, "x": left, "y": top, "sheet": sheet})
        return {
            "tile_width": self.tile_width,
            "tile_height": self.tile_height,
            "interval_ms": self.interval_ms,
            "duration_ms": self.duration_ms,
            "columns": COLUMNS,
            "rows": ROWS,
            "tiles": tiles,
        }


def encode_sheet(image: Image.Image) -> bytes:
    """A sheet as JPEG."""
    return images.encode(image, "jpeg", _QUALITY)


def web_vtt(description: dict[str, Any]) -> str:
    """The same as WebVTT: a cue for each tile with its sheet's relative URI and a media fragment (`#xywh=`).

    Source: W3C Media Fragments URI 1.0, 4.2.2.
    """
    width, height = description["tile_width"], description["tile_height"]
    lines = ["WEBVTT", ""]
    for tile in description["tiles"]:
        start_ms = tile["start_ms"]
        end_ms = min(start_ms + description["interval_ms"], description["duration_ms"])
        place = f"{tile['x']},{tile['y']},{width},{height}"
        lines += [f"{_clock(start_ms)} --> {_clock(end_ms)}", f"{tile['sheet']}#xywh={place}", ""]
    return "\n".join(lines)


def _clock(time_ms: int) -> str:
    seconds, ms = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"
