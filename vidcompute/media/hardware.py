"""Whether encoders and decoders in hardware work here: by using them, through all that an encode goes through."""

from collections.abc import Sequence
from pathlib import Path

from vidcompute.errors import VidComputeError
from vidcompute.media import encoders, levels, tracks
from vidcompute.media.encode import VideoCut, command, encode_args, video_input
from vidcompute.media.ffmpeg import file_url, global_args, input_args
from vidcompute.media.ladder import QUALITY, Rung
from vidcompute.media.run import run
from vidcompute.media.timeline import RateRule

_WIDTH_PX, _HEIGHT_PX, _RATE, _TICKS = 640, 360, 30, 512
_GOPS = ((10, 5), (15,))
_FRAMES = 30
_PEAK_BPS = 2_000_000
_TIMEOUT_S = 10.0
_PIPE = 3
_CONTAINER = "mov"


def make_clip(ffmpeg: Path, folder: Path) -> Path:
    """A second of moving picture to try on, made in software. Raises what `run` raises."""
    target = folder / "hardware.mp4"
    picture = f"testsrc2=size={_WIDTH_PX}x{_HEIGHT_PX}:rate={_RATE}"
    making = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "15", "-pix_fmt", "yuv420p"]
    line = [str(ffmpeg), *global_args(), "-f", "lavfi", "-i", picture, "-frames:v", str(_FRAMES), *making]
    run([*line, "-video_track_timescale", str(_RATE * _TICKS), file_url(target)], timeout_s=_TIMEOUT_S)
    return target


def encoder_problem(ffmpeg: Path, encoder: str, clip: Path, folder: Path) -> str:
    """Why an encoder can't make a rung: it fails, or frames are missing, or key frames are elsewhere; "" if it can."""
    part, rung = _cut(), _rung(encoder)
    line = command(
        ffmpeg,
        encoders.device([encoder]),
        video_input(part, clip),
        encode_args(part, [(rung, f"pipe:{_PIPE}")], threads=1, by=[encoder]),
    )
    try:
        writer = tracks.video_writer(folder / encoder, part, codec=rung.codec)
        tracks.make(line, {_PIPE: writer}, idle_timeout_s=_TIMEOUT_S)
    except VidComputeError as error:
        return _told(error)
    return ""


def decoder_problem(ffmpeg: Path, decoder: str, clip: Path) -> str:
    """Why a decoder in hardware doesn't give the frames of a clip; "" if it does."""
    try:
        run(_decoding(ffmpeg, decoder, clip), timeout_s=_TIMEOUT_S)
    except VidComputeError as error:
        return _told(error)
    return ""


def _told(error: VidComputeError) -> str:
    # Builds of ffmpeg that load a driver's libraries when they need them abort where there are none.
    crashed = error.code == "ffmpeg_crashed"
    return "ffmpeg crashes: a library of the driver may be missing" if crashed else error.detail


def _decoding(ffmpeg: Path, decoder: str, clip: Path) -> Sequence[str]:
    # What stays in the device's memory can't have been decoded in software, as ffmpeg does where hardware refuses.
    staying = ["-hwaccel_output_format", decoder]
    reading = [*encoders.decoder(decoder), *staying, *input_args(clip, _CONTAINER)]
    device = encoders.device([f"h264_{decoder}"])
    return [str(ffmpeg), *global_args(), *device, *reading, "-vf", "hwdownload,format=nv12", "-f", "null", "-"]


def _rung(encoder: str) -> Rung:
    codec = encoders.codec_of(encoder)
    level = levels.level(codec, _WIDTH_PX, _HEIGHT_PX, _cut().frame_rate, _PEAK_BPS)
    return Rung(encoder, codec, _HEIGHT_PX, _WIDTH_PX, _HEIGHT_PX, QUALITY[codec], None, _PEAK_BPS, level)


def _cut() -> VideoCut:
    return VideoCut(
        stream=0,
        container=_CONTAINER,
        time_base=(1, _RATE * _TICKS),
        zero_pts=0,
        seek_pts=0,
        start_pts=0,
        end_pts=None,
        rule=RateRule.EVERY,
        rate=(_RATE, 1),
        timescale=_RATE * _TICKS,
        frame_ticks=_TICKS,
        first_segment=0,
        start_ticks=0,
        end_ticks=_FRAMES * _TICKS,
        delay_ticks=2 * _TICKS,
        gops=_GOPS,
        display_size=(_WIDTH_PX, _HEIGHT_PX),
        deinterlace=False,
        hdr=False,
    )
