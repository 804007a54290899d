"""The text tracks of assets as players ask for them: the same rows again and again, and a file piece by piece."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from vidcompute.db.engine import Database
from vidcompute.media import webvtt
from vidcompute.media.playlists import Bandwidth, TextRendition
from vidcompute.ports.storage import Storage
from vidcompute.services import text_tracks
from vidcompute.services.text_tracks import TextKind, TextTrack

# A track that was removed is delivered for so long at most; what is kept of files, by the bytes of those files.
_FRESH_S = 2.0
_ROWS_MAX, _KEPT_BYTES = 512, 8 * 2**20


class Texts:
    """Keeps the rows that were asked for just now, and the cues of the files that were read last."""

    def __init__(self, db: Database, storage: Storage) -> None:
        self._db = db
        self._storage = storage
        self._rows: dict[str, tuple[TextTrack, float]] = {}
        self._cues: dict[str, tuple[tuple[webvtt.Cue, ...], int]] = {}

    async def of(self, asset_id: str) -> list[TextTrack]:
        """All text tracks of an asset as they are now, oldest first."""
        return await self._db.read(text_tracks.list_tracks, asset_id)

    async def get(self, asset_id: str, track_id: str) -> TextTrack:
        """One of an asset's text tracks; `track_not_found`."""
        known, until_s = self._rows.get(track_id, (None, 0.0))
        if known is not None and known.asset_id == asset_id and until_s > time.monotonic():
            return known
        found = await self._db.read(text_tracks.get, asset_id, track_id)
        if len(self._rows) >= _ROWS_MAX:
            self._rows.pop(next(iter(self._rows)))
        self._rows[track_id] = found, time.monotonic() + _FRESH_S
        return found

    async def cues(self, track: TextTrack) -> tuple[webvtt.Cue, ...]:
        """The cues of a track: its file is read once, as long as others don't take its place."""
        found = self._cues.pop(track.storage_key, None)
        if found is None:
            data = b"".join([piece async for piece in self._storage.read(track.storage_key)])
            found = await asyncio.to_thread(webvtt.read, data), track.size_bytes
        self._cues[track.storage_key] = found
        while len(self._cues) > 1 and sum(size for _, size in self._cues.values()) > _KEPT_BYTES:
            self._cues.pop(next(iter(self._cues)))
        return found[0]


def renditions(tracks: Iterable[TextTrack]) -> list[TextRendition]:
    """Text tracks as playlists describe them."""
    return [
        TextRendition(
            name=track.id,
            language=track.language,
            title=track.name,
            is_captions=track.kind is TextKind.CAPTIONS,
            default=track.is_default,
            autoselect=track.autoselect,
            forced=track.forced,
            rates=Bandwidth(track.peak_bps, track.average_bps),
        )
        for track in tracks
    ]


def described(track: TextTrack) -> dict[str, Any]:
    """A text track in the JSON manifest."""
    return {
        "name": track.id,
        "kind": "text",
        "codec": "wvtt",
        "role": track.kind.value,
        "language": track.language,
        "title": track.name,
        "default": track.is_default,
        "forced": track.forced,
        "cues": track.cues,
        "end_ms": track.end_ms,
        "size_bytes": track.size_bytes,
        "average_bps": track.average_bps,
        "peak_bps": track.peak_bps,
    }
