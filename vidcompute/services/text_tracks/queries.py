"""What is read about text tracks."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, or_, select

from vidcompute.db.schema import artifacts, tasks, text_tracks
from vidcompute.errors import not_found
from vidcompute.services.text_tracks.models import TextKind, TextTrack

_OWN = text_tracks.c.content_key.is_(None)  # its file is its own
_MADE = and_(
    artifacts.c.organization_id == text_tracks.c.organization_id,
    artifacts.c.content_key == text_tracks.c.content_key,
)
_PLACE = case((_OWN, text_tracks.c.storage_key), else_=artifacts.c.storage_prefix + "/" + text_tracks.c.file)
_COLUMNS = [text_tracks.c[name] for name in TextTrack.__annotations__ if name != "storage_key"]
# One whose artifact is lost is not there until it is made again.
_TRACKS = (
    select(*_COLUMNS, _PLACE.label("storage_key"))
    .select_from(text_tracks.outerjoin(artifacts, _MADE))
    .where(text_tracks.c.removed_ms.is_(None), or_(_OWN, artifacts.c.storage_prefix.is_not(None)))
)


def list_tracks(conn: Connection, asset_id: str) -> list[TextTrack]:
    """An asset's text tracks, oldest first; those of a source as it has them."""
    oldest_first = text_tracks.c.created_ms, text_tracks.c.stream, text_tracks.c.id
    query = _TRACKS.where(text_tracks.c.asset_id == asset_id).order_by(*oldest_first)
    return [_track(row) for row in conn.execute(query)]


def _track(row: Row[*tuple[Any, ...]]) -> TextTrack:
    return TextTrack(**{**row._mapping, "kind": TextKind(row.kind)})


def find(conn: Connection, asset_id: str, track_id: str) -> TextTrack | None:
    """One of an asset's text tracks, where it has it."""
    row = conn.execute(_TRACKS.where(text_tracks.c.asset_id == asset_id, text_tracks.c.id == track_id)).one_or_none()
    return None if row is None else _track(row)


def get(conn: Connection, asset_id: str, track_id: str) -> TextTrack:
    """One of an asset's text tracks; `track_not_found`."""
    found = find(conn, asset_id, track_id)
    if found is None:
        raise not_found("track", track_id[:80])
    return found


def count(conn: Connection, asset_id: str) -> int:
    """How many text tracks an asset has."""
    mine = text_tracks.c.asset_id == asset_id, text_tracks.c.removed_ms.is_(None)
    query = select(func.count()).select_from(text_tracks).where(*mine)
    return int(conn.execute(query).scalar_one())


def made(conn: Connection, task_id: str) -> tuple[str, Mapping[str, Any]] | None:
    """The content key and the facts of what a task has made; None where there is nothing."""
    mine = (artifacts.c.organization_id == tasks.c.organization_id) & (artifacts.c.content_key == tasks.c.content_key)
    query = select(artifacts.c.content_key, artifacts.c.facts).join_from(tasks, artifacts, mine)
    row = conn.execute(query.where(tasks.c.id == task_id)).one_or_none()
    return None if row is None else (row.content_key, row.facts)


def taken_out(conn: Connection, asset_id: str) -> dict[int, str]:
    """The identifiers of an asset's tracks by the streams that they were taken out of, removed ones among them."""
    query = select(text_tracks.c.stream, text_tracks.c.id).where(text_tracks.c.asset_id == asset_id, ~_OWN)
    return {row.stream: row.id for row in conn.execute(query)}


def tracks_after(conn: Connection, track_id: str, limit: int) -> list[TextTrack]:
    """The next text tracks with files of their own by identifier, of whatever organization."""
    rows = conn.execute(_TRACKS.where(_OWN, text_tracks.c.id > track_id).order_by(text_tracks.c.id).limit(limit))
    return [_track(row) for row in rows]


def named(conn: Connection, storage_keys: list[str]) -> set[str]:
    """Those of these places where text tracks lie."""
    query = select(text_tracks.c.storage_key).where(_OWN, text_tracks.c.storage_key.in_(storage_keys))
    return set(conn.execute(query).scalars())


def all_named(conn: Connection) -> list[str]:
    """Where all text tracks lie that have files of their own."""
    return list(conn.execute(select(text_tracks.c.storage_key).where(_OWN)).scalars())
