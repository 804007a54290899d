"""Which sources are taken over as they are, without encoding."""

from fractions import Fraction
from itertools import pairwise

from vidcompute.media import levels
from vidcompute.media.facts import VideoFacts
from vidcompute.media.ladder import peak_bps
from vidcompute.media.timeline import FRAME_RATE_MAX, LONGEST_SEGMENT_S, RateRule, rate_rule

_PROFILES = {"Constrained Baseline": "4240", "Baseline": "4200", "Main": "4d40", "High": "6400"}
_LEVEL_MAX = 52
_PEAK_FACTOR = Fraction(3, 2)


def refusal(video: VideoFacts) -> str | None:
    """Why a source's picture can't be copied into the streams, in plain words; None when it can."""
    for reason, holds in _RULES.items():
        if not holds(video):
            return reason
    return None


def longest_gop_s(video: VideoFacts) -> Fraction:
    """Seconds between the two key frames that are furthest apart."""
    marks = [*(p.pts for p in video.keyframes), video.end_pts]
    return max(b - a for a, b in pairwise(marks)) * video.time_base


def codec_string(video: VideoFacts) -> str:
    """An RFC 6381 name that is true enough to choose a player by before the copy's own header is known."""
    if video.profile == "High":
        return levels.codec_string("h264", video.level)
    return f"avc1.{_PROFILES[video.profile]}{video.level:02x}"


def _square(video: VideoFacts) -> bool:
    even = video.width % 2 == 0 and video.height % 2 == 0
    return video.sample_aspect == 1 and video.rotation == 0 and not video.mirrored and even


def _rate_fits(video: VideoFacts) -> bool:
    return video.frame_rate <= FRAME_RATE_MAX and rate_rule(video)[0] is not RateRule.CONSTANT


def _bitrate_fits(video: VideoFacts) -> bool:
    short_side = min(video.width, video.height)
    return video.bitrate_bps <= peak_bps("h264", short_side, video.frame_rate) * _PEAK_FACTOR


_RULES = {
    "its codec is not H.264": lambda v: v.codec == "h264",
    "its profile or level is one that not every player takes": lambda v: (
        v.profile in _PROFILES and 0 < v.level <= _LEVEL_MAX
    ),
    "its pixels are not 8 bit 4:2:0": lambda v: v.pixel_format in {"yuv420p", "yuvj420p"},
    "its dynamic range is high, which not every screen shows": lambda v: not v.hdr,
    "it is interlaced": lambda v: not v.interlaced,
    "its pixels are not square, it is rotated or mirrored, or its size is odd": _square,
    "its frame rate is above the limit, or has holes": _rate_fits,
    "its key frames are further apart than a segment may be long": lambda v: longest_gop_s(v) <= LONGEST_SEGMENT_S,
    "its groups of pictures are open": lambda v: v.closed_gops and v.keyframes[0].index == 0,
    "its bitrate is above what a rendition of its size may have": _bitrate_fits,
}
