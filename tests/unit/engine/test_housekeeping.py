"""What nothing refers to goes from storage; what a row names, or an attempt at work writes, stays."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db.engine import Database
from vidcompute.ids import created_ms, new_id
from vidcompute.ports.executor import AttemptSpec
from vidcompute.services import jobs, uploads
from vidcompute.services.housekeeping import collect
from vidcompute.services.uploads import Direct, NewUpload, moves

LATER_MS = 2**48 - 1  # by then everything is old
ORG = toys.ORG


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "storage")


async def put(storage: FolderStorage, folder: Path, key: str) -> str:
    source = folder / "incoming"
    source.write_bytes(b"x")
    return (await storage.put(key, source)).key


async def keys(storage: FolderStorage) -> set[str]:
    return {info.key async for page in storage.scan("orgs") for info in page}


async def attempts_files(storage: FolderStorage, folder: Path, specs: list[AttemptSpec]) -> set[str]:
    found = set()
    for spec in specs:
        found.add(await put(storage, folder, f"{spec.output_prefix}/video/0.m4s"))
        found.add(await put(storage, folder, f"orgs/{ORG}/logs/{spec.attempt_id}.log"))
    return found


async def test_what_rows_name_stays(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    def work(conn: Connection) -> tuple[str, list[AttemptSpec]]:
        source = toys.add_source(conn)
        toys.submit(conn, "d1")
        return source.storage_key, toys.run_everything(conn)

    key, specs = await db.write(work)
    assert specs
    named = {await put(storage, tmp_path, key), *await attempts_files(storage, tmp_path, specs)}
    assert (await collect(db, storage, before_ms=LATER_MS)).removed == 0
    assert await keys(storage) == named


async def test_what_no_row_names_goes_when_it_is_old(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    for key in (
        f"orgs/{ORG}/artifacts/{'a' * 64}/{new_id('att')}/video/0.m4s",
        f"orgs/{ORG}/artifacts/{'a' * 64}/{new_id('att')}/video/1.m4s",
        f"orgs/{ORG}/sources/digest/{new_id('obj')}",
        f"orgs/{ORG}/logs/{new_id('att')}.log",
    ):
        await put(storage, tmp_path, key)
    assert (await collect(db, storage, before_ms=now_ms - 1)).removed == 0
    found = await collect(db, storage, before_ms=LATER_MS)
    assert (found.seen, found.removed) == (4, 4)
    assert await keys(storage) == set()


async def test_what_an_attempt_at_work_writes_stays(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    def work(conn: Connection) -> list[AttemptSpec]:
        toys.submit(conn, "d1")
        specs = toys.run_until(conn, "encode")
        jobs.start(conn, specs[0].attempt_id)
        return specs

    specs = await db.write(work)
    written = await attempts_files(storage, tmp_path, specs)
    assert (await collect(db, storage, before_ms=LATER_MS)).removed == 0
    assert await keys(storage) == written


async def test_what_a_failed_attempt_left_goes_but_for_its_log(
    db: Database, storage: FolderStorage, tmp_path: Path
) -> None:
    def work(conn: Connection) -> list[AttemptSpec]:
        toys.submit(conn, "d1")
        return toys.run_until(conn, "encode")[:1]

    specs = await db.write(work)
    await attempts_files(storage, tmp_path, specs)
    await db.write(jobs.finish, toys.failed(specs[0]), toys.AT_ONCE)
    await collect(db, storage, before_ms=LATER_MS)
    assert await keys(storage) == {f"orgs/{ORG}/logs/{specs[0].attempt_id}.log"}


async def test_a_source_within_an_artifact_keeps_it(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    def work(conn: Connection) -> list[AttemptSpec]:
        toys.submit_url(conn)
        return toys.run_everything(conn)

    fetched = next(spec for spec in await db.write(work) if spec.stage == "fetch")
    key = await put(storage, tmp_path, f"{fetched.output_prefix}/source")
    await collect(db, storage, before_ms=LATER_MS)
    assert await keys(storage) == {key}


async def test_what_an_upload_under_way_has_become_stays(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    """Until it ends: its parts have been joined, and are to be read."""
    direct = Direct(f"orgs/{ORG}/direct/{new_id('obj')}", "parts", 16 * 2**20, arrived=True)
    new = NewUpload(size_bytes=60, job=None, direct=direct)
    upload = await db.write(moves.create, ORG, new, max_unfinished=10)
    await put(storage, tmp_path, f"orgs/{ORG}/direct/{new_id('obj')}")
    key = await put(storage, tmp_path, direct.key)
    assert (await collect(db, storage, before_ms=LATER_MS)).removed == 1
    assert await keys(storage) == {key}
    assert await db.read(uploads.names_in_store) == {"parts"}
    await db.write(moves.cancel, upload)
    assert (await collect(db, storage, before_ms=LATER_MS)).removed == 1
    assert await db.read(uploads.names_in_store) == set()


async def test_what_is_not_ours_to_judge_stays(db: Database, storage: FolderStorage, tmp_path: Path) -> None:
    strange = {f"orgs/{ORG}/notes/readme", "orgs/x", f"orgs/{ORG}/logs/mine.log", f"orgs/{ORG}/artifacts/k/att_x/f"}
    for key in strange:
        await put(storage, tmp_path, key)
    await put(storage, tmp_path, "elsewhere/k")
    assert (await collect(db, storage, before_ms=LATER_MS)).removed == 0
    assert await keys(storage) == strange


def test_an_identifier_tells_when_it_was_made() -> None:
    before_ms = time.time_ns() // 1_000_000
    made_ms = created_ms(new_id("att"))
    assert before_ms <= made_ms <= time.time_ns() // 1_000_000
