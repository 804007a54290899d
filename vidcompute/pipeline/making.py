"""Tracks that more than one stage makes: a source's own picture as it is, and its sounds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from vidcompute.errors import VidComputeError
from vidcompute.media import tracks
from vidcompute.media.audio import (
    BITRATE_BPS,
    DECODED,
    AudioCut,
    audio_args,
    audio_input,
    cutter,
    decode_command,
    decoded,
)
from vidcompute.media.encode import VideoCut, command, copy_args, video_input
from vidcompute.media.progress import FfmpegProgress
from vidcompute.media.run import run
from vidcompute.pipeline.stage import Work

_PIPE = "pipe:3"


def copy_line(cut: VideoCut, ffmpeg: Path, source: Path) -> list[str]:
    """The command line that copies a stretch of the picture; the track goes to a pipe at descriptor 3."""
    return command(ffmpeg, video_input(cut, source, decode=False), copy_args(cut, _PIPE))


def copy_picture(work: Work, track: str, cut: VideoCut) -> dict[str, Any]:
    """Copy packets into segments; nothing of the picture is touched. Raises what `tracks.make` raises."""
    writer = tracks.video_writer(work.output / track, cut, copy=True)
    tracks.make(
        copy_line(cut, work.ffmpeg, work.path("source")),
        {3: writer},
        on_line=work.log,
        on_progress=lambda r: work.progress(min(1.0, (r.frame or 0) / cut.frames), frame=r.frame, speed=r.speed),
    )
    return writer.facts()


def sound_line(cut: AudioCut, ffmpeg: Path, source: Path) -> list[str]:
    """The command line that makes a sound; the track goes to a pipe at descriptor 3."""
    return command(ffmpeg, audio_input(cut, source), audio_args(cut, _PIPE))


def make_sound(work: Work, cut: AudioCut) -> dict[str, Any]:
    """Make a track of sound; a copy whose packets are not what the container said is encoded instead.

    Where the encoder's output is not what was promised either, because the source changes its channels or its sample
    rate on the way, the source is decoded to PCM of one kind first.
    """
    encoded = replace(cut, copy=False, offset=0, bitrate_bps=BITRATE_BPS)
    tries = [(cut, "The sound is encoded instead of copied.")] if cut.copy else []
    for part, otherwise in (*tries, (encoded, "The sound is decoded as a whole, and encoded then.")):
        try:
            return _sound(work, part, work.path("source"))
        except VidComputeError as error:
            if error.code != "encode_mismatch":
                raise
            work.log(f"{error.detail} {otherwise}", "warning")
    plain = work.scratch / f"{cut.track}.{DECODED}"
    decoding = decode_command(work.ffmpeg, encoded, work.path("source"), plain)
    run(decoding, timeout_s=6 * 3600, idle_timeout_s=300, on_line=work.log, on_progress=lambda _: None)
    return _sound(work, decoded(encoded), plain)


def _sound(work: Work, cut: AudioCut, source: Path) -> dict[str, Any]:
    writer = tracks.TrackWriter(work.output / cut.track, cutter(cut))
    duration_ms = 1000 * cut.boundaries[-1] // cut.sample_rate

    def tell(report: FfmpegProgress) -> None:
        done_ms = (report.out_time_us or 0) // 1000
        work.progress(min(1.0, done_ms / max(1, duration_ms)), media_time_ms=done_ms, speed=report.speed)

    tracks.make(sound_line(cut, work.ffmpeg, source), {3: writer}, on_line=work.log, on_progress=tell)
    return writer.facts()
