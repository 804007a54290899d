"""Text tracks are added, changed and removed here.

A track's file is in storage before its row tells of it; what a kill leaves of it is named by no row, and collected.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.engine import Database, may_be_written
from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema import text_tracks
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import new_id
from vidcompute.media import languages, webvtt
from vidcompute.ports.storage import Storage
from vidcompute.services import assets, quotas
from vidcompute.services.quotas import Quota
from vidcompute.services.text_tracks import queries
from vidcompute.services.text_tracks.models import Changes, TextKind, TextTrack, Wish

_LONGEST_NAME = 200
_OF_FILES = ("file", "cues", "size_bytes", "end_ms", "peak_bps", "average_bps")


T = TypeVar("T")
Use = Callable[[Connection, TextTrack], T]


@dataclass(frozen=True)
class Work:
    """Whose tracks they are, where they are stored, and the folder of files on their way there."""

    db: Database
    storage: Storage
    incoming: Path
    organization_id: str


async def add(work: Work, asset_id: str, wish: Wish, data: bytes, use: Use[T], *, most: int) -> T:
    """Give an asset a text track, from the bytes of a WebVTT or SubRip file; what `use` makes of that.

    `use` is given the track within the transaction that records it.
    Raises `asset_not_found`, `language_invalid`, `track_flags` (invalid), what `webvtt.read` refuses,
    `text_tracks_full` (conflict) where it has `most` of them, `quota_stored_bytes` (forbidden).
    """
    wish = _checked(wish)
    await work.db.read(assets.get, work.organization_id, asset_id)
    cues, text = await asyncio.to_thread(_normalized, data)
    track_id = new_id("track")
    rates = webvtt.rates(cues)
    track = TextTrack(
        id=track_id,
        organization_id=work.organization_id,
        asset_id=asset_id,
        **vars(wish),
        cues=len(cues),
        size_bytes=len(text),
        end_ms=max(cue.end_ms for cue in cues),
        peak_bps=rates.peak_bps,
        average_bps=rates.average_bps,
        storage_key=_key(work.organization_id, track_id),
        created_ms=now_ms(),
    )
    await _store(work, track.storage_key, text)
    try:
        return await work.db.write(lambda conn: use(conn, _record(conn, track, most)))
    except BaseException as error:
        if not may_be_written(error):
            await work.storage.delete_prefix(track.storage_key)
        raise


def _normalized(data: bytes) -> tuple[tuple[webvtt.Cue, ...], bytes]:
    cues = webvtt.read(data)
    return cues, webvtt.write(cues).encode()


async def _store(work: Work, key: str, text: bytes) -> None:
    path = work.incoming / f"track-{secrets.token_hex(12)}"

    def write() -> None:
        work.incoming.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)

    try:
        await asyncio.to_thread(write)
        await work.storage.put(key, path)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


def _record(conn: Connection, track: TextTrack, most: int) -> TextTrack:
    assets.get(conn, track.organization_id, track.asset_id)
    if queries.count(conn, track.asset_id) >= most:
        detail = f"An asset may have {most} text tracks: remove one that is not needed any more."
        raise VidComputeError(Kind.CONFLICT, "text_tracks_full", detail, extra={"limit": most})
    quotas.take(conn, track.organization_id, {Quota.STORED_BYTES: track.size_bytes})
    if track.is_default:
        _no_other_default(conn, track.asset_id)
    conn.execute(insert(text_tracks).values(vars(track)))
    emit(conn, track.organization_id, "track.ready", track.asset_id, _told(track))
    return track


def bring(conn: Connection, organization_id: str, asset_id: str, job_id: str, task_id: str) -> None:
    """Give an asset the texts that a task of its job took out of the source.

    One that it has already stays as people have made it, or removed, and only its file is the newest. None is the
    default: files say so of texts that nobody has chosen.
    """
    made = queries.made(conn, task_id)
    if made is None:
        return
    content_key, facts = made
    known = queries.taken_out(conn, asset_id)
    for text in facts.get("texts", ()):
        fresh = {name: text[name] for name in _OF_FILES} | {"content_key": content_key}
        if text["index"] in known:
            conn.execute(update(text_tracks).where(text_tracks.c.id == known[text["index"]]).values(fresh))
            continue
        track = _taken_out(organization_id, asset_id, text, fresh)
        conn.execute(insert(text_tracks).values(vars(track)))
        emit(conn, organization_id, "track.ready", asset_id, {**_told(track), "job_id": job_id})


def _taken_out(organization_id: str, asset_id: str, text: Mapping[str, Any], fresh: Mapping[str, Any]) -> TextTrack:
    track_id = new_id("track")
    captions = text["captions"] and not text["forced"]
    return TextTrack(
        id=track_id,
        organization_id=organization_id,
        asset_id=asset_id,
        kind=TextKind.CAPTIONS if captions else TextKind.SUBTITLES,
        language=text["language"],
        name=text["title"] or text["language"],
        is_default=False,
        autoselect=True,
        forced=text["forced"],
        storage_key=_key(organization_id, track_id),
        created_ms=now_ms(),
        stream=text["index"],
        **fresh,
    )


def _key(organization_id: str, track_id: str) -> str:
    return f"orgs/{organization_id}/tracks/{track_id}.vtt"


def change(conn: Connection, organization_id: str, asset_id: str, track_id: str, changes: Changes) -> TextTrack:
    """Change what viewers choose a track by; its text stays. `track_not_found`, `language_invalid`, `track_flags`."""
    assets.get(conn, organization_id, asset_id)
    known = queries.get(conn, asset_id, track_id)
    before = {name: value for name, value in vars(known).items() if name in Wish.__annotations__}
    wanted: dict[str, Any] = {**before, **changes}
    after = vars(_checked(Wish(**wanted)))
    if after != before:
        if after["is_default"]:
            _no_other_default(conn, asset_id)
        conn.execute(update(text_tracks).where(text_tracks.c.id == track_id).values(after))
        changed = queries.get(conn, asset_id, track_id)
        emit(conn, organization_id, "track.updated", asset_id, _told(changed))
    return queries.get(conn, asset_id, track_id)


async def remove(work: Work, asset_id: str, track_id: str) -> None:
    """Take a track away from an asset, and a file of its own from storage. `asset_not_found`, `track_not_found`."""
    removed = await work.db.write(_remove, work.organization_id, asset_id, track_id)
    if removed.content_key is None:
        await work.storage.delete_prefix(removed.storage_key)


def _remove(conn: Connection, organization_id: str, asset_id: str, track_id: str) -> TextTrack:
    assets.get(conn, organization_id, asset_id)
    track = queries.get(conn, asset_id, track_id)
    lose(conn, track)
    return track


def lose(conn: Connection, track: TextTrack) -> None:
    """Do without a track; one that was taken out of the source is not brought again."""
    mine = text_tracks.c.id == track.id
    if track.content_key is None:
        gone = conn.execute(delete(text_tracks).where(mine))
    else:
        gone = conn.execute(update(text_tracks).where(mine).values(removed_ms=now_ms(), is_default=False))
    if gone.rowcount:
        emit(conn, track.organization_id, "track.deleted", track.asset_id, _told(track))


def _no_other_default(conn: Connection, asset_id: str) -> None:
    """Of a group of renditions one may be the default (RFC 8216bis, 4.4.6.1.1)."""
    conn.execute(update(text_tracks).where(text_tracks.c.asset_id == asset_id).values(is_default=False))


def _checked(wish: Wish) -> Wish:
    language = languages.parse_tag(wish.language)
    name = " ".join(wish.name.split())[:_LONGEST_NAME] or language
    if wish.is_default and not wish.autoselect:
        raise invalid("track_flags", "What is the default is chosen by itself: `autoselect` must be true as well.")
    if wish.forced and wish.kind is TextKind.CAPTIONS:
        raise invalid("track_flags", "Captions tell of everything, and are not forced: make it subtitles.")
    return Wish(language, name, wish.kind, wish.is_default, wish.autoselect, wish.forced)


def _told(track: TextTrack) -> dict[str, Any]:
    return {
        "asset_id": track.asset_id,
        "job_id": None,
        "track": track.id,
        "kind": "text",
        "language": track.language,
        "name": track.name,
    }
