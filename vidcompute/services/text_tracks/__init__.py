"""Text tracks of assets: captions and subtitles that people bring."""

from vidcompute.services.text_tracks.models import Changes, TextKind, TextTrack, Wish
from vidcompute.services.text_tracks.queries import find, get, list_tracks
from vidcompute.services.text_tracks.service import Work, add, bring, change, lose, remove

__all__ = [
    "Changes",
    "TextKind",
    "TextTrack",
    "Wish",
    "Work",
    "add",
    "bring",
    "change",
    "find",
    "get",
    "list_tracks",
    "lose",
    "remove",
]
