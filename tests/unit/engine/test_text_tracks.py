"""Text tracks as rows and files: counted, examined, collected, moved with everything else."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from tests.unit.engine import toys
from tests.unit.engine.test_housekeeping import LATER_MS, keys, put
from tests.unit.engine.toys import ORG
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.db.schema_quotas import stored
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.ports.storage import ObjectInfo
from vidcompute.services import retention, text_tracks
from vidcompute.services.housekeeping import Examination, Fault, Found, collect, examine, objects_named
from vidcompute.services.text_tracks import TextTrack, Wish, Work

VTT = b"WEBVTT\n\n00:01.000 --> 00:03.000\nHello\n"


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "storage")


async def asset_of(db: Database) -> str:
    return (await db.write(toys.submit)).asset_id


async def brought(db: Database, storage: FolderStorage, asset_id: str, language: str = "en") -> TextTrack:
    work = Work(db, storage, storage.root.parent / "incoming", ORG)
    return await text_tracks.add(work, asset_id, Wish(language), VTT, most=10)


def counted(conn: Connection) -> int:
    return int(conn.execute(select(stored.c.size_bytes)).scalar() or 0)


async def faults(db: Database, storage: FolderStorage, *, mend: bool = False) -> list[Found]:
    found = [found async for found in examine(Examination(db, storage, LATER_MS, mend))]
    return [one for one in found if one.fault is not Fault.SOURCE]  # there never were bytes of those


async def test_what_they_store_is_counted_until_it_goes(db: Database, storage: FolderStorage) -> None:
    asset_id = await asset_of(db)
    before = await db.read(counted)
    one, other = [await brought(db, storage, asset_id, language) for language in ("en", "de")]
    assert await db.read(counted) == before + one.size_bytes + other.size_bytes
    await text_tracks.remove(Work(db, storage, storage.root, ORG), asset_id, one.id)
    assert await db.read(counted) == before + other.size_bytes
    await retention.delete_for_good(retention.Work(db, storage, ORG, 0), asset_id)
    assert await db.read(counted) == 0
    assert await keys(storage) == set()


async def test_what_a_row_names_stays_and_what_none_names_is_collected(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    track = await brought(db, storage, await asset_of(db))
    orphan = await put(storage, tmp_path, f"orgs/{ORG}/tracks/{new_id('track')}.vtt")
    strange = await put(storage, tmp_path, f"orgs/{ORG}/tracks/notes.txt")
    assert (await collect(db, storage, before_ms=0)).removed == 0
    assert await faults(db, storage) == [Found(Fault.ORPHAN, orphan, 1)]
    assert (await collect(db, storage, before_ms=LATER_MS)).removed == 1
    assert await keys(storage) == {track.storage_key, strange}
    assert track.storage_key in await db.read(objects_named)


async def test_a_track_whose_file_is_gone_is_found_and_taken_from_its_asset(
    db: Database, storage: FolderStorage
) -> None:
    asset_id = await asset_of(db)
    track, other = [await brought(db, storage, asset_id, language) for language in ("en", "de")]
    assert await faults(db, storage) == []
    (storage.root / track.storage_key).write_bytes(b"half")
    assert await faults(db, storage) == [Found(Fault.TRACK, track.storage_key, track.size_bytes)]
    await storage.delete_prefix(track.storage_key)
    mended = Found(Fault.TRACK, track.storage_key, track.size_bytes, "its asset goes on without it")
    assert await faults(db, storage, mend=True) == [mended]
    assert await db.read(text_tracks.list_tracks, asset_id) == [other]
    assert await faults(db, storage) == []
    told = [event for event in await db.read(outbox.all_since, 0) if event.type == "track.deleted"]
    assert [event.data["track"] for event in told] == [track.id]


class Full(FolderStorage):
    """A store that takes nothing."""

    async def put(self, key: str, source: Path) -> ObjectInfo:
        raise OSError("No space left on device")


async def test_nothing_is_told_of_a_track_that_could_not_be_stored(db: Database, tmp_path: Path) -> None:
    asset_id = await asset_of(db)
    with pytest.raises(OSError, match="No space"):
        await brought(db, Full(tmp_path / "storage"), asset_id)
    assert await db.read(text_tracks.list_tracks, asset_id) == []
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_file_goes_again_where_its_row_is_refused(db: Database, storage: FolderStorage) -> None:
    asset_id = await asset_of(db)
    work = Work(db, storage, storage.root.parent / "incoming", ORG)
    with pytest.raises(VidComputeError, match="text_tracks_full"):
        await text_tracks.add(work, asset_id, Wish("en"), VTT, most=0)
    assert await keys(storage) == set()
