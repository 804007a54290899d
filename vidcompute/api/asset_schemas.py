"""What the API sends and takes about assets and what they have: wire models."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.api.wire import ASSET_ID, BASE, JOB_ID, KEPT, PLAYBACK_ID, Failure, Sent, Taken
from vidcompute.pipeline.spec import Instant, PlaybackPolicy
from vidcompute.services.states import AssetStatus

LINKS_EXAMPLE = {
    "watch": f"{BASE}/watch/{PLAYBACK_ID}",
    "embed": f"{BASE}/embed/{PLAYBACK_ID}",
    "stream": f"{BASE}/stream/{PLAYBACK_ID}.m3u8",
    "dash": f"{BASE}/stream/{PLAYBACK_ID}.mpd",
    "thumbnail": f"{BASE}/image/{PLAYBACK_ID}/thumbnail.jpg",
}


class Links(Sent):
    """Where an asset can be watched."""

    watch: str
    """A page with a player."""
    embed: str
    """The same page for an iframe."""
    stream: str
    """The HLS playlist."""
    dash: str
    """The DASH manifest."""
    thumbnail: str
    """The poster; add `?time=12.3&width=640` for others."""


class Asset(Sent):
    """One video and everything derived from it."""

    id: str
    status: AssetStatus
    title: str | None
    passthrough: str | None
    """Your own text, unchanged."""
    metadata: dict[str, str]
    """Your own keys and values."""
    playback_id: str
    """The public handle of its streams and images."""
    playback_policy: PlaybackPolicy
    """Who may watch: everybody with the address, whoever has a token, or whoever knows the password."""
    job_id: str | None
    """The job that is at work on it, or was last."""
    source_id: str | None
    """What it is made from; null until it is fetched."""
    duration_ms: int | None
    width_px: int | None
    """Width as shown: square pixels, rotation applied."""
    height_px: int | None
    frame_rate: float | None
    """Frames a second."""
    poster_time_ms: int | None
    """The moment that was chosen for its poster; null where its job chose."""
    facts: dict[str, Any] | None
    """What was found out about the source."""
    error: Failure | None
    created_at: Time
    updated_at: Time
    expires_at: Time | None
    """When it is deleted by itself; null where nothing was said of it."""
    deleted_at: Time | None
    restorable_until: Time | None
    """Of a deleted one: when it is too late."""
    urls: Links


class AssetPage(Sent):
    """Some assets, newest first."""

    items: list[Asset]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class AssetChanges(Taken):
    """What to change of an asset. What is left out stays; null clears."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"title": "Holiday, second cut", "metadata": {"album": "2026"}}},
    )

    title: Annotated[str, Field(max_length=500)] | None = None
    passthrough: Annotated[str, Field(max_length=4096)] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=50)] = Field(default_factory=dict)
    """Replaces all keys and values."""
    playback_policy: PlaybackPolicy = PlaybackPolicy.PUBLIC
    """Who may watch. `password` needs one."""
    password: Annotated[str, Field(min_length=4, max_length=200), KEPT] = ""
    """What viewers are asked for; those who were let in with another one are asked again."""
    expires_at: Instant | None = None
    """When it is deleted by itself."""
    poster_time_ms: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """The moment whose picture is its poster; null for the one that its job chose."""


class Output(Sent):
    """Something that a job makes."""

    type: Literal["hls", "dash", "mp4", "audio", "frames", "thumbnail", "storyboard", "preview", "manifest", "text"]
    url: str
    """Where it is, or will be."""
    ready: bool
    """Whether it is there in full and verified. Streams can be watched before."""
    size_bytes: int | None
    """Bytes of all its files; null until it is ready."""


class OutputList(Sent):
    """What an asset has."""

    items: list[Output]


ASSET_EXAMPLE: dict[str, Any] = {
    "id": ASSET_ID,
    "status": "playable",
    "title": "Holiday",
    "passthrough": "order-17",
    "metadata": {"album": "2026"},
    "playback_id": PLAYBACK_ID,
    "playback_policy": "public",
    "job_id": JOB_ID,
    "source_id": "src_01kq3v8a4rj0t5w6x7y8z9abcf",
    "duration_ms": 600_000,
    "width_px": 1920,
    "height_px": 1080,
    "frame_rate": 29.97,
    "poster_time_ms": None,
    "facts": {"container": "mov,mp4,m4a,3gp,3g2,mj2"},
    "error": None,
    "created_at": "2026-11-21T10:00:00.000Z",
    "updated_at": "2026-11-21T10:00:01.000Z",
    "expires_at": None,
    "deleted_at": None,
    "restorable_until": None,
    "urls": LINKS_EXAMPLE,
}
EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {Asset: ASSET_EXAMPLE}
