"""Text tracks as rows and files: counted, examined, collected, moved with everything else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from tests.unit.engine import toys
from tests.unit.engine.test_housekeeping import LATER_MS, keys, put
from tests.unit.engine.toys import ORG
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db import outbox, schema
from vidcompute.db.engine import Database
from vidcompute.db.schema_quotas import stored
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.plan import Plan
from vidcompute.ports.storage import ObjectInfo
from vidcompute.services import assets, jobs, retention, text_tracks
from vidcompute.services.housekeeping import Examination, Fault, Found, collect, examine, objects_named
from vidcompute.services.text_tracks import TextTrack, Wish, Work

VTT = b"WEBVTT\n\n00:01.000 --> 00:03.000\nHello\n"


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "storage")


async def asset_of(db: Database) -> str:
    return (await db.write(toys.submit)).asset_id


async def brought(
    db: Database, storage: FolderStorage, asset_id: str, language: str = "en", *, most: int = 10
) -> TextTrack:
    work = Work(db, storage, storage.root.parent / "on-their-way", ORG)
    return await text_tracks.add(work, asset_id, Wish(language), VTT, lambda _, track: track, most=most)


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
    assert list((tmp_path / "on-their-way").iterdir()) == []


async def test_a_file_goes_again_where_its_row_is_refused(db: Database, storage: FolderStorage) -> None:
    asset_id = await asset_of(db)
    with pytest.raises(VidComputeError, match="text_tracks_full"):
        await brought(db, storage, asset_id, most=0)
    assert await keys(storage) == set()


TEXTS = [
    {
        "file": f"{number}.vtt",
        "index": 2 + number,
        "language": language,
        "title": title,
        "forced": forced,
        "captions": captions,
        "cues": 1,
        "size_bytes": len(VTT),
        "end_ms": 3000,
        "peak_bps": 300,
        "average_bps": 200,
    }
    for number, (language, title, forced, captions) in enumerate(
        [("de", "Deutsch", False, True), ("und", "", True, True)]
    )
]


def with_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs from now on take texts out of their source."""
    usual = toys.recipe

    def recipe(*given: Any) -> Plan:
        return Plan((*usual(*given).nodes, toys.node("texts")))

    monkeypatch.setattr(toys, "recipe", recipe)


def run_all(conn: Connection) -> None:
    """Carry everything to its end."""
    while True:
        moved = toys.advance(conn)
        specs = toys.place(conn, *(task.id for task in toys.ready(conn)))
        for spec in specs:
            told = toys.done(spec)
            jobs.finish(conn, replace(told, facts={"texts": TEXTS}) if spec.stage == "texts" else told, toys.AT_ONCE)
        if not moved and not specs:
            return


def ready_texts(conn: Connection) -> list[tuple[str | None, str]]:
    events = outbox.events_since(conn, ORG, 0, types=["track.ready"])
    return [(event.data["job_id"], event.data["language"]) for event in events]


def test_texts_of_a_source_become_tracks_of_each_asset(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with_texts(monkeypatch)
    first, second = toys.submit(conn), toys.submit(conn)
    run_all(conn)
    third = toys.submit(conn)
    run_all(conn)
    for job in (first, second, third):
        one, other = text_tracks.list_tracks(conn, job.asset_id)
        assert (one.kind, one.language, one.name, one.forced) == ("captions", "de", "Deutsch", False)
        assert [track.is_default for track in (one, other)] == [False, False]
        assert (other.kind, other.language, other.name, other.forced) == ("subtitles", "und", "und", True)
        assert one.storage_key.endswith("/0.vtt")
        assert one.storage_key.startswith(f"orgs/{ORG}/artifacts/{one.content_key}/att_")
    assert ready_texts(conn) == [(job.id, name) for job in (first, second, third) for name in ("de", "und")]
    toys.check_events(conn)


def test_what_lies_in_an_artifact_is_counted_and_removed_with_it_alone(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_texts(monkeypatch)
    job = toys.submit(conn)
    run_all(conn)
    made = conn.execute(select(func.sum(schema.artifacts.c.size_bytes))).scalar_one()
    assert counted(conn) == made + 5  # and the source
    one, other = text_tracks.list_tracks(conn, job.asset_id)
    text_tracks.lose(conn, one)
    assert text_tracks.list_tracks(conn, job.asset_id) == [other]
    assert counted(conn) == made + 5
    assert objects_named(conn) == [row.storage_key for row in conn.execute(select(schema.sources.c.storage_key))]
    prefix = other.storage_key.removesuffix("/1.vtt")
    removed = assets.remove(conn, ORG, job.asset_id)
    assert [place for place in removed.prefixes if place.startswith(prefix)] == [prefix]
    assert counted(conn) == 0


def test_a_text_of_the_source_that_was_removed_is_not_brought_again(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_texts(monkeypatch)
    job = toys.submit(conn)
    run_all(conn)
    one, other = text_tracks.list_tracks(conn, job.asset_id)
    text_tracks.change(conn, ORG, job.asset_id, other.id, {"name": "Signs", "language": "en"})
    text_tracks.lose(conn, one)
    for stage in ("texts", "package"):
        jobs.retry(conn, ORG, job.id, stage)
        run_all(conn)
    (left,) = text_tracks.list_tracks(conn, job.asset_id)
    assert (left.id, left.name, left.language) == (other.id, "Signs", "en")
    assert assets.remove(conn, ORG, job.asset_id).size_bytes > 0


def test_a_track_whose_artifact_is_made_again_is_there_again(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with_texts(monkeypatch)
    job = toys.submit(conn)
    run_all(conn)
    before = text_tracks.list_tracks(conn, job.asset_id)
    jobs.retry(conn, ORG, job.id, "texts")
    run_all(conn)
    after = text_tracks.list_tracks(conn, job.asset_id)
    assert [(one.id, one.name) for one in after] == [(one.id, one.name) for one in before]
    assert len(ready_texts(conn)) == 2
    assert {one.storage_key for one in after}.isdisjoint(one.storage_key for one in before)
