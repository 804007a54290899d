"""Moving a library between storages: all of it, each object once, never to or from where it can't be."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db.engine import Database
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.ports.executor import AttemptSpec
from vidcompute.services import accounts, jobs
from vidcompute.settings import Settings
from vidcompute.wiring.migrating import Moved, Mover
from vidcompute.wiring.storage import Cache, InForce, Place, attempt_storage, read_in_force, settle, write_in_force

KEYS = [f"orgs/{toys.ORG}/logs/{new_id('att')}.log" for _ in range(5)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a data folder with a database and five objects."""
    made = Settings(data_dir=tmp_path / "data")
    settle(made)

    async def fill() -> None:
        db = Database.open(made.effective_database_url)
        await db.write(accounts.ensure_local, made.data_dir)
        await db.close()
        for key in KEYS:
            await put(FolderStorage(made.effective_storage_dir), tmp_path, key)

    asyncio.run(fill())
    return made


async def put(storage: FolderStorage, folder: Path, key: str, content: bytes = b"") -> None:
    source = folder / "incoming"
    source.write_bytes(content or key.encode())
    await storage.put(key, source)


def keys(folder: Path) -> list[str]:
    return [info.key for info in asyncio.run(FolderStorage(folder).list("orgs"))]


def moved(settings: Settings, to: Path, say: Callable[[str], None] = lambda _text: None) -> Moved:
    return Mover(settings, serving=False).move(str(to), lambda _fraction: None, say)


def test_all_of_it_moves_and_the_old_place_goes_when_asked(settings: Settings, tmp_path: Path) -> None:
    old, new = settings.effective_storage_dir, tmp_path / "new"
    told = moved(settings, new)
    assert (told.objects, told.copied, told.size_bytes) == (5, 5, sum(map(len, KEYS)))
    assert keys(old) == keys(new) == sorted(KEYS)
    assert read_in_force(settings.data_dir) == InForce(Place(folder=str(new)), chosen=True)
    assert Mover(settings, serving=False).delete_old(str(old)) == 5
    assert keys(new) == sorted(KEYS)
    assert settle(settings).at.folder == str(new)  # a server that starts takes what the move has decided


def test_an_interrupted_move_goes_on_where_it_was(settings: Settings, tmp_path: Path) -> None:
    old, new = Place(folder=str(settings.effective_storage_dir)), Place(folder=str(tmp_path / "new"))
    write_in_force(settings, InForce(new, old, chosen=True), new)
    asyncio.run(put(FolderStorage(tmp_path / "new"), tmp_path, KEYS[0]))
    asyncio.run(put(FolderStorage(tmp_path / "new"), tmp_path, KEYS[1], b"cut short"))
    with pytest.raises(VidComputeError, match="storage_moving"):
        moved(settings, tmp_path / "elsewhere")
    assert moved(settings, tmp_path / "new").copied == 4
    assert (tmp_path / "new" / KEYS[1]).read_bytes() == KEYS[1].encode()


async def test_meanwhile_what_is_new_goes_there_and_all_is_found(settings: Settings, tmp_path: Path) -> None:
    old, new = Place(folder=str(settings.effective_storage_dir)), Place(folder=str(tmp_path / "new"))
    write_in_force(settings, InForce(new, old, chosen=True), new)
    storage = attempt_storage(settings.data_dir, Cache(tmp_path / "cache", 2**20), patience_s=1)
    assert (await storage.stat(KEYS[0])).size_bytes == len(KEYS[0])
    assert (await storage.fetch(KEYS[0], tmp_path / "to")).read_bytes() == KEYS[0].encode()
    source = tmp_path / "source"
    source.write_bytes(b"new")
    await storage.put("orgs/x/new", source)
    assert (tmp_path / "new/orgs/x/new").read_bytes() == b"new"
    assert len(await storage.list("orgs")) == 6


def test_attempts_that_began_before_it_are_waited_for(settings: Settings, tmp_path: Path) -> None:
    """Their outputs may still go to the old place: they come along."""

    async def begin() -> list[AttemptSpec]:
        db = Database.open(settings.effective_database_url)

        def work(conn: Connection) -> list[AttemptSpec]:
            toys.submit(conn, "d1")
            return toys.run_until(conn, "encode")

        specs = await db.write(work)
        await db.close()
        return specs

    async def end(specs: list[AttemptSpec]) -> None:
        db = Database.open(settings.effective_database_url)
        for spec in specs:
            await put(FolderStorage(settings.effective_storage_dir), tmp_path, f"{spec.output_prefix}/late")
            await db.write(jobs.finish, toys.failed(spec), toys.AT_ONCE)
        await db.close()

    specs = asyncio.run(begin())
    said = []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("Waiting"):
            ending = threading.Thread(target=lambda: asyncio.run(end(specs)))
            ending.start()
            ending.join()

    assert moved(settings, tmp_path / "new", say).objects == 5 + len(specs)
    assert any(text.startswith(f"Waiting for {len(specs)} attempts") for text in said)
    assert all((tmp_path / "new" / spec.output_prefix / "late").exists() for spec in specs)


def test_a_move_that_can_not_be_is_refused(settings: Settings, tmp_path: Path) -> None:
    mover = Mover(settings, serving=False)
    with pytest.raises(VidComputeError, match="storage_same"):
        moved(settings, settings.effective_storage_dir)
    with pytest.raises(VidComputeError, match="settings_invalid"):
        mover.move("s3:/nowhere", lambda _fraction: None, lambda _text: None)
    with pytest.raises(VidComputeError, match="storage_in_force"):
        mover.delete_old(str(settings.effective_storage_dir))
    moved(settings, tmp_path / "new")
    with pytest.raises(VidComputeError, match="storage_in_force"):
        mover.delete_old(str(tmp_path / "new"))


def test_a_server_that_does_not_take_note_stops_it(settings: Settings, tmp_path: Path) -> None:
    mover = Mover(settings, serving=True, patience_s=0.3)
    with pytest.raises(VidComputeError, match="server_silent"):
        mover.move(str(tmp_path / "new"), lambda _fraction: None, lambda _text: None)
