"""What a text track is to those who look at it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict


class TextKind(StrEnum):
    """What a text track is for."""

    SUBTITLES = "subtitles"  # for who does not know the language
    CAPTIONS = "captions"  # for who does not hear: sounds are told of as well


@dataclass(frozen=True)
class TextTrack:
    """A text with its times, stored as WebVTT. Its bytes never change: another text is another track.

    `language` is a BCP 47 tag, `name` what viewers choose it by. `is_default`, `autoselect` and `forced` are those of
    HLS: shown unless a viewer chooses, chosen by a player for its language, and shown even where no text is wanted.
    One that a job took out of a `stream` of the source has its `file` in the artifact `content_key`.
    """

    id: str
    organization_id: str
    asset_id: str
    kind: TextKind
    language: str
    name: str
    is_default: bool
    autoselect: bool
    forced: bool
    cues: int
    size_bytes: int
    end_ms: int
    peak_bps: int
    average_bps: int
    storage_key: str
    created_ms: int
    content_key: str | None = None
    file: str | None = None
    stream: int | None = None


@dataclass(frozen=True)
class Wish:
    """How a new track is to be; see `TextTrack`. Without a name it is called by its language."""

    language: str
    name: str = ""
    kind: TextKind = TextKind.SUBTITLES
    is_default: bool = False
    autoselect: bool = True
    forced: bool = False


class Changes(TypedDict, total=False):
    """What to change of a track: a field that isn't there stays as it is."""

    language: str
    name: str
    kind: TextKind
    is_default: bool
    autoselect: bool
    forced: bool
