"""The video to begin with where none is given: moving pictures, cuts, a running clock, sound."""

from dataclasses import dataclass
from pathlib import Path

from vidcompute.media.ffmpeg import file_url, global_args

SCENE_S = 6
RATE = 30
_SIZE = "1920x1080"
_KEYFRAMES_S = 2


@dataclass(frozen=True)
class _Scene:
    """A generated picture, how it is brought to full size, and the tone that sounds with it (Hz)."""

    picture: str
    scaling: str
    tone_hz: int


# Small pictures made large: that is quick, and pixels that one can count are no blur.
_SCENES = (
    _Scene(f"testsrc2=size={_SIZE}", "", 262),
    _Scene("mandelbrot=size=480x270:start_scale=1.2:end_scale=0.02:end_pts=200", "bicubic", 330),
    _Scene("gradients=size=480x270:speed=0.03:nb_colors=6:seed=7", "bicubic", 392),
    _Scene(
        "life=size=160x90:ratio=0.14:mold=8:seed=5:stitch=1:life_color=0x50e0a0:death_color=0x283060", "neighbor", 440
    ),
    _Scene("gradients=size=480x270:speed=0.05:nb_colors=4:seed=21:type=spiral", "bicubic", 523),
)
DURATION_S = SCENE_S * len(_SCENES)
FRAMES = DURATION_S * RATE


def command(ffmpeg: Path, target: Path) -> list[str]:
    """The command line that makes the sample (1080p, 30 frames a second, H.264 and AAC) as the file `target`."""
    inputs: list[str] = []
    for scene in _SCENES:
        inputs += ["-f", "lavfi", "-t", str(SCENE_S), "-i", f"{scene.picture}:rate={RATE}"]
    for scene in _SCENES:
        tone = f"sine=frequency={scene.tone_hz}:beep_factor=4:sample_rate=48000"
        inputs += ["-f", "lavfi", "-t", str(SCENE_S), "-i", tone]
    # The only text that needs no font: testsrc2's clock, cut out and made large.
    inputs += ["-f", "lavfi", "-t", str(DURATION_S), "-i", f"testsrc2=size=128x72:rate={RATE}"]
    gop = str(_KEYFRAMES_S * RATE)
    return [
        *(str(ffmpeg), *global_args(), *inputs, "-filter_complex", _graph(), "-map", "[shown]", "-map", "[heard]"),
        *("-c:v", "libx264", "-preset", "superfast", "-crf", "24", "-maxrate", "6M", "-bufsize", "9M"),
        *("-profile:v", "high", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-bf", "2"),
        *("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-t", str(DURATION_S), "-movflags", "+faststart"),
        *("-f", "mp4", "-y", file_url(target)),
    ]


def _graph() -> str:
    count = len(_SCENES)
    parts = []
    for number, scene in enumerate(_SCENES):
        scaling = f"scale={_SIZE.replace('x', ':')}:flags={scene.scaling}," if scene.scaling else ""
        parts.append(f"[{number}]{scaling}setsar=1,format=yuv420p[v{number}]")
    pairs = "".join(f"[v{number}][{count + number}]" for number in range(count))
    parts.append(f"{pairs}concat=n={count}:v=1:a=1[scenes][heard]")
    parts.append(f"[{2 * count}]crop=100:36:2:2,scale=400:144:flags=neighbor,format=yuv420p[clock]")
    parts.append("[scenes][clock]overlay=x=48:y=48[shown]")
    return ";".join(parts)
