"""Encoders: which there are for a codec, in software and in hardware, and how they are told what to do.

Quality. A rung's CRF is the software encoder's own number. Hardware encoders get the same number as the target of
their constant quality mode, under the same cap: NVENC's target quality runs from 0 to 51 in H.264 and HEVC, the
quantizers' own scale on which CRF is counted, and from 0 to 63 in AV1, as SVT-AV1's CRF does (NVIDIA, NVENC Video
Encoder API Programming Guide, "Target quality"; FFmpeg, `-h encoder=av1_nvenc`); "for a target quality, maxBitRate is
the bound" is that guide's word, too. VAAPI's QVBR is "quality-defined variable bitrate" on the quantizers' scale,
under a cap (FFmpeg, `-h encoder=h264_vaapi`, vaapi_encode.c). Equal numbers are not equal pictures: measure with VMAF.
"""

from collections.abc import Iterable
from fractions import Fraction

from vidcompute.media.ladder import Rung

SOFTWARE = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
FAMILIES = ("nvenc", "vaapi")  # in order of preference
HARDWARE = tuple(f"{codec}_{family}" for family in FAMILIES for codec in SOFTWARE)
DECODERS = {"nvenc": "cuda", "vaapi": "vaapi"}  # the hardware decoder on the same device

# With these, libx264 writes byte-identical parameter sets at every preset, so that segments of the fast rung and of
# the ladder share one init segment and can take each other's place.
_X264_PARAMS = (
    "stitchable=1:cabac=1:8x8dct=1:bframes=3:b-adapt=0:weightp=1:weightb=1:ref=1:scenecut=0:keyint=infinite:open-gop=0"
)
_X265_PARAMS = (
    "keyint=-1:min-keyint=1:scenecut=0:open-gop=0:bframes=4:b-adapt=0:repeat-headers=0:info=0:log-level=error"
)
_BUFFER_S = Fraction(3, 2)

# What hardware can't take, by the least that is documented for any of the families (NVENC: Video Codec SDK, "NVENC
# Capabilities"): pictures that are smaller, and H.264 that is larger.
_LEAST_PX = 192
_MOST_PX = {"h264": 4096, "hevc": 8192, "av1": 8192}
# Longer than any segment: key frames come where they are forced, and nowhere else.
_NEVER = "100000"
# What the decoders of GPUs have in common: 8 bit 4:2:0 of these (NVIDIA, Video Encode and Decode GPU Support Matrix).
_DECODED = frozenset({"h264", "hevc", "vp9", "av1"})
_DECODED_FORMATS = frozenset({"yuv420p", "yuvj420p"})


def arguments(rung: Rung, encoder: str, *, fast: bool, threads: int) -> list[str]:
    """What an output is told to be encoded so; the name of the encoder is part of it."""
    if encoder in _SOFTWARE_ARGUMENTS:
        return _SOFTWARE_ARGUMENTS[encoder](rung, fast=fast, threads=threads)
    return _nvenc(rung, encoder) if _family(encoder) == "nvenc" else _vaapi(rung, encoder)


def surface(encoder: str, pixel_format: str) -> str:
    """The filters that hand frames of a pixel format to an encoder."""
    return "format=nv12,hwupload" if _family(encoder) == "vaapi" else f"format={pixel_format}"


def device(encoders: Iterable[str]) -> list[str]:
    """Arguments in front of all inputs that open the device of these encoders. NVENC opens its own."""
    wanted = any(_family(encoder) == "vaapi" for encoder in encoders)
    return ["-init_hw_device", "vaapi=va", "-filter_hw_device", "va"] if wanted else []


def decoder(name: str) -> list[str]:
    """Arguments in front of an input that decode it in hardware, into ordinary frames."""
    return {"": [], "cuda": ["-hwaccel", "cuda"], "vaapi": ["-hwaccel", "vaapi", "-hwaccel_device", "va"]}[name]


def takes(rung: Rung) -> bool:
    """Whether hardware takes pictures of this size."""
    least, most = sorted((rung.width_px, rung.height_px))
    return least >= _LEAST_PX and most <= _MOST_PX[rung.codec]


def decodes(codec: str, pixel_format: str) -> bool:
    """Whether hardware that has a decoder decodes this."""
    return codec in _DECODED and pixel_format in _DECODED_FORMATS


def codec_of(encoder: str) -> str:
    """What it makes."""
    return next((codec for codec, name in SOFTWARE.items() if name == encoder), encoder.partition("_")[0])


def is_hardware(encoder: str) -> bool:
    """Whether it needs a device."""
    return encoder in HARDWARE


def _family(encoder: str) -> str:
    return encoder.rpartition("_")[2]


def _x264(rung: Rung, *, fast: bool, threads: int) -> list[str]:
    return [
        *("-c:v", "libx264", "-preset", "ultrafast" if fast else "veryfast", "-profile:v", "high"),
        *("-level:v", f"{rung.level / 10:g}", *_rate(rung), "-forced-idr", "1", "-threads", str(threads)),
        *("-x264-params", _X264_PARAMS),
    ]


def _x265(rung: Rung, *, fast: bool, threads: int) -> list[str]:
    pools = f":pools={threads}:frame-threads=1" if threads else ""
    return [
        *("-c:v", "libx265", "-preset", "ultrafast" if fast else "superfast", "-tag:v", "hvc1", *_rate(rung)),
        *("-forced-idr", "1", "-x265-params", f"{_X265_PARAMS}:level-idc={rung.level // 3}{pools}"),
    ]


def _svtav1(rung: Rung, *, fast: bool, threads: int) -> list[str]:
    workers = f":lp={threads}" if threads else ""
    rate = ["-b:v", str(rung.bitrate_bps)] if rung.bitrate_bps else ["-crf", str(rung.quality)]
    cap = "" if rung.bitrate_bps else f":mbr={rung.peak_bps // 1000}"
    return [
        *("-c:v", "libsvtav1", "-preset", "12" if fast else "10", *rate),
        *("-svtav1-params", f"scd=0:enable-force-key-frames=1:level={_av1_level(rung)}{cap}{workers}"),
    ]


def _nvenc(rung: Rung, encoder: str) -> list[str]:
    """Two B-frames that nothing refers to, forced key frames that are IDRs, no others: GOPs are closed."""
    aim = ["-b:v", str(rung.bitrate_bps)] if rung.bitrate_bps else ["-cq", str(rung.quality), "-b:v", "0"]
    return [
        *("-c:v", encoder, "-preset", "p5", "-tune", "hq", *_profile(rung, encoder), "-rc", "vbr", *aim, *_cap(rung)),
        *("-g", _NEVER, "-bf", "2", "-b_ref_mode", "disabled", "-no-scenecut", "1", "-forced-idr", "1"),
    ]


def _vaapi(rung: Rung, encoder: str) -> list[str]:
    """As NVENC. Drivers without QVBR are not used: their constant quality knows no cap."""
    if rung.bitrate_bps:
        aim = ["-rc_mode", "VBR", "-b:v", str(rung.bitrate_bps)]
    else:
        aim = ["-rc_mode", "QVBR", "-global_quality", str(rung.quality), "-b:v", str(rung.peak_bps * 2 // 3)]
    return ["-c:v", encoder, *_profile(rung, encoder), *aim, *_cap(rung), "-g", _NEVER, "-bf", "2"]


def _profile(rung: Rung, encoder: str) -> list[str]:
    """Profile and level of a hardware encoder, by the level's name: numbers mean other things in each."""
    if rung.codec == "h264":
        return ["-profile:v", "high", "-level:v", f"{rung.level / 10:g}"]
    if rung.codec == "hevc":
        return ["-profile:v", "main", "-tier:v", "main", "-level:v", f"{rung.level / 30:g}", "-tag:v", "hvc1"]
    return ["-tier:v", "0" if _family(encoder) == "nvenc" else "main", "-level:v", f"{_av1_level(rung) / 10:.1f}"]


def _av1_level(rung: Rung) -> int:
    """The level x 10 that an index stands for (AV1 specification, annex A.3)."""
    return 10 * (2 + (rung.level >> 2)) + (rung.level & 3)


def _rate(rung: Rung) -> list[str]:
    """Capped CRF, or an average bitrate, both under a buffer of one and a half seconds."""
    aim = ["-b:v", str(rung.bitrate_bps)] if rung.bitrate_bps else ["-crf", str(rung.quality)]
    return [*aim, *_cap(rung)]


def _cap(rung: Rung) -> list[str]:
    return ["-maxrate", str(rung.peak_bps), "-bufsize", str(int(rung.peak_bps * _BUFFER_S))]


_SOFTWARE_ARGUMENTS = {"libx264": _x264, "libx265": _x265, "libsvtav1": _svtav1}
