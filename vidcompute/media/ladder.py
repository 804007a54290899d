"""Which renditions a source gets: sizes, rate control, levels."""

from dataclasses import dataclass
from fractions import Fraction

from vidcompute.media import levels
from vidcompute.media.facts import VideoFacts

HEIGHTS = (2160, 1440, 1080, 720, 480, 360, 240)

# A rung of the source's own size is added when the best standard rung is smaller than this share of it.
_OWN_SIZE_BELOW = Fraction(85, 100)
_FAST_RUNG_MAX_HEIGHT = 480
_LONG_SIDE_MAX = 7680

# Peak bitrates of H.264 at up to 30 frames a second; faster rates get half as much again. The steps follow the
# 16:9 ladder of Apple's HLS Authoring Specification, appendix "H.264 video".
_H264_PEAK_BPS = {2160: 20_000_000, 1440: 11_000_000, 1080: 6_500_000, 720: 3_600_000, 480: 1_500_000}
_H264_PEAK_BPS |= {360: 900_000, 240: 450_000}
_CODEC_SHARE = {"h264": Fraction(1), "hevc": Fraction(65, 100), "av1": Fraction(55, 100)}
QUALITY = {"h264": 23, "hevc": 27, "av1": 36}


@dataclass(frozen=True)
class Rung:
    """One rendition to be made. `height` names it (the short side asked for); `width_px`/`height_px` are its picture.

    With `bitrate_bps` the encoder aims at that average; otherwise `quality` (CRF) decides below `peak_bps`.
    """

    name: str
    codec: str
    height: int
    width_px: int
    height_px: int
    quality: int | None
    bitrate_bps: int | None
    peak_bps: int
    level: int  # as the codec's bitstream counts it

    @property
    def keeps_hdr(self) -> bool:
        """Whether a source of high dynamic range stays one; H.264 is what every screen can show, and is tone mapped."""
        return self.codec != "h264"


@dataclass(frozen=True)
class Wish:
    """A rendition as somebody asked for it."""

    height: int
    codec: str = "h264"
    bitrate_bps: int | None = None
    quality: int | None = None


def default_heights(short_side: int) -> list[int]:
    """The short sides of the default ladder for a source, tallest first; never above the source's."""
    standard = [h for h in HEIGHTS if h <= short_side]
    own = max(2, short_side - short_side % 2)
    if not standard or standard[0] < short_side * _OWN_SIZE_BELOW:
        standard.insert(0, own)
    main = [h for h in standard if h >= 480 or h == standard[0]]
    return main if len(main) > 1 else standard[:2]


def rungs(video: VideoFacts, frame_rate: Fraction, wishes: tuple[Wish, ...] | None) -> tuple[Rung, ...]:
    """The renditions to make of a source, best first; wishes above the source's size come down to it, each once."""
    short_side = min(video.display_width, video.display_height)
    if wishes is None:
        wishes = tuple(Wish(h) for h in default_heights(short_side))
    made: dict[str, Rung] = {}
    for wish in sorted(wishes, key=lambda w: -w.height):
        rung = _rung(video, frame_rate, wish, min(wish.height, short_side))
        made[rung.name] = rung  # of several that come to one size, the one that is nearest to it says how
    return tuple(made.values())


def fast_rung(ladder: tuple[Rung, ...]) -> Rung | None:
    """The rung that is made ahead of the others so that a viewer can start: the best H.264 one up to 480."""
    h264 = [r for r in ladder if r.codec == "h264"]
    small = [r for r in h264 if r.height <= _FAST_RUNG_MAX_HEIGHT]
    return small[0] if small else (h264[-1] if h264 else None)


def _rung(video: VideoFacts, frame_rate: Fraction, wish: Wish, height: int) -> Rung:
    width_px, height_px = scaled_size(video.display_width, video.display_height, height)
    peak = wish.bitrate_bps * 3 // 2 if wish.bitrate_bps else peak_bps(wish.codec, height, frame_rate)
    quality = None if wish.bitrate_bps else (wish.quality if wish.quality is not None else QUALITY[wish.codec])
    level = levels.level(wish.codec, width_px, height_px, frame_rate, peak)
    name = f"{wish.codec}-{height}"
    return Rung(name, wish.codec, height, width_px, height_px, quality, wish.bitrate_bps, peak, level)


def scaled_size(display_width: int, display_height: int, short_side: int) -> tuple[int, int]:
    """Even width and height with the source's shape and this short side; at least 2 pixels each way."""
    scale = Fraction(short_side, min(display_width, display_height))
    scale = min(scale, Fraction(_LONG_SIDE_MAX, max(display_width, display_height)))
    return _even(display_width * scale), _even(display_height * scale)


def _even(pixels: Fraction) -> int:
    return max(2, 2 * round(pixels / 2))


def peak_bps(codec: str, short_side: int, frame_rate: Fraction) -> int:
    """The cap of a rendition's bitrate: the standard rung's at or above this size, scaled by its area."""
    standard = min((h for h in HEIGHTS if h >= short_side), default=HEIGHTS[0])
    area = min(Fraction(1), Fraction(short_side, standard) ** 2)
    share = _CODEC_SHARE[codec] * (Fraction(3, 2) if frame_rate > 31 else 1)
    return max(100_000, int(_H264_PEAK_BPS[standard] * area * share))
