"""Decoded frames as pictures for people: upright, square pixels, right colours, the size and format that was asked for.

Runs in a sandboxed child of ours. Everything here takes a frame as the decoder gave it.
"""

from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from PIL import Image

from vidcompute.media.colour import TIME_BASE, ToneMapper, needs_mapping
from vidcompute.media.facts import VideoFacts

# FFmpeg's AVColorSpace numbers (ISO/IEC 23091-4's) to swscale's matrices.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.SMPTE170M,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_SD_HEIGHT_MAX = 576  # where a source names no matrix, players take BT.601 up to here and BT.709 above
_DARK = 0.10  # a pixel is dark up to a tenth of full luma: the threshold of FFmpeg's blackdetect
_DARK_SHARE = 0.98  # and this share of dark pixels makes a picture black there
_DIM = 0.05  # so does a mean luma below this, whatever glimmers in it
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
_SUFFIXES = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class Fit(StrEnum):
    """How a picture goes into a box of given width and height.

    preserve: whole, in its own shape, as large as the box allows and never enlarged. cover: the box is full and the
    picture keeps its shape; what is too much is cut off on both sides evenly. fill: stretched to the box.
    """

    PRESERVE = "preserve"
    COVER = "cover"
    FILL = "fill"


@dataclass(frozen=True)
class Shape:
    """A result's size in pixels, and the size that the whole picture is scaled to before its edges are cut off."""

    width: int
    height: int
    scaled_width: int
    scaled_height: int


def shape(display: tuple[int, int], width: int | None, height: int | None, fit: Fit = Fit.PRESERVE) -> Shape:
    """The shape of a picture of size `display` (width, height) in a box; where one side is given, the other follows."""
    if width is None or height is None:
        fit = Fit.PRESERVE
    across, down = (w / d for w, d in zip((width or display[0], height or display[1]), display, strict=True))
    if fit is Fit.FILL:
        scaled = (width or display[0], height or display[1])
        return Shape(*scaled, *scaled)
    if fit is Fit.COVER:
        scale = max(across, down)
        scaled = (max(width or 1, round(display[0] * scale)), max(height or 1, round(display[1] * scale)))
        return Shape(width or scaled[0], height or scaled[1], *scaled)
    scale = min(1.0, across if width else 1.0, down if height else 1.0)
    scaled = (max(1, round(display[0] * scale)), max(1, round(display[1] * scale)))
    return Shape(*scaled, *scaled)


def display_size(video: VideoFacts) -> tuple[int, int]:
    """Width and height that a viewer sees, in square pixels."""
    return video.display_width, video.display_height


class Renderer:
    """Makes pictures of one shape out of a stream's frames.

    The scaler is bilinear (over all source pixels that fall into one) or, when `fine`, bicubic.
    """

    def __init__(self, video: VideoFacts, wanted: Shape, *, fine: bool = True) -> None:
        self._video = video
        self._shape = wanted
        self._scaler = VideoReformatter()
        self._last_scaler = VideoReformatter()
        self._interpolation = Interpolation.BICUBIC if fine else Interpolation.BILINEAR
        turned = video.rotation in {90, 270}
        self._width, self._height = (
            (wanted.scaled_height, wanted.scaled_width) if turned else (wanted.scaled_width, wanted.scaled_height)
        )
        self._mapper: ToneMapper | None = None
        if needs_mapping(video.color_transfer, video.color_primaries):
            self._mapper = ToneMapper(self._width, self._height, video.color_transfer)

    def image(self, frame: VideoFrame) -> Image.Image:
        """The frame as a picture of mode RGBX (the fourth byte means nothing), or RGBA where the source has alpha."""
        alpha = any(component.is_alpha for component in frame.format.components)
        if frame.interlaced_frame and self._height * 2 > frame.height:
            frame = _deinterlaced(frame)
        picture = _wrap(self._scaled(frame, "rgba" if alpha else "rgb0"), "RGBA" if alpha else "RGBX")
        if self._video.mirrored:
            picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        if self._video.rotation in _TURNS:
            picture = picture.transpose(_TURNS[self._video.rotation])
        return self._cropped(picture)

    def _scaled(self, frame: VideoFrame, pixel_format: str) -> VideoFrame:
        if self._mapper is None or pixel_format == "rgba":
            return self._convert(self._scaler, frame, pixel_format)
        mapped = self._mapper.map(self._convert(self._scaler, frame, "rgb48le"))
        return self._convert(self._last_scaler, mapped, pixel_format)

    def _convert(self, scaler: VideoReformatter, frame: VideoFrame, pixel_format: str) -> VideoFrame:
        return scaler.reformat(
            frame,
            self._width,
            self._height,
            pixel_format,
            src_colorspace=None if frame.format.is_rgb else _matrix(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=self._interpolation,
            threads=1,
        )

    def _cropped(self, picture: Image.Image) -> Image.Image:
        wanted = self._shape
        if picture.size == (wanted.width, wanted.height):
            return picture
        left, top = (picture.width - wanted.width) // 2, (picture.height - wanted.height) // 2
        return picture.crop((left, top, left + wanted.width, top + wanted.height))


def _matrix(frame: VideoFrame) -> Colorspace:
    unnamed = Colorspace.ITU601 if min(frame.width, frame.height) <= _SD_HEIGHT_MAX else Colorspace.ITU709
    return _MATRICES.get(int(frame.colorspace), unnamed)


def _wrap(frame: VideoFrame, mode: str) -> Image.Image:
    """A picture over the frame's own memory: copying it through bytes would cost more than the JPEG."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8)
    return Image.frombuffer(mode, (frame.width, frame.height), rows, "raw", mode, plane.line_size, 1)


def _deinterlaced(frame: VideoFrame) -> VideoFrame:
    """One field with the lines between filled in along edges (FFmpeg's estdif), as no frame around it is at hand."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=TIME_BASE)
    filled = graph.add("estdif", "mode=frame:deint=all")
    sink = graph.add("buffersink")
    source.link_to(filled)
    filled.link_to(sink)
    graph.configure(auto_buffer=False)
    source.push(frame)
    source.push(None)
    result = sink.pull()
    assert isinstance(result, VideoFrame)
    return result


def suffix(image_format: str) -> str:
    """The file name suffix, without a dot, of `jpeg`, `png` or `webp`."""
    return _SUFFIXES[image_format]


def encode(picture: Image.Image, image_format: str, quality: int, *, small: bool = False) -> bytes:
    """A picture as the bytes of a `jpeg`, `png` or `webp` file; `quality` 1 to 100 (PNG has none).

    JPEG has no alpha: such a picture is laid over black. `small` takes more time for fewer bytes.
    """
    out = BytesIO()
    if image_format == "jpeg":
        flat = _over_black(picture) if picture.mode == "RGBA" else picture
        flat.save(out, "JPEG", quality=quality, optimize=small, progressive=small)
    elif image_format == "webp":
        picture.save(out, "WEBP", quality=quality, method=4 if small else 2)
    else:
        plain = picture.convert("RGB") if picture.mode == "RGBX" else picture
        plain.save(out, "PNG", compress_level=6 if small else 2)
    return out.getvalue()


def _over_black(picture: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("RGB")


@dataclass(frozen=True)
class Light:
    """How bright a picture is: `mean` luma from 0 to 1, and the `dark_share` of its pixels that are dark."""

    mean: float
    dark_share: float

    @property
    def black(self) -> bool:
        """Whether a viewer would call it black.

        Source: FFmpeg's blackdetect (98 % of the pixels at most a tenth bright), and a mean luma below 5 %.
        """
        return self.dark_share >= _DARK_SHARE or self.mean < _DIM


def light(picture: Image.Image) -> Light:
    """Measure a picture; a small one (160 pixels wide) says as much as a large one."""
    luma = grey(picture)
    return Light(float(luma.mean()) / 255, float((luma <= _DARK * 255).mean()))


def grey(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The luma of a picture, rows of bytes."""
    return np.asarray(picture.convert("RGB").convert("L"))
