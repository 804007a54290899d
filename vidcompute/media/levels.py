"""The levels of H.264, HEVC and AV1: what a decoder must be able to do for a picture size, a rate and a bitrate."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Limits:
    """What one level allows. `area` counts macroblocks in H.264, luma samples in HEVC and AV1."""

    level: int
    area: int
    area_per_second: int
    longest_px: int
    peak_bps: int


def level(codec: str, width_px: int, height_px: int, frame_rate: Fraction, peak_bps: int) -> int:
    """The lowest level that holds this size, rate and peak bitrate, as the bitstream counts it: 31, 93 and 5 are 3.1.

    `codec` is "h264" (High profile), "hevc" (Main tier) or "av1" (Main tier). The highest known where none holds it.
    """
    block = 16 if codec == "h264" else 1
    area = -(-width_px // block) * -(-height_px // block)
    for limits in _LEVELS[codec]:
        fits = area <= limits.area and max(width_px, height_px) <= limits.longest_px
        if fits and area * frame_rate <= limits.area_per_second and peak_bps <= limits.peak_bps:
            return limits.level
    return _LEVELS[codec][-1].level


def codec_string(codec: str, number: int, *, hdr: bool = False) -> str:
    """The RFC 6381 name of what the encoders here write at a level: High, Main (10 bits
    for `hdr`), Main, the last two in the Main tier.

    Sources: RFC 6381 3.3, ISO/IEC 14496-15 annex E (HEVC), AV1-ISOBMFF 5.
    """
    if codec == "h264":
        return f"avc1.6400{number:02x}"
    if codec == "hevc":
        return f"hvc1.{'2.4' if hdr else '1.6'}.L{number}.90"
    return f"av01.0.{number:02d}M.{10 if hdr else 8:02d}"


# ITU-T H.264 (08/2021), table A-1: level x 10, macroblocks a frame and a second, kbit/s (High = 1.25 x).
_H264 = (
    (30, 1_620, 40_500, 10_000),
    (31, 3_600, 108_000, 14_000),
    (32, 5_120, 216_000, 20_000),
    (40, 8_192, 245_760, 20_000),
    (42, 8_704, 522_240, 50_000),
    (50, 22_080, 589_824, 135_000),
    (51, 36_864, 983_040, 240_000),
    (52, 36_864, 2_073_600, 240_000),
    (60, 139_264, 4_177_920, 240_000),
    (62, 139_264, 16_711_680, 800_000),
)
# ITU-T H.265 (08/2021), tables A.8 and A.9: level x 30, luma samples a picture and a second, kbit/s of the Main tier.
_HEVC = (
    (60, 122_880, 3_686_400, 1_500),
    (63, 245_760, 7_372_800, 3_000),
    (90, 552_960, 16_588_800, 6_000),
    (93, 983_040, 33_177_600, 10_000),
    (120, 2_228_224, 66_846_720, 12_000),
    (123, 2_228_224, 133_693_440, 20_000),
    (150, 8_912_896, 267_386_880, 25_000),
    (153, 8_912_896, 534_773_760, 40_000),
    (156, 8_912_896, 1_069_547_520, 60_000),
    (180, 35_651_584, 1_069_547_520, 60_000),
    (183, 35_651_584, 2_139_095_040, 120_000),
    (186, 35_651_584, 4_278_190_080, 240_000),
)
# AV1 specification, annex A.3: index, samples a picture, longest side in pixels, samples a second, kbit/s.
_AV1 = (
    (0, 147_456, 2_048, 4_423_680, 1_500),
    (1, 278_784, 2_816, 8_363_520, 3_000),
    (4, 665_856, 4_352, 19_975_680, 6_000),
    (5, 1_065_024, 5_504, 31_950_720, 10_000),
    (8, 2_359_296, 6_144, 70_778_880, 12_000),
    (9, 2_359_296, 6_144, 141_557_760, 20_000),
    (12, 8_912_896, 8_192, 267_386_880, 30_000),
    (13, 8_912_896, 8_192, 534_773_760, 40_000),
    (14, 8_912_896, 8_192, 1_069_547_520, 60_000),
    (16, 35_651_584, 16_384, 1_069_547_520, 60_000),
    (17, 35_651_584, 16_384, 2_139_095_040, 100_000),
    (18, 35_651_584, 16_384, 4_278_190_080, 160_000),
)


def _longest_side(area: int) -> int:
    """Neither side is longer than the square root of eight times the area (H.264 A.3.1, H.265 A.4.1)."""
    return int((8 * area) ** 0.5)


_LEVELS = {
    "h264": [Limits(n, area, rate, 16 * _longest_side(area), kbps * 1250) for n, area, rate, kbps in _H264],
    "hevc": [Limits(n, area, rate, _longest_side(area), kbps * 1000) for n, area, rate, kbps in _HEVC],
    "av1": [Limits(n, area, rate, longest, kbps * 1000) for n, area, longest, rate, kbps in _AV1],
}
