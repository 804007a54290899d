"""ffmpeg itself: where it is, which one it is, and how an untrusted file is handed to it."""

import hashlib
import os
import re
import shutil
from functools import lru_cache
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError, refused
from vidcompute.media.run import capture

# Below this, a crafted file can write beyond the heap through the MagicYUV decoder (CVE-2026-8461, fixed in 8.1.2)
# or through a MOV's encryption boxes (CVE-2026-40962, fixed in 8.1).
FLOOR = (8, 1, 2)

MAX_STREAMS = 100
MAX_PIXELS = 36_000_000  # 8K: 7680 x 4320 upright or lying, and DCI's 8192 x 4320

# Containers that hold media, and nothing that names other files or hosts: no hls, dash, imf, concat, sdp, rtsp, rtp,
# lavfi, ffmetadata, image2, avisynth, no files of subtitles, and no raw formats that match anything. Names as ffmpeg
# lists them.
DEMUXERS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "asf", "mxf", "gxf", "dv", "nut"),
    *("ogg", "wav", "w64", "mp3", "flac", "aac", "ac3", "eac3", "dts", "truehd", "caf", "aiff", "au", "amr", "ape"),
    *("tta", "wv", "gif", "rm", "wtv", "h264", "hevc", "vvc", "m4v", "h261", "h263", "ivf", "av1", "obu", "vc1"),
    *("mjpeg", "yuv4mpegpipe"),
)

# Decoders of codecs that videos are really made with. Software only: hardware paths are other people's drivers. What
# is missing here is hardly ever met (game formats, screen codecs of the nineties) and badly tested.
DECODERS = (
    *("h264", "hevc", "vvc", "libdav1d", "av1", "vp9", "vp8", "vp7", "vp6", "vp6a", "vp6f", "vp3", "theora"),
    *("mpeg1video", "mpeg2video", "mpegvideo", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "wmv3"),
    *("vc1", "flv", "h261", "h263", "h263i", "h263p", "mjpeg", "mjpegb", "jpeg2000", "prores", "dnxhd", "dvvideo"),
    *("cfhd", "apv", "hap", "ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "v210", "r210", "qtrle", "png"),
    *("gif", "svq1", "svq3", "cinepak", "indeo3", "indeo4", "indeo5", "rv10", "rv20", "rv30", "rv40", "flashsv"),
    *("camtasia", "zmbv", "msrle", "msvideo1", "rpza", "smc"),
    *("aac", "aac_latm", "mp1float", "mp2float", "mp3float", "mp1", "mp2", "mp3", "ac3", "eac3", "dca", "truehd"),
    *("mlp", "opus", "libopus", "vorbis", "flac", "alac", "als", "ape", "tta", "wavpack", "speex", "nellymoser"),
    *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "amrnb", "amrwb", "gsm", "gsm_ms", "qdm2", "qdmc"),
    *("qcelp", "cook", "real_144", "real_288", "sipr", "atrac3", "ralf", "dvaudio", "s302m", "mace3", "mace6"),
    *("pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_s8", "pcm_u8", "pcm_s8_planar"),
    *("pcm_s16le", "pcm_s16be", "pcm_s16le_planar", "pcm_s16be_planar", "pcm_u16le", "pcm_u16be"),
    *("pcm_s24le", "pcm_s24be", "pcm_s24le_planar", "pcm_u24le", "pcm_u24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_s32le_planar", "pcm_u32le", "pcm_u32be", "pcm_s64le", "pcm_s64be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_f16le", "pcm_f24le"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha", "g722", "g726", "g726le"),
)

# Texts within those containers, whose packets are text themselves. Bitmaps (DVD, Blu-ray, DVB) are none.
TEXT_DECODERS = ("subrip", "srt", "mov_text", "webvtt", "ass", "ssa")


def locate(override: str | None = None) -> Path:
    """The absolute path of the ffmpeg to use: `override`, or the one that came with the `imageio-ffmpeg` wheel.

    Raises `ffmpeg_not_found` (kind unavailable).
    """
    found = shutil.which(override) if override else _from_wheel()
    if found is None:
        where = f"at {override!r}" if override else "in the imageio-ffmpeg wheel"
        raise VidComputeError(Kind.UNAVAILABLE, "ffmpeg_not_found", f"There is no ffmpeg {where}.")
    return Path(found).absolute()


def _from_wheel() -> str | None:
    import imageio_ffmpeg

    try:
        name = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None
    return shutil.which(name)


def _about(path: Path) -> str:
    stat = path.stat()
    return _about_file(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _about_file(path: str, _size_bytes: int, _mtime_ns: int) -> str:
    return capture([path, "-hide_banner", "-version"])


def version(path: Path) -> str:
    """The version as this ffmpeg states it, such as "9.0.2" or "n9.0.2-17-g2a571b6068". Asked once a process."""
    found = re.match(r"ffmpeg version (\S+)", _about(path))
    return found.group(1) if found else "unknown"


def version_numbers(text: str) -> tuple[int, ...] | None:
    """The release that a stated version belongs to, as numbers; None for a build that names none (from git, say)."""
    found = re.match(r"n?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else None


def safety_warning(path: Path) -> str | None:
    """A sentence for people when this ffmpeg is older than the safe floor, or can't be told; None when it is fine."""
    stated = version(path)
    floor = ".".join(map(str, FLOOR))
    numbers = version_numbers(stated)
    if numbers is None:
        return f"ffmpeg states the version {stated!r}: it can't be told whether it is at least {floor}."
    if numbers < FLOOR:
        return f"ffmpeg {stated} is older than {floor}: crafted files can break into it. Use a newer one."
    return None


def build_id(path: Path) -> str:
    """A stable text for content keys: the version, and a hash over the configuration and the libraries' versions."""
    return f"{version(path)}+{hashlib.sha256(_about(path).encode()).hexdigest()[:16]}"


@lru_cache(maxsize=8)
def encoders(path: Path) -> frozenset[str]:
    """The names of the encoders that this ffmpeg was built with."""
    listing = capture([str(path), "-hide_banner", "-encoders"])
    return frozenset(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", listing.partition("------")[2], re.MULTILINE))


def file_url(path: Path) -> str:
    """A local file as ffmpeg is always given it: absolute and with its protocol, so that no name is read as one."""
    return f"file:{os.fspath(path.absolute())}"


def global_args() -> list[str]:
    """What stands first in every command line of ours.

    Each line of stderr carries its level, so that failures can tell what matters. There is no `-xerror`: one damaged
    packet of a long video is no reason to have nothing; what came out is counted afterwards. `-max_error_rate` stays
    at its default, by which a file that mostly does not decode fails.
    """
    return ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+warning"]


def short_name(container: str) -> str:
    """The one name of a demuxer to give to `-f`, from what a probe calls it ("mov,mp4,m4a,3gp,3g2,mj2").

    Raises `unsupported_container` (kind refused) for one that is not in `DEMUXERS`.
    """
    for name in container.split(","):
        if name in DEMUXERS:
            return name
    raise refused("unsupported_container", f"Files of the kind {container!r} are not accepted.")


def input_args(path: Path, container: str | None = None, *, decode: bool = True, texts: bool = False) -> list[str]:
    """An untrusted local file as an input of ffmpeg, ending in `-i`: allow-lists and caps included.

    `container` is the demuxer as the probe found it; say it wherever it is known, so that nothing is guessed twice.
    With `decode` False (stream copy) the decoders' caps are left out; with `texts` decoders of texts are allowed too.
    """
    args = ["-protocol_whitelist", "file", "-format_whitelist", ",".join(DEMUXERS), "-codec_whitelist"]
    args += [",".join((*DECODERS, *TEXT_DECODERS) if texts else DECODERS), "-max_streams", str(MAX_STREAMS)]
    if decode:
        # LCEVC enhancement data is exported, not applied: applying it writes beyond the frame up to 9.0.2
        # (CVE-2026-125262).
        args += ["-max_pixels", str(MAX_PIXELS), "-export_side_data", "enhancements"]
    if container is not None:
        name = short_name(container)
        args += ["-f", name]
        if name == "mov":
            # The defaults, said aloud: a MOV may name other files to take its media from.
            args += ["-enable_drefs", "0", "-use_absolute_path", "0"]
    return [*args, "-i", file_url(path)]


def container_options() -> dict[str, str]:
    """The same allow-lists for libavformat's own callers (`av.open(file_url(path), options=…)`)."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(DECODERS),
        "max_streams": str(MAX_STREAMS),
    }
