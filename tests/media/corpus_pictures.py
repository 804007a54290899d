"""Odd pictures: sizes, shapes, rates, colours, fields. All are legal and have a right answer."""

from fractions import Fraction
from pathlib import Path

from tests.media.corpus import X264, Kit, Recipe, case, ff, fps, video
from tests.media.corpus_bytes import field_pictures


def _h264(*inputs: str, more: tuple[str, ...] = ()) -> Recipe:
    return ff(*inputs, *X264, *more)


case("plain", _h264(*video()), codec="h264", display=(64, 48), rotation=0, fps=fps("25"), frames=25, seconds=1, audio=0)


def _turned(degrees: int, size: str = "64x48") -> Recipe:
    def recipe(kit: Kit, path: Path) -> None:
        plain = kit.clip(*video(size), *X264)
        kit.run("-display_rotation:v:0", str(degrees), "-i", plain, "-c", "copy", "-f", "mp4", path)

    return recipe


# ffmpeg turns counter-clockwise; facts count clockwise.
case("rotated-90", _turned(-90), rotation=90, display=(48, 64), video_width=64, video_height=48, frames=25)
case("rotated-180", _turned(180), rotation=180, display=(64, 48), frames=25)
case("rotated-270", _turned(90), rotation=270, display=(48, 64), frames=25)
case("rotated-by-3-degrees", _turned(-3), rotation=0, display=(64, 48), frames=25)

case(
    "sar-4-3", _h264(*video("48x48"), more=("-vf", "setsar=4/3")), display=(64, 48), video_sample_aspect=Fraction(4, 3)
)
case(
    "sar-8-9", _h264(*video("72x48"), more=("-vf", "setsar=8/9")), display=(64, 48), video_sample_aspect=Fraction(8, 9)
)
case("sar-absurd", _h264(*video(), more=("-vf", "setsar=1/200")), display=(64, 48), video_sample_aspect=Fraction(1))
case(
    "size-1x1",
    ff(*video("2x2"), "-vf", "crop=1:1:exact=1,format=gbrp", "-c:v", "ffv1", "-f", "matroska"),
    display=(1, 1),
    frames=25,
)
case("size-2x2", _h264(*video("2x2")), display=(2, 2), frames=25)
case(
    "size-odd", ff(*video(), "-vf", "format=yuv444p,crop=63:47:exact=1", "-c:v", "libx264"), display=(63, 47), frames=25
)
case("size-16x4096", _h264(*video("16x4096", "5")), display=(16, 4096), frames=5)
case("size-4096x16", _h264(*video("4096x16", "5")), display=(4096, 16), frames=5)
case("portrait", _h264(*video("48x80")), display=(48, 80), frames=25)

for rate, count in (("24000/1001", 24), ("30000/1001", 30), ("60000/1001", 60), ("120", 120), ("1", 2), ("12.5", 13)):
    name = rate.replace("/", "-")
    case(
        f"rate-{name}",
        _h264(*video("32x32", rate, 1 if count > 2 else 2)),
        fps=fps(rate),
        frames=count,
        video_steady=True,
    )
case(
    "rate-23.976-in-milliseconds",
    ff(*video("32x32", "24000/1001", 4), *X264, "-f", "matroska"),
    fps=fps("24000/1001"),
    frames=96,
    video_steady=True,
)
case(
    "rate-29.97-timescale-600",
    _h264(*video("32x32", "30000/1001", 4), more=("-video_track_timescale", "600", "-f", "mov")),
    fps=fps("30000/1001"),
    frames=120,
    video_steady=True,
)
_FINE = "settb=1/1000,"
_VARIABLE = f"{_FINE}setpts='if(lt(N,20),N/25,0.8+(N-20)/10)/TB'"
_PASS = ("-fps_mode", "passthrough", "-enc_time_base", "1/1000")
case(
    "rate-variable",
    _h264(*video(seconds="1.2"), more=("-vf", _VARIABLE, *_PASS)),
    frames=30,
    seconds=1.74,
    video_steady=False,
    video_longest_gap_ms=101,
)
case(
    "rate-variable-with-b-frames",
    ff(*video(seconds="1.2"), "-vf", _VARIABLE, *_PASS, "-c:v", "libx264", "-bf", "3", "-g", "12", "-f", "mov"),
    frames=30,
    video_steady=False,
)
case(
    "rate-jitter",
    ff(*video(seconds=2), "-vf", f"{_FINE}setpts='(N/25+0.006*mod(N*7,3))/TB'", *_PASS, *X264, "-f", "matroska"),
    frames=50,
    video_steady=False,
)
case(
    "held-for-5-s",
    _h264(*video(), more=("-vf", "setpts='if(lt(N,24),N/25,5)/TB'", *_PASS)),
    frames=25,
    video_longest_gap_ms=4080,
    video_steady=False,
)
case("single-frame", _h264(*video(seconds="0.04")), frames=1, seconds=0.04, video_steady=True)
case("length-0.2-s", _h264(*video(seconds="0.2")), frames=5, seconds=0.2)

_BT2020 = "format=yuv420p10le,setparams=color_primaries=bt2020:colorspace=bt2020nc:range=tv:color_trc="
_PQ = ("-vf", f"{_BT2020}smpte2084")
_HLG = ("-vf", f"{_BT2020}arib-std-b67")
_HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
_TEN = ("-pix_fmt", "yuv420p10le")
case(
    "hdr10",
    ff(*video(), *_HEVC, *_PQ, "-tag:v", "hvc1"),
    codec="hevc",
    frames=25,
    video_bit_depth=10,
    video_color_transfer="smpte2084",
    video_color_primaries="bt2020",
    video_color_space="bt2020nc",
    video_hdr=True,
)
case("hlg", ff(*video(), *_HEVC, *_HLG), video_color_transfer="arib-std-b67", video_hdr=True, frames=25)
case(
    "hevc-hev1",
    ff(*video(), *_HEVC, "-pix_fmt", "yuv420p", "-tag:v", "hev1"),
    codec="hevc",
    frames=25,
    video_bit_depth=8,
    video_hdr=False,
)
case(
    "hevc-open-gop",
    ff(*video(), "-c:v", "libx265", "-x265-params", "log-level=none:open-gop=1:keyint=10:min-keyint=10:bframes=3"),
    codec="hevc",
    frames=25,
    video_closed_gops=False,
)
case("ten-bit-h264", ff(*video(), "-c:v", "libx264", *_TEN), video_bit_depth=10, video_hdr=False, frames=25)
case("chroma-422", ff(*video(), "-c:v", "libx264", "-pix_fmt", "yuv422p"), video_pixel_format="yuv422p", frames=25)
case("chroma-444", ff(*video(), "-c:v", "libx264", "-pix_fmt", "yuv444p"), video_pixel_format="yuv444p", frames=25)
case(
    "full-range",
    ff(*video(), "-c:v", "libx264", "-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-color_range", "pc"),
    video_color_range="pc",
    frames=25,
)
case("rgb", ff(*video(), "-c:v", "libx264rgb", "-pix_fmt", "rgb24"), video_color_space="gbr", frames=25)
case("gray", ff(*video(), "-c:v", "ffv1", "-pix_fmt", "gray", "-f", "matroska"), video_pixel_format="gray", frames=25)
case("gray-h264", ff(*video(), "-c:v", "libx264", "-pix_fmt", "gray"), frames=25)
_ALPHA = ("-f", "lavfi", "-i", "color=red@0.5:s=64x48:r=25:d=0.4,format=yuva444p10le")
case(
    "alpha-prores",
    ff(*_ALPHA, "-c:v", "prores_ks", "-profile:v", "4", "-pix_fmt", "yuva444p10le", "-f", "mov"),
    codec="prores",
    frames=10,
)
case(
    "alpha-vp9",
    ff(*_ALPHA, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", "yuva420p", "-f", "webm"),
    codec="vp9",
    frames=10,
)

for order in ("tff", "bff"):
    case(
        f"interlaced-{order}",
        ff(
            *video("64x64", "50"),
            *("-vf", f"tinterlace=interleave_{'top' if order == 'tff' else 'bottom'},setfield={order}"),
            *("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-f", "mpegts"),
        ),
        codec="mpeg2video",
        frames=25,
        fps=fps("25"),
        video_interlaced=True,
    )
case(
    "interlaced-mbaff",
    ff(*video("64x64"), "-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1"),
    frames=25,
    video_interlaced=True,
)


def _paff(*muxer: str) -> Recipe:
    def recipe(kit: Kit, path: Path) -> None:
        raw = kit.folder / "paff.h264"
        raw.write_bytes(field_pictures(25))
        kit.run("-f", "h264", "-i", raw, "-c", "copy", "-bsf:v", "setts=ts=N/50/TB:duration=1/50/TB", *muxer, path)

    return recipe


case("interlaced-paff", _paff("-f", "mpegts"), frames=25, fps=fps("25"), display=(16, 32), video_interlaced=True)

_OPEN = ("-c:v", "libx264", "-x264-params", "open-gop=1:keyint=12:bframes=3:scenecut=0")
case("open-gop", ff(*video(seconds=2), *_OPEN), frames=50, video_closed_gops=False, fps=fps("25"))
case("open-gop-ts", ff(*video(seconds=2), *_OPEN, "-f", "mpegts"), frames=50, video_closed_gops=False)


def _from_the_middle(kit: Kit, path: Path) -> None:
    data = kit.bytes(*video(seconds=2), *_OPEN, name="whole.ts")
    path.write_bytes(data[len(data) // 188 // 2 * 188 :])


case("starts-within-an-open-gop", _from_the_middle, frames=14, fps=fps("25"), video_closed_gops=False)
case(
    "long-gop-no-b",
    _h264(*video(seconds=3), more=("-g", "1000", "-bf", "0")),
    frames=75,
    video_closed_gops=True,
    grid=[(0, 0.0), (50, 2.0)],
    keys=[0],
)
case(
    "short-gops",
    ff(*video(seconds=5), "-c:v", "libx264", "-g", "10", "-bf", "2", "-sc_threshold", "0"),
    frames=125,
    grid=[(0, 0.0), (50, 2.0), (100, 4.0)],
    keys=list(range(0, 125, 10)),
)
