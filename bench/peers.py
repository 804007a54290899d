"""What others run to make the same ladder, as command lines for our ffmpeg.

Arguments were taken from the projects' own code as of 2026 and are stated here in our words:

- MediaCMS: `files/helpers.py` of mediacms-io/mediacms (`get_base_ffmpeg_command`, and the tables above it): a run for
  each rendition with its own sound, lanczos scaling, CRF 23 under 1.5 x the rendition's rate, preset "medium", or
  "faster" from 720 up; and from `files/tasks.py` and `files/models/media.py` the pictures that it makes of every video:
  a still, one every ten seconds for the pointer's preview, a short GIF. Its cutting into chunks, joining them again,
  joining the pictures and packaging by other programs are left out, which favours it.
- PeerTube: `packages/ffmpeg` of Chocobozzz/PeerTube (`ffmpeg-vod.ts`, `shared/presets.ts`,
  `ffmpeg-default-transcoding-profile.ts`), bits a pixel from `packages/core-utils/src/videos/bitrate.ts`, one thread
  and one run at a time as in `config/default.yaml`: a run for each rendition with its own sound.
- Shaka Streamer: `streamer/transcoder_node.py` and the default rates of `streamer/bitrate_configuration.py` of
  shaka-project/shaka-streamer, mode "vod": one process, preset "slow". Its packager, which runs beside, is left out,
  and its ladder is ours, where its own default would have more renditions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vidcompute.media.ladder import Rung

Command = list[str]

_SEGMENT_S = 4
AAC = ("-c:a", "aac", "-b:a", "128k", "-ac", "2")  # as the platform encodes sound
_MEDIACMS_RATE_K = {240: 300, 360: 500, 480: 1000, 720: 2500, 1080: 4500, 1440: 9000, 2160: 18000}
_MEDIACMS_KEY_S = 4
_PEERTUBE_BITS_PER_PIXEL = {240: 0.17, 360: 0.15, 480: 0.12, 720: 0.11, 1080: 0.10, 1440: 0.09, 2160: 0.08}
_PEERTUBE_LEAST_BITS_PER_PIXEL = 0.02
_SHAKA_RATE = {240: "242k", 360: "400k", 480: "2M", 720: "3M", 1080: "5M", 1440: "9M", 2160: "17M"}


@dataclass(frozen=True)
class Task:
    """A ladder to be made: of which file, where to, which rungs. `encoders` has the platform's own options of each."""

    ffmpeg: Path
    source: Path
    folder: Path
    rungs: tuple[Rung, ...]
    encoders: Mapping[str, Sequence[str]]
    frame_rate: Fraction
    source_bps: int

    def start(self, *, quiet: bool = True) -> Command:
        """How every command begins."""
        return [str(self.ffmpeg), "-nostdin", "-hide_banner", *(("-loglevel", "error") if quiet else ()), "-y"]


def one_process(task: Task) -> list[Command]:
    """The measure: one decode, split, scaled, and encoded as the platform does; segments written by ffmpeg itself."""
    taps = "".join(f"[s{n}]" for n in range(len(task.rungs)))
    scales = [f"[s{n}]{_scale(rung)}[v{n}]" for n, rung in enumerate(task.rungs)]
    command = [*task.start(), "-i", str(task.source)]
    command += ["-filter_complex", ";".join([f"[0:v]split={len(task.rungs)}{taps}", *scales])]
    for n, rung in enumerate(task.rungs):
        command += ["-map", f"[v{n}]", *_keyed(task.encoders[rung.name]), *_segments(task.folder / rung.name)]
    return [[*command, *_sound(), *_segments(task.folder / "audio")]]


def three_processes(task: Task) -> list[Command]:
    """The same with a process for each rung, as scripts do: one after the other, with as many threads as they like."""
    commands = []
    for n, rung in enumerate(task.rungs):
        command = [*task.start(), "-i", str(task.source), "-map", "0:v", "-vf", _scale(rung)]
        encoder = _without(task.encoders[rung.name], "-threads")
        command += [*_keyed(encoder), *_segments(task.folder / rung.name)]
        commands.append(command + ([*_sound(), *_segments(task.folder / "audio")] if n == 0 else []))
    return commands


def mediacms(task: Task, *, preset: str | None = None) -> list[Command]:
    """MediaCMS's encodes, with its own presets or with the one that is given."""
    return [_mediacms(task, rung, preset or ("faster" if rung.height >= 720 else "medium")) for rung in task.rungs]


def mediacms_whole(task: Task, *, preset: str) -> list[Command]:
    """All that MediaCMS makes of a video: the encodes, and the pictures that our job makes as well."""
    source = ["-i", str(task.source)]
    sprites = _made(task.folder / "mediacms-sprites") / "img%03d.jpg"
    return [
        *mediacms(task, preset=preset),
        [*task.start(), "-ss", "2", *source, "-vframes", "1", str(task.folder / "mediacms-poster.jpg")],
        [*task.start(), *source, "-f", "image2", "-vf", "fps=1/10, scale=160:90", str(sprites)],
        [
            *(*task.start(), "-ss", "3", *source, "-vf", "scale=344:-1:flags=lanczos,fps=1"),
            *("-t", "25", "-f", "gif", str(task.folder / "mediacms-preview.gif")),
        ],
    ]


def _mediacms(task: Task, rung: Rung, preset: str) -> Command:
    height, width = rung.height, round(rung.height * 16 / 9)
    rate_k = int(_MEDIACMS_RATE_K[height] * 1.5)
    key = int(task.frame_rate * _MEDIACMS_KEY_S)
    fit = f"if(lt(iw\\,ih)\\,{height}\\,{width}):if(lt(iw\\,ih)\\,{width}\\,{height})"
    scale = f"scale={fit}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=lanczos"
    return [
        *(*task.start(), "-i", str(task.source), "-c:v", "libx264"),
        *("-filter:v", f"{scale},fps=fps={task.frame_rate}", "-pix_fmt", "yuv420p", "-crf", "23"),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-maxrate", f"{rate_k}k", "-bufsize", f"{rate_k}k"),
        *("-force_key_frames", f"expr:gte(t,n_forced*{_MEDIACMS_KEY_S})"),
        *("-x264-params", f"keyint={key * 2}:keyint_min={key}", "-preset", preset, "-profile:v", "main"),
        *("-level", "4.2" if height <= 1080 else "5.2", "-strict", "-2"),
        str(task.folder / f"mediacms-{rung.name}.mp4"),
    ]


def peertube(task: Task) -> list[Command]:
    """PeerTube's runs, one after the other."""
    return [_peertube(task, rung) for rung in task.rungs]


def _peertube(task: Task, rung: Rung) -> Command:
    pixels_per_s = rung.height * rung.width_px * task.frame_rate
    usual = int(pixels_per_s * Fraction(_PEERTUBE_BITS_PER_PIXEL[rung.height]))
    least = int(pixels_per_s * Fraction(_PEERTUBE_LEAST_BITS_PER_PIXEL))
    target_bps = max(least, min(usual, task.source_bps * 13 // 10))
    folder = _made(task.folder / f"peertube-{rung.name}")
    return [
        *(*task.start(), "-i", str(task.source), "-threads", "1", "-c:a", "aac", "-c:v", "libx264"),
        *("-max_muxing_queue_size", "1024", "-map_metadata", "-1", "-pix_fmt", "yuv420p"),
        *("-channel_layout", "stereo", "-b:a", "128k", "-vf", f"scale=w=-2:h={rung.height}"),
        *("-preset", "veryfast", "-maxrate:v", str(target_bps), "-bufsize:v", str(target_bps * 2)),
        *("-b_strategy", "1", "-bf", "16", "-r", str(task.frame_rate), "-g:v", str(round(task.frame_rate * 2))),
        *("-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod"),
        *("-hls_segment_filename", str(folder / "video.mp4"), "-hls_segment_type", "fmp4"),
        *("-f", "hls", "-hls_flags", "single_file", str(folder / "index.m3u8")),
    ]


def shaka(task: Task) -> list[Command]:
    """Shaka Streamer's one process, at its default rates and preset."""
    command = [*task.start(), "-i", str(task.source), "-i", str(task.source)]
    command += ["-map", "1:a:0", "-vn", "-ac", "2", "-c:a", "aac", "-b:a", "128k", "-f", "mpegts"]
    command += [str(task.folder / "shaka-audio.ts")]
    key = str(round(task.frame_rate * _SEGMENT_S))
    for rung in task.rungs:
        profile = "high" if rung.height >= 720 else "main"
        command += ["-map", "0:v:0", "-preset", "slow", "-flags", "+loop", "-f", "mpegts", "-pix_fmt", "yuv420p"]
        command += ["-flags", "+cgop", "-profile:v", profile, "-an", "-c:v", "h264", "-b:v", _SHAKA_RATE[rung.height]]
        command += ["-keyint_min", key, "-g", key, "-vf", f"scale=-2:{rung.height}"]
        command += [str(task.folder / f"shaka-{rung.name}.ts")]
    return [command]


def _scale(rung: Rung) -> str:
    return f"scale={rung.width_px}:{rung.height_px}:flags=bicubic,setsar=1,format=yuv420p"


def _keyed(encoder: Sequence[str]) -> Command:
    return [*encoder, "-force_key_frames", "expr:gte(t,n_forced*2)"]


def _without(arguments: Sequence[str], option: str) -> Command:
    at = arguments.index(option)
    return [*arguments[:at], *arguments[at + 2 :]]


def _sound() -> Command:
    return ["-map", "0:a", *AAC]


def _segments(folder: Path) -> Command:
    _made(folder)
    names = ["-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", str(folder / "%d.m4s")]
    kind = ["-f", "hls", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod", "-hls_time", str(_SEGMENT_S)]
    return [*kind, *names, str(folder / "index.m3u8")]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
