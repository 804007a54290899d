"""What the API sends and takes about text tracks: wire models."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.api.wire import BASE, KEPT, PLAYBACK_ID, Sent, Taken
from vidcompute.services.text_tracks import TextKind

TRACK_ID = "track_01kq3v8a4rj0t5w6x7y8z9abct"
LANGUAGE_EXAMPLE = "pt-BR"

Language = Annotated[str, Field(min_length=1, max_length=63, examples=[LANGUAGE_EXAMPLE])]
Name = Annotated[str, Field(max_length=200)]


class TextTrack(Sent):
    """Captions or subtitles of an asset."""

    id: str
    """Stands in its addresses. Another text is another track, at another address."""
    kind: TextKind
    """`captions` are for who does not hear, `subtitles` for who does not know the language."""
    language: str
    """A BCP 47 tag."""
    name: str
    """What viewers choose it by."""
    default: bool
    """Shown unless a viewer chooses; one of an asset's tracks at most."""
    autoselect: bool
    """Whether players may choose it by themselves, for its language."""
    forced: bool
    """Shown even where no text is wanted: it translates what is in another language than the rest."""
    cues: int
    """How many texts it has."""
    end_ms: int
    """When the last of them ends."""
    size_bytes: int
    url: str
    """All of it, as WebVTT."""
    created_at: Time


class TextTrackList(Sent):
    """The text tracks of an asset, oldest first."""

    items: list[TextTrack]


class TextTrackChanges(Taken):
    """What to change of a text track. What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Português (Brasil)", "default": True}})

    language: Annotated[Language, KEPT] = ""
    """A BCP 47 tag."""
    name: Annotated[Name, KEPT] = ""
    """What viewers choose it by; an empty text: its language."""
    kind: Annotated[TextKind, KEPT] = TextKind.SUBTITLES
    default: Annotated[bool, KEPT] = False
    """True takes it from the track that has it."""
    autoselect: Annotated[bool, KEPT] = True
    forced: Annotated[bool, KEPT] = False


TRACK_EXAMPLE: dict[str, Any] = {
    "id": TRACK_ID,
    "kind": "subtitles",
    "language": LANGUAGE_EXAMPLE,
    "name": "Português (Brasil)",
    "default": False,
    "autoselect": True,
    "forced": False,
    "cues": 412,
    "end_ms": 598_000,
    "size_bytes": 24_816,
    "url": f"{BASE}/stream/{PLAYBACK_ID}/{TRACK_ID}/track.vtt",
    "created_at": "2026-11-21T10:00:00.000Z",
}
EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {TextTrack: TRACK_EXAMPLE}
