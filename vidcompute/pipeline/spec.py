"""What a job asks for: the one definition that the API, the CLI, the recipes and the OpenAPI document share."""

from datetime import UTC, datetime
from enum import StrEnum, auto
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

ASKED = "asked"
"""The validation context of what somebody asks for now; what was stored before is held to less, and always read."""

LADDER_HEIGHTS = (2160, 1440, 1080, 720, 480, 360, 240)


def in_calendar(time: datetime) -> datetime:
    """The time itself, where it can be told in UTC by the millisecond; ValueError beyond the calendar's ends."""
    try:
        datetime.fromtimestamp(round(time.timestamp() * 1000) / 1000, UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("this time lies outside of the years 1 to 9999 in UTC") from error
    return time


Instant = Annotated[AwareDatetime, AfterValidator(in_calendar)]
"""A time of day that somebody sends: with its offset, and near enough to be told."""
Seconds = Annotated[float, Field(ge=0, le=1_000_000)]
"""A place in a video, from its start."""


class Priority(StrEnum):
    """How urgent a job is."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Codec(StrEnum):
    """A video codec that renditions can be made in."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"


class HardwareEncoding(StrEnum):
    """Whether renditions are encoded by GPUs."""

    AUTO = "auto"  # where a node can
    OFF = "off"
    REQUIRED = "required"  # what no node can do is refused


class PlaybackPolicy(StrEnum):
    """Who may watch."""

    PUBLIC = "public"  # everybody who has the address
    SIGNED = "signed"  # with a token of the organization
    PASSWORD = auto()


class ImageFormat(StrEnum):
    """A still image format."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


# Of each encoder: 0 is lossless for libx264, which its High profile does not know, and no number at all for SVT-AV1.
_QUALITIES = {Codec.H264: range(1, 52), Codec.HEVC: range(52), Codec.AV1: range(1, 64)}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Rendition(_Strict):
    """One video quality of the ladder. Heights above the source's are left out: nothing is upscaled."""

    height: Annotated[int, Field(ge=144, le=2160, multiple_of=2)]
    """Pixels of the short side."""
    codec: Codec = Codec.H264
    bitrate_bps: Annotated[int, Field(ge=50_000, le=80_000_000)] | None = None
    """Average bitrate. Left out, quality decides (capped CRF)."""
    quality: Annotated[int, Field(ge=0, le=63)] | None = None
    """The encoder's own constant-quality number (CRF); lower is better."""

    @field_validator("quality")
    @classmethod
    def _on_the_encoders_scale(cls, quality: int | None, info: ValidationInfo) -> int | None:
        scale = _QUALITIES.get(info.data.get("codec", ""))
        if info.context == ASKED and quality is not None and scale is not None and quality not in scale:
            raise ValueError(f"for {info.data['codec'].value} it is a number from {scale[0]} to {scale[-1]}")
        return quality

    @model_validator(mode="after")
    def _one_rate_control(self) -> "Rendition":
        if self.bitrate_bps is not None and self.quality is not None:
            raise ValueError("give bitrate_bps or quality, not both")
        return self


class Hls(_Strict):
    """Adaptive streams: an HLS ladder, and a DASH manifest over the same segments."""

    type: Literal["hls"] = "hls"


class Mp4(_Strict):
    """A progressive MP4, made of the ladder's own frames."""

    type: Literal["mp4"] = "mp4"
    height: Annotated[int, Field(ge=144, le=2160)] | None = None
    """Which rendition; the highest H.264 one when left out."""


class Audio(_Strict):
    """The sound alone, as M4A (AAC)."""

    type: Literal["audio"] = "audio"


class FramePick(StrEnum):
    """Which frames to take."""

    ALL = "all"
    EVERY = "every"  # every n-th frame
    RATE = "rate"  # n frames a second
    KEYFRAMES = "keyframes"
    SCENES = "scenes"  # the first frame of each scene
    TIMES = "times"


class Frames(_Strict):
    """Still images in a ZIP, with a `frames.json` that names each with its index and time."""

    type: Literal["frames"] = "frames"
    pick: FramePick = FramePick.RATE
    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """With pick "every": each n-th frame."""
    rate: Annotated[float, Field(gt=0, le=240)] = 1.0
    """With pick "rate": frames a second."""
    times: Annotated[tuple[Seconds, ...], Field(max_length=100_000)] = ()
    """With pick "times": seconds from the start."""
    start: Seconds = 0.0
    """Seconds from the start where the range begins."""
    end: Annotated[Seconds, Field(gt=0)] | None = None
    """Seconds from the start where the range ends; the end of the video when left out."""
    width: Annotated[int, Field(ge=16, le=7680)] | None = None
    height: Annotated[int, Field(ge=16, le=4320)] | None = None
    """Size in pixels. One of the two keeps the shape; both fit within; neither keeps the source's size."""
    format: ImageFormat = ImageFormat.JPEG
    quality: Annotated[int, Field(ge=1, le=100)] = 85

    @model_validator(mode="after")
    def _consistent(self) -> "Frames":
        if self.pick is FramePick.TIMES and not self.times:
            raise ValueError('pick "times" needs a list of times')
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must come after start")
        return self


class Thumbnail(_Strict):
    """A poster image."""

    type: Literal["thumbnail"] = "thumbnail"
    time: Seconds | None = None
    """Seconds from the start; left out: 2 s, or the middle of what is shorter, and never a black frame."""


class Storyboard(_Strict):
    """Sprite sheets of small pictures for the seek bar, with WebVTT and JSON."""

    type: Literal["storyboard"] = "storyboard"


class Preview(_Strict):
    """A short animated WebP of the video's highlights."""

    type: Literal["preview"] = "preview"


OutputName = Literal["hls", "mp4", "audio", "frames", "thumbnail", "storyboard", "preview"]


def _shorthand(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Output = Annotated[
    Annotated[
        Hls | Mp4 | Audio | Frames | Thumbnail | Storyboard | Preview,
        Field(discriminator="type"),
    ],
    BeforeValidator(
        _shorthand, json_schema_input_type=OutputName | Hls | Mp4 | Audio | Frames | Thumbnail | Storyboard | Preview
    ),
]

DEFAULT_OUTPUTS: tuple[Output, ...] = (Hls(), Thumbnail(), Storyboard(), Preview())


class MediaSpec(_Strict):
    """The part of a job that decides what is made; hashed into content keys through the plan."""

    outputs: Annotated[tuple[Output, ...], Field(min_length=1, max_length=20)] = DEFAULT_OUTPUTS
    """What to make. A bare name such as "hls" stands for that output with its defaults."""
    renditions: Annotated[tuple[Rendition, ...], Field(min_length=1, max_length=20)] | None = None
    """The ladder; left out, it follows from the source."""
    vmaf: bool = False
    """Measure VMAF of each encoded rendition against the source."""
    hardware_encoding: HardwareEncoding | None = None
    """Whether GPUs encode; left out, it is as the server is set."""

    @field_validator("outputs")
    @classmethod
    def _one_poster(cls, outputs: tuple[Output, ...], info: ValidationInfo) -> tuple[Output, ...]:
        if info.context == ASKED and len({output.time for output in outputs if isinstance(output, Thumbnail)}) > 1:
            raise ValueError("there is one poster: other moments have addresses of their own, as its guide says")
        return outputs

    @model_validator(mode="after")
    def _distinct(self) -> "MediaSpec":
        names = [(r.codec, r.height) for r in self.renditions or ()]
        if len(set(names)) < len(names):
            raise ValueError("two renditions have the same height and codec")
        return self


class UrlInput(_Strict):
    """A video to be fetched."""

    url: AnyHttpUrl


class UploadInput(_Strict):
    """A video that was uploaded before, by the id of its source."""

    source: Annotated[str, Field(pattern=r"^src_[0-9a-z]{26}$")]


class JobInput(_Strict):
    """The video of an earlier job. What the request leaves out of its spec is as that job had it."""

    job: Annotated[str, Field(pattern=r"^job_[0-9a-z]{26}$")]


class AssetInput(_Strict):
    """The video of an asset, out of which frames are taken. The asset stays as it is, and the frames are its own."""

    asset: Annotated[str, Field(pattern=r"^asset_[0-9a-z]{26}$")]


def _input_shorthand(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _input_kind(value: Any) -> str:
    given = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return next((kind for kind in ("source", "job", "asset") if kind in given), "url")


Input = Annotated[
    Annotated[UrlInput, Tag("url")]
    | Annotated[UploadInput, Tag("source")]
    | Annotated[JobInput, Tag("job")]
    | Annotated[AssetInput, Tag("asset")],
    Discriminator(_input_kind),
    BeforeValidator(
        _input_shorthand, json_schema_input_type=AnyHttpUrl | UrlInput | UploadInput | JobInput | AssetInput
    ),
]


class JobOptions(MediaSpec):
    """All of a request but its input: what goes beside an uploaded file."""

    priority: Priority = Priority.NORMAL
    deadline_s: Annotated[int, Field(ge=1, le=30 * 24 * 3600)] | None = None
    """Seconds from its submission after which the job fails unless it is done."""
    queue_deadline_s: Annotated[int, Field(ge=1, le=30 * 24 * 3600)] | None = None
    """Seconds from its submission after which the job fails unless it has begun."""
    title: Annotated[str, Field(max_length=500)] | None = None
    passthrough: Annotated[str, Field(max_length=4096)] | None = None
    """Text of yours, given back unchanged with the asset and the job."""
    metadata: Annotated[dict[str, str], Field(max_length=50)] = Field(default_factory=dict)
    """Keys and values of yours, kept with the asset."""
    playback_policy: Literal[PlaybackPolicy.PUBLIC, PlaybackPolicy.SIGNED] = PlaybackPolicy.PUBLIC
    """Who may watch: everybody with the address, or whoever has a token. A password can be set afterwards."""
    expires_at: Instant | None = None
    """When the asset is deleted by itself; left out, it is as long as the organization keeps what it has."""


class JobSpec(JobOptions):
    """One request: `{"input": "https://…"}` is enough."""

    input: Input
    """A URL, `{"source": "src_…"}`, or `{"job": "job_…"}` for the video of an earlier job; `{"asset": "asset_…"}` for
    frames of an asset."""
    resume_from: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """A stage of that earlier job which is to be run again, with what depends on it; the rest is reused."""

    @model_validator(mode="after")
    def _resumes_something(self) -> "JobSpec":
        if self.resume_from is not None and not isinstance(self.input, JobInput):
            raise ValueError('resume_from needs an earlier job as input: {"job": "job_…"}')
        return self

    @model_validator(mode="after")
    def _takes_frames_alone(self) -> "JobSpec":
        if isinstance(self.input, AssetInput) and not all(isinstance(output, Frames) for output in self.outputs):
            raise ValueError("out of an asset frames are taken, and nothing else is made: name outputs of frames alone")
        return self
