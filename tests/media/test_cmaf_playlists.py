"""A stream of ours, as files: FFmpeg plays its HLS and its DASH, and the checker finds nothing."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from vidcompute.media.cmaf import AudioCutter, CutStream, Cutter, InitSegment, Segment, SegmentCutter, SegmentPlan
from vidcompute.media.dash import manifest
from vidcompute.media.hls_check import check
from vidcompute.media.playlists import (
    AudioTrack,
    VideoTrack,
    iframe_playlist,
    media_playlist,
    multivariant_playlist,
    target_duration_s,
)

STEP, TIMESCALE = 1001, 30000
DELAY = 2 * STEP
FRAMES = 210
PLAN = [SegmentPlan(frames=120), SegmentPlan(frames=90)]
FRAGMENTED = ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]


def run(ffmpeg: str, *arguments: str) -> bytes:
    command = [ffmpeg, "-v", "error", "-nostdin", "-y", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=90).stdout


def write(folder: Path, data: bytes, cutter: Cutter, delay: int = 0) -> tuple[InitSegment, list[Segment]]:
    """Cut an encoder's output into files of a folder."""
    folder.mkdir(parents=True)
    stream = CutStream(cutter)
    made = [*stream.feed(data), *stream.finish()]
    init = next(item for item in made if isinstance(item, InitSegment))
    segments = [item for item in made if isinstance(item, Segment)]
    (folder / "init.mp4").write_bytes(init.to_bytes(delay))
    for segment in segments:
        (folder / f"{segment.info.number}.m4s").write_bytes(segment.data)
    return init, segments


def video_track(ffmpeg: str, root: Path, height: int) -> VideoTrack:
    width = height * 16 // 9
    data = run(
        ffmpeg, "-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=30000/1001", "-frames:v", str(FRAMES),
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0",
        "-color_trc", "bt709", "-b:v", "300k", "-video_track_timescale", str(TIMESCALE), *FRAGMENTED, "pipe:1",
    )  # fmt: skip
    cutter = SegmentCutter(TIMESCALE, PLAN, frame_duration=STEP, composition_delay=DELAY)
    name = f"h264-{height}"
    init, segments = write(root / "t" / name, data, cutter, DELAY)
    infos = tuple(s.info for s in segments)
    rate = Fraction(TIMESCALE, STEP)
    return VideoTrack(name, init.codec_string, TIMESCALE, infos, f"t/{name}", None, init.width, init.height, rate)


def audio_track(ffmpeg: str, root: Path) -> AudioTrack:
    data = run(
        ffmpeg, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8", "-c:a", "aac", "-ac", "2",
        "-b:a", "96k", *FRAGMENTED, "-frag_duration", "500000", "pipe:1",
    )  # fmt: skip
    ends = [round(Fraction(frames * STEP * 48000, TIMESCALE)) for frames in (120, FRAMES)]
    init, segments = write(root / "t" / "audio-0", data, AudioCutter(48000, ends, drop_frames=1))
    infos = tuple(s.info for s in segments)
    return AudioTrack("audio-0", init.codec_string, 48000, infos, "t/audio-0", None, "en", "", True, init.channels)


@pytest.fixture(scope="module")
def published(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stream")
    videos = [video_track(ffmpeg, root, height) for height in (288, 144)]
    audios = [audio_track(ffmpeg, root)]
    target = target_duration_s([*videos, *audios])
    for track in (*videos, *audios):
        (root / track.folder / "index.m3u8").write_text(media_playlist(track, target))
    for video in videos:
        (root / video.folder / "iframes.m3u8").write_text(iframe_playlist(video))
    (root / "main.m3u8").write_text(multivariant_playlist(videos, audios))
    (root / "main.mpd").write_text(manifest(videos, audios))
    return root


def shown(ffmpeg: str, source: Path, stream: str) -> list[Fraction]:
    """When each decoded frame of a stream is shown, in seconds."""
    text = run(
        ffmpeg, "-copyts", "-allowed_extensions", "ALL", "-i", str(source), "-map", f"0:{stream}",
        "-fps_mode", "passthrough", "-enc_time_base", "1/48000", "-f", "framemd5", "-",
    ).decode()  # fmt: skip
    lines = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    base = next(line for line in text.splitlines() if line.startswith("#tb")).split(":")[1]
    return [Fraction(line[2].strip()) * Fraction(base.strip()) for line in lines]


def test_ffmpeg_plays_our_hls(ffmpeg: str, published: Path) -> None:
    for folder in ("h264-288", "h264-144"):
        times = shown(ffmpeg, published / "t" / folder / "index.m3u8", "v:0")
        assert len(times) == FRAMES
        wanted = [Fraction(i * STEP, TIMESCALE) for i in range(FRAMES)]
        assert max(abs(a - b) for a, b in zip(times, wanted, strict=True)) < Fraction(1, 10000)
    sound = shown(ffmpeg, published / "t" / "audio-0" / "index.m3u8", "a:0")
    assert sound[0] == 0


def test_ffmpeg_plays_our_dash(ffmpeg: str, published: Path) -> None:
    demuxers = run(ffmpeg, "-hide_banner", "-demuxers").decode()
    assert " dash " in demuxers
    text = run(
        ffmpeg, "-i", str(published / "main.mpd"), "-map", "0:v:0", "-map", "0:a:0", "-f", "framemd5", "-",
    ).decode()  # fmt: skip
    streams = [line.split(",")[0] for line in text.splitlines() if not line.startswith("#")]
    assert streams.count("0") == FRAMES
    assert streams.count("1") > 300


def test_the_checker_finds_nothing(published: Path) -> None:
    report = check("main.m3u8", lambda url: (published / url).read_bytes())
    assert [f for f in report.findings if f.rule != "peak-to-average"] == []
    assert report.notes == ()
    assert report.segments == 14
