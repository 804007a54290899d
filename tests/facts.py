"""Facts of imagined sources, for tests that need no file."""

from fractions import Fraction

from vidcompute.media.facts import AudioFacts, FramePoint, SourceFacts, VideoFacts

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


def video_facts(
    *,
    width: int = 1920,
    height: int = 1080,
    frames: int = 1800,
    rate: Fraction = Fraction(30),
    time_base: Fraction = Fraction(1, 15360),
    start_pts: int = 0,
    keyframe_every: int = 250,
    codec: str = "h264",
    steady: bool = True,
    longest_gap_ms: int = 40,
    hdr: bool = False,
    interlaced: bool = False,
) -> VideoFacts:
    """A steady H.264 source, 1080p30 for a minute unless said otherwise."""

    def pts(index: int) -> int:
        return start_pts + round(index / rate / time_base)

    grid = {}
    for second in range(0, int(frames / rate) + 1, 2):
        index = -(-second * rate.numerator // rate.denominator)
        if index < frames:
            grid[index] = FramePoint(index, pts(index))
    return VideoFacts(
        index=0,
        codec=codec,
        profile="High",
        level=40,
        width=width,
        height=height,
        display_width=width,
        display_height=height,
        rotation=0,
        sample_aspect=Fraction(1),
        pixel_format="yuv420p10le" if hdr else "yuv420p",
        bit_depth=10 if hdr else 8,
        color_primaries="bt2020" if hdr else "bt709",
        color_transfer="smpte2084" if hdr else "bt709",
        color_space="bt2020nc" if hdr else "bt709",
        color_range="tv",
        interlaced=interlaced,
        time_base=time_base,
        start_pts=start_pts,
        end_pts=pts(frames),
        frame_rate=rate,
        steady=steady,
        frame_count=frames,
        longest_gap_ms=longest_gap_ms,
        bitrate_bps=4_000_000,
        grid=tuple(grid.values()),
        keyframes=tuple(FramePoint(i, pts(i)) for i in range(0, frames, keyframe_every)),
    )


def audio_facts(*, codec: str = "aac", start_pts: int = 0, seconds: int = 60, rate: int = 48_000) -> AudioFacts:
    """A stereo track."""
    return AudioFacts(
        index=1,
        codec=codec,
        profile="LC" if codec == "aac" else "",
        sample_rate=rate,
        channels=2,
        layout="stereo",
        language="und",
        title="",
        default=True,
        time_base=Fraction(1, rate),
        start_pts=start_pts,
        end_pts=start_pts + seconds * rate,
        bitrate_bps=128_000,
        gapless=True,
    )


def source_facts(video: VideoFacts | None, *audio: AudioFacts) -> SourceFacts:
    """A source of these tracks."""
    duration = video.duration if video else audio[0].duration
    return SourceFacts(MP4, 1_000_000, round(1000 * duration), 4_000_000, video, audio)
