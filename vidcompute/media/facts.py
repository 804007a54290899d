"""What a probe finds out about a source. Times are whole ticks of a stated time base, or Fractions of seconds."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class FramePoint:
    """A frame in presentation order: its number from 0 and its time in ticks of the stream's time base."""

    index: int
    pts: int


@dataclass(frozen=True)
class VideoFacts:
    """One video stream.

    `width` and `height` are the decoder's, cropping applied; `display_width` and `display_height` are what a viewer
    sees, square pixels and rotation applied. `frame_rate` is frames a second over the whole length. `steady` says that
    frames are evenly spaced (within a tick of rounding). `grid` has the first frame at or after every 2 s of media,
    once where it stands for longer; `keyframes` every random access point; both begin with frame 0. `frame_count`
    counts frames that are presented: from the first that can be decoded on, without those that an edit list hides.
    Colours have ffmpeg's names, or "unknown". A source without timestamps has even ones, counted from 0.
    """

    index: int
    codec: str
    profile: str
    level: int
    width: int
    height: int
    display_width: int
    display_height: int
    rotation: int  # degrees clockwise that a player turns it: 0, 90, 180, 270
    sample_aspect: Fraction
    pixel_format: str
    bit_depth: int
    color_primaries: str
    color_transfer: str
    color_space: str
    color_range: str
    interlaced: bool
    time_base: Fraction
    start_pts: int
    end_pts: int  # where the last frame's display ends
    frame_rate: Fraction
    steady: bool
    frame_count: int
    longest_gap_ms: int
    bitrate_bps: int
    grid: tuple[FramePoint, ...] = field(repr=False, default=())
    keyframes: tuple[FramePoint, ...] = field(repr=False, default=())
    # Every keyframe is an IDR (or its like), and the first frame shown is one: cutting there loses nothing.
    closed_gops: bool = True
    mirrored: bool = False  # its display matrix flips it vertically before `rotation` is applied

    @property
    def video_range(self) -> str:
        """PQ or HLG by the transfer (ITU-R BT.2100), else SDR."""
        return {"smpte2084": "PQ", "arib-std-b67": "HLG"}.get(self.color_transfer, "SDR")

    @property
    def hdr(self) -> bool:
        """Whether the range is wider than the standard one."""
        return self.video_range != "SDR"

    @property
    def start(self) -> Fraction:
        """When the first frame is shown, in seconds of the source's clock."""
        return self.start_pts * self.time_base

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last frame's end."""
        return (self.end_pts - self.start_pts) * self.time_base


@dataclass(frozen=True)
class AudioFacts:
    """One audio stream. `gapless` says that its packets follow each other with no hole over 20 ms."""

    index: int
    codec: str
    profile: str
    sample_rate: int
    channels: int
    layout: str
    language: str  # BCP 47, "und" where the source does not say
    title: str
    default: bool
    time_base: Fraction
    start_pts: int
    end_pts: int
    bitrate_bps: int
    gapless: bool
    decodable: bool = True

    @property
    def start(self) -> Fraction:
        """When its first sample sounds, in seconds of the source's clock."""
        return self.start_pts * self.time_base

    @property
    def duration(self) -> Fraction:
        """Seconds from first to last sample."""
        return (self.end_pts - self.start_pts) * self.time_base


@dataclass(frozen=True)
class TextFacts:
    """One stream of text: `captions` are for who does not hear, `forced` are shown even where no text is wanted."""

    index: int
    codec: str
    language: str  # BCP 47, "und" where the source does not say
    title: str
    forced: bool
    captions: bool


@dataclass(frozen=True)
class ChapterFacts:
    """A part of the source: where it begins in the outputs, and its name, empty where it has none."""

    start_ms: int
    title: str


@dataclass(frozen=True)
class SourceFacts:
    """A source as probed: at least one of `video` and `audio` is there. `warnings` are in plain words, for people."""

    container: str  # the demuxer's short name, as sniff() gives it: "mov" (MP4 too), "matroska" (WebM too), "mpegts"…
    size_bytes: int
    duration_ms: int  # from `start` to the latest end of any stream
    bitrate_bps: int
    video: VideoFacts | None
    audio: tuple[AudioFacts, ...]
    warnings: tuple[str, ...] = ()
    texts: tuple[TextFacts, ...] = ()
    chapters: tuple[ChapterFacts, ...] = ()

    @property
    def start(self) -> Fraction:
        """The instant of the source's clock that becomes 0 of every output: the first picture, or the first sound."""
        return self.video.start if self.video else self.audio[0].start


def to_json(facts: SourceFacts) -> dict[str, Any]:
    """Facts as plain JSON values: Fractions as "num/den" texts, frame points as `[index, pts]`."""
    return {name: _plain(value) for name, value in vars(facts).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, FramePoint):
        return [value.index, value.pts]
    if isinstance(value, VideoFacts | AudioFacts | TextFacts | ChapterFacts):
        return {name: _plain(inner) for name, inner in vars(value).items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value


def from_json(data: dict[str, Any]) -> SourceFacts:
    """The inverse of `to_json`."""
    video = data["video"]
    return SourceFacts(
        **{
            **data,
            "video": None if video is None else _video(video),
            "audio": tuple(AudioFacts(**{**a, "time_base": Fraction(a["time_base"])}) for a in data["audio"]),
            "warnings": tuple(data["warnings"]),
            # older probes looked for neither
            "texts": tuple(TextFacts(**text) for text in data.get("texts", ())),
            "chapters": tuple(ChapterFacts(**chapter) for chapter in data.get("chapters", ())),
        }
    )


def _video(data: dict[str, Any]) -> VideoFacts:
    fractions = {name: Fraction(data[name]) for name in ("sample_aspect", "time_base", "frame_rate")}
    points = {name: tuple(FramePoint(i, p) for i, p in data[name]) for name in ("grid", "keyframes")}
    return VideoFacts(**{**data, **fractions, **points})
