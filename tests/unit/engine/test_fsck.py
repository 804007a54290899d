"""Rows without their bytes, and bytes without rows: found, and mended."""

from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from tests.unit.engine.test_housekeeping import keys, put
from tests.unit.engine.toys import ORG
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db.engine import Database
from vidcompute.ids import new_id
from vidcompute.ports.executor import AttemptSpec
from vidcompute.services import assets, jobs, retention
from vidcompute.services.housekeeping import Examination, Fault, Found, examine
from vidcompute.services.jobs import Job
from vidcompute.settings import Settings
from vidcompute.wiring.examining import fsck

LATER_MS = 2**48 - 1


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "storage")


async def made(
    db: Database, storage: FolderStorage, folder: Path, *, url: bool = False
) -> tuple[Job, list[AttemptSpec]]:
    """A job that is done, with its files in storage."""

    def work(conn: Connection) -> tuple[Job, list[AttemptSpec]]:
        job = toys.submit_url(conn) if url else toys.submit(conn)
        return job, toys.run_everything(conn)

    job, ran = await db.write(work)
    source = await db.read(jobs.source_of_asset, job.asset_id)
    assert source is not None
    for key, size in [(source.storage_key, 5), *((f"{s.output_prefix}/file", 10) for s in ran if s.stage != "fetch")]:
        (folder / "file").write_bytes(b"x" * size)
        await storage.put(key, folder / "file")
    if url:  # the source is its beginning
        await put_rest(storage, folder, next(spec for spec in ran if spec.stage == "fetch"))
    return job, ran


async def put_rest(storage: FolderStorage, folder: Path, fetched: AttemptSpec) -> None:
    (folder / "file").write_bytes(b"x" * 5)
    await storage.put(f"{fetched.output_prefix}/more", folder / "file")


async def faults(db: Database, storage: FolderStorage, *, mend: bool = False, before_ms: int = 0) -> list[Found]:
    return [found async for found in examine(Examination(db, storage, before_ms, mend))]


async def run_again(db: Database, storage: FolderStorage, folder: Path) -> set[str]:
    """Let what is to be made again be made; the stages."""
    ran = await db.write(toys.run_everything)
    for spec in ran:
        (folder / "file").write_bytes(b"x" * 10)
        await storage.put(f"{spec.output_prefix}/file", folder / "file")
    return {spec.stage for spec in ran}


@pytest.mark.parametrize("url", [False, True])
async def test_nothing_is_found_where_nothing_is_wrong(
    db: Database, storage: FolderStorage, tmp_path: Path, url: bool
) -> None:
    await made(db, storage, tmp_path, url=url)
    before = await keys(storage)
    assert await faults(db, storage, mend=True, before_ms=LATER_MS) == []
    assert await keys(storage) == before


async def test_bytes_that_no_row_names_are_found_and_removed(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    orphan = await put(storage, tmp_path, f"orgs/{ORG}/artifacts/{'a' * 64}/{new_id('att')}/video/0.m4s")
    place = orphan.removesuffix("/video/0.m4s")
    assert await faults(db, storage) == []
    assert await faults(db, storage, before_ms=LATER_MS) == [Found(Fault.ORPHAN, place, 1)]
    assert await keys(storage) == {orphan}
    assert await faults(db, storage, mend=True, before_ms=LATER_MS) == [Found(Fault.ORPHAN, place, 1, "removed")]
    assert await keys(storage) == set()


async def test_outputs_that_are_lost_are_made_again_with_what_needs_them(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    job, ran = await made(db, storage, tmp_path)
    lost = [spec for spec in ran if spec.options.get("chunk") == 1 or spec.stage == "package"]
    for spec in lost:
        await storage.delete_prefix(spec.output_prefix)
    found = await faults(db, storage)
    assert {fault.place for fault in found} == {spec.output_prefix for spec in lost}
    assert {(fault.fault, fault.mended) for fault in found} == {(Fault.ARTIFACT, None)}
    assert (await db.read(jobs.get_job, ORG, job.id)).status == "done"
    assert {fault.mended for fault in await faults(db, storage, mend=True)} == {"it is made again"}
    asset = await db.read(assets.get, ORG, job.asset_id)
    assert (asset.status, (await db.read(jobs.get_job, ORG, job.id)).status) == ("preparing", "queued")
    assert await run_again(db, storage, tmp_path) == {spec.stage for spec in lost}
    assert (await db.read(jobs.get_job, ORG, job.id)).status == "done"
    assert (await db.read(assets.get, ORG, job.asset_id)).status == "ready"
    assert await faults(db, storage) == []


async def test_a_part_that_is_lost_counts(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    _, ran = await made(db, storage, tmp_path)
    (storage.root / ran[-1].output_prefix / "file").write_bytes(b"half")
    assert [fault.place for fault in await faults(db, storage)] == [ran[-1].output_prefix]


async def test_an_asset_whose_source_is_gone_says_what_it_has_lost(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    job, ran = await made(db, storage, tmp_path, url=True)
    for spec in ran:
        if spec.stage in {"fetch", "package"}:
            await storage.delete_prefix(spec.output_prefix)
    words = {fault.place: fault.mended for fault in await faults(db, storage, mend=True)}
    assert set(words.values()) == {"its assets go on without it", "it is forgotten", "its assets say so"}
    asset = await db.read(assets.get, ORG, job.asset_id)
    assert (asset.status, asset.error_code, asset.source_id) == ("errored", "output_lost", None)
    assert await faults(db, storage) == []


async def test_an_asset_plays_on_without_its_source(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    job, _ = await made(db, storage, tmp_path)
    source = await db.read(jobs.source_of_asset, job.asset_id)
    assert source is not None
    await storage.delete_prefix(source.storage_key)
    assert await faults(db, storage) == [Found(Fault.SOURCE, source.storage_key, 5)]
    assert len(await faults(db, storage, mend=True)) == 1
    asset = await db.read(assets.get, ORG, job.asset_id)
    assert (asset.status, asset.source_id) == ("ready", None)
    assert await faults(db, storage) == []


async def test_outputs_of_an_asset_that_is_deleted_are_not_made_again_and_it_says_so(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    job, ran = await made(db, storage, tmp_path)
    await db.write(retention.delete_asset, ORG, job.asset_id, 3_600_000)
    await storage.delete_prefix(ran[-1].output_prefix)
    assert [fault.mended for fault in await faults(db, storage, mend=True)] == ["its assets say so"]
    restored = await db.write(retention.restore, ORG, job.asset_id, 3_600_000)
    assert (restored.status, restored.error_code) == ("errored", "output_lost")


def test_the_command_reads_the_place_that_settings_name(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    orphan = settings.effective_storage_dir / "orgs" / ORG / "logs" / f"{new_id('att')}.log"
    orphan.parent.mkdir(parents=True)
    orphan.write_text("x")
    told: list[object] = []
    fsck(settings, told.append, mend=True)
    assert told == []
    assert orphan.exists()
    fsck(settings.model_copy(update={"collect_after_s": -60.0}), told.append, mend=True)
    place = orphan.relative_to(settings.effective_storage_dir).as_posix()
    assert told == [{"fault": "orphan", "place": place, "size_bytes": 1, "mended": "removed"}]
    assert not orphan.exists()
