"""What is read about text tracks."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from vidcompute.db.schema import text_tracks
from vidcompute.errors import not_found
from vidcompute.services.text_tracks.models import TextKind, TextTrack

_TRACK = [text_tracks.c[name] for name in TextTrack.__annotations__]


def list_tracks(conn: Connection, asset_id: str) -> list[TextTrack]:
    """An asset's text tracks, oldest first."""
    rows = conn.execute(select(*_TRACK).where(text_tracks.c.asset_id == asset_id).order_by(text_tracks.c.id))
    return [_track(row) for row in rows]


def _track(row: Row[*tuple[Any, ...]]) -> TextTrack:
    return TextTrack(**{**row._mapping, "kind": TextKind(row.kind)})


def find(conn: Connection, asset_id: str, track_id: str) -> TextTrack | None:
    """One of an asset's text tracks, where it has it."""
    return next((track for track in list_tracks(conn, asset_id) if track.id == track_id), None)


def get(conn: Connection, asset_id: str, track_id: str) -> TextTrack:
    """One of an asset's text tracks; `track_not_found`."""
    found = find(conn, asset_id, track_id)
    if found is None:
        raise not_found("track", track_id[:80])
    return found


def count(conn: Connection, asset_id: str) -> int:
    """How many text tracks an asset has."""
    query = select(func.count()).select_from(text_tracks).where(text_tracks.c.asset_id == asset_id)
    return int(conn.execute(query).scalar_one())


def tracks_after(conn: Connection, track_id: str, limit: int) -> list[TextTrack]:
    """The next text tracks by identifier, of whatever organization."""
    rows = conn.execute(select(*_TRACK).where(text_tracks.c.id > track_id).order_by(text_tracks.c.id).limit(limit))
    return [_track(row) for row in rows]


def named(conn: Connection, storage_keys: list[str]) -> set[str]:
    """Those of these places where text tracks lie."""
    query = select(text_tracks.c.storage_key).where(text_tracks.c.storage_key.in_(storage_keys))
    return set(conn.execute(query).scalars())


def all_named(conn: Connection) -> list[str]:
    """Where all text tracks lie."""
    return list(conn.execute(select(text_tracks.c.storage_key)).scalars())
