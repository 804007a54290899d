"""Playback: streams of an asset, from its first seconds on."""

from vidcompute.services.playback.images import Thumbnails, Wanted
from vidcompute.services.playback.makers import MakerLimits, Makers
from vidcompute.services.playback.models import Progress, Snapshot
from vidcompute.services.playback.opening import Opening
from vidcompute.services.playback.presentation import Presentation
from vidcompute.services.playback.queries import by_asset, by_playback_id, progress
from vidcompute.services.playback.service import File, Playback, is_text

__all__ = [
    "File",
    "MakerLimits",
    "Makers",
    "Opening",
    "Playback",
    "Presentation",
    "Progress",
    "Snapshot",
    "Thumbnails",
    "Wanted",
    "by_asset",
    "by_playback_id",
    "is_text",
    "progress",
]
