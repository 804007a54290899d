"""Moving a library between storages: all of it, each object once, never to or from where it can't be."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from tests.fixtures.databases import migrated_sqlite
from tests.unit.engine import toys
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.db import library as rows
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.db.library import Library
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.ports.executor import AttemptSpec
from vidcompute.ports.storage import ObjectInfo
from vidcompute.services import accounts, jobs
from vidcompute.settings import Settings
from vidcompute.wiring.library import Follower, decided, known_library
from vidcompute.wiring.migrating import Moved, Mover, Told, _Move
from vidcompute.wiring.storage import Cache, InForce, Place, attempt_storage, read_in_force, settle, write_in_force

KEYS = [f"orgs/{toys.ORG}/logs/{new_id('att')}.log" for _ in range(5)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a data folder with a database and five objects."""
    made = Settings(data_dir=tmp_path / "data")
    settle(made)
    shutil.copyfile(migrated_sqlite(), made.data_dir / "vidcompute.db")

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
    return Mover(settings, patience_s=10).move(str(to), lambda _fraction: None, say)


def changed(settings: Settings, **changes: object) -> None:
    """What a move has put in force before."""

    async def change() -> None:
        db = Database.open(settings.effective_database_url)
        await db.write(rows.change, await db.read(rows.current), **changes)
        await db.close()

    asyncio.run(change())


@contextmanager
def following(settings: Settings, said: Settings) -> Iterator[list[SwitchedStorage]]:
    """A server with a data folder and settings of its own, that follows the database of `settings` in a thread."""
    began, ending, storages = threading.Event(), asyncio.Event(), []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        db = Database.open(settings.effective_database_url)
        said.data_dir.mkdir(exist_ok=True)
        follower = Follower(said, db, lambda: said)
        storages.append(await follower.begin(lambda *_, **__: None))
        running = asyncio.create_task(follower.run(storages[0], look_s=0.02))
        began.set()
        await ending.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await follower.end()
        await db.close()

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert began.wait(20)
    try:
        yield storages
    finally:
        loops[0].call_soon_threadsafe(ending.set)
        thread.join(20)


def test_all_of_it_moves_and_the_old_place_goes_when_asked(settings: Settings, tmp_path: Path) -> None:
    old, new = settings.effective_storage_dir, tmp_path / "new"
    told = moved(settings, new)
    assert (told.objects, told.copied, told.size_bytes) == (5, 5, sum(map(len, KEYS)))
    assert keys(old) == keys(new) == sorted(KEYS)
    assert Mover(settings).delete_old(str(old)) == 5
    assert keys(new) == sorted(KEYS)
    library = known_library(settings)
    assert decided(settings, library) == InForce(Place(folder=str(new)), chosen=True)  # for a server that starts
    agreed = settings.model_copy(update={"storage_url": str(new)})
    assert decided(agreed, library) == InForce(Place(folder=str(new)))
    elsewhere = settings.model_copy(update={"storage_url": str(tmp_path / "third")})
    assert decided(elsewhere, library) == InForce(Place(folder=str(tmp_path / "third")))


def test_it_moves_back_and_settings_of_either_place_mean_where_it_is(settings: Settings, tmp_path: Path) -> None:
    old, new = settings.effective_storage_dir, tmp_path / "new"
    moved(settings, new)
    assert moved(settings, old).copied == 0
    library = known_library(settings)
    for said in (old, new):
        assert decided(settings.model_copy(update={"storage_url": str(said)}), library).at == Place(folder=str(old))


def test_an_interrupted_move_goes_on_where_it_was(settings: Settings, tmp_path: Path) -> None:
    old, new = Place(folder=str(settings.effective_storage_dir)), Place(folder=str(tmp_path / "new"))
    changed(settings, place=asdict(new), previous=asdict(old), abandoned=(asdict(old),))
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


@pytest.mark.parametrize(("executor", "ahead_ms"), [("local", 0), ("local", 3_600_000), ("ray", 0)])
def test_attempts_that_began_before_it_are_waited_for(
    settings: Settings, tmp_path: Path, executor: str, ahead_ms: int
) -> None:
    """Their outputs may still go to the old place: they come along. The clock that began them may be ahead of ours.

    Those in a cluster go on while no server is there.
    """
    settings = settings.model_copy(update={"executor": executor})

    async def begin() -> list[AttemptSpec]:
        db = Database.open(settings.effective_database_url)

        def work(conn: Connection) -> list[AttemptSpec]:
            toys.submit(conn, "d1")
            return toys.run_until(conn, "encode")

        specs = await db.write(work)
        await db.write(begun_later)
        await db.close()
        return specs

    def begun_later(conn: Connection) -> None:
        conn.execute(update(schema.attempts).values(created_ms=schema.attempts.c.created_ms + ahead_ms))

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

    with following(settings, settings) if executor == "local" else nullcontext():
        assert moved(settings, tmp_path / "new", say).objects == 5 + len(specs)
    assert any(text.startswith(f"Waiting for {len(specs)} attempts") for text in said)
    assert all((tmp_path / "new" / spec.output_prefix / "late").exists() for spec in specs)


def test_attempts_of_a_server_that_was_killed_are_not_waited_for(settings: Settings, tmp_path: Path) -> None:
    """They died with it; the next one finds that they are lost."""

    async def begin() -> None:
        db = Database.open(settings.effective_database_url)
        await db.write(toys.submit)
        assert await db.write(toys.run_until, "encode")
        await db.close()

    asyncio.run(begin())
    assert moved(settings, tmp_path / "new").objects == 5


def test_a_log_that_was_added_to_since_it_was_copied_stays_as_it_is(settings: Settings, tmp_path: Path) -> None:
    """As when an attempt was found to be lost amid the move: what it ended by is in the new place alone."""
    old, new = Place(folder=str(settings.effective_storage_dir)), Place(folder=str(tmp_path / "new"))
    changed(settings, place=asdict(new), previous=asdict(old), abandoned=(asdict(old),))
    longer = KEYS[0].encode() + b" and its last line"
    asyncio.run(put(FolderStorage(tmp_path / "new"), tmp_path, KEYS[0], longer))
    assert moved(settings, tmp_path / "new").copied == 4
    assert (tmp_path / "new" / KEYS[0]).read_bytes() == longer


async def test_a_move_is_not_over_while_the_old_place_has_what_the_new_one_has_not(
    settings: Settings, tmp_path: Path
) -> None:
    """Whoever wrote it there, and when: else nobody would find it any more."""
    db = Database.open(settings.effective_database_url)
    old, new = FolderStorage(settings.effective_storage_dir), FolderStorage(tmp_path / "new")
    move = _Move(settings, db, old, new, Told(lambda _fraction: None, lambda _text: None))
    await move.until_settled()
    assert (await move.verify())[0] == len(KEYS)
    await put(old, tmp_path, f"orgs/{toys.ORG}/artifacts/key/{new_id('att')}/late")
    with pytest.raises(VidComputeError, match="storage_move_incomplete"):
        await move.verify()
    await db.close()


def test_a_move_that_can_not_be_is_refused(settings: Settings, tmp_path: Path) -> None:
    mover = Mover(settings)
    with pytest.raises(VidComputeError, match="storage_same"):
        moved(settings, settings.effective_storage_dir)
    with pytest.raises(VidComputeError, match="settings_invalid"):
        mover.move("s3:/nowhere", lambda _fraction: None, lambda _text: None)
    with pytest.raises(VidComputeError, match="storage_in_force"):
        mover.delete_old(str(settings.effective_storage_dir))
    moved(settings, tmp_path / "new")
    with pytest.raises(VidComputeError, match="storage_in_force"):
        mover.delete_old(str(tmp_path / "new"))


def test_servers_follow_and_nothing_is_stopped(settings: Settings, tmp_path: Path) -> None:
    """Two of them, with data folders of their own; what they store goes to the new place from then on."""
    old, new = settings.effective_storage_dir, tmp_path / "new"
    other = Settings(data_dir=tmp_path / "other", storage_url=str(old))
    with following(settings, settings) as first, following(settings, other) as second:
        assert moved(settings, new).copied == 5
        for number, storage in enumerate((first[0], second[0])):
            asyncio.run(put_by(storage, tmp_path, f"orgs/x/{number}"))
            assert (new / f"orgs/x/{number}").exists()
        for said in (settings, other):
            assert read_in_force(said.data_dir) == InForce(Place(folder=str(new)), chosen=True)
    assert asyncio.run(servers(settings)) == []


async def put_by(storage: SwitchedStorage, folder: Path, key: str) -> None:
    source = folder / "incoming"
    source.write_text(key)
    await storage.put(key, source)


async def servers(settings: Settings) -> list[rows.Server]:
    db = Database.open(settings.effective_database_url)
    found = await db.read(rows.there)
    await db.close()
    return found


def test_a_server_that_stores_elsewhere_keeps_all_from_moving(settings: Settings, tmp_path: Path) -> None:
    new = tmp_path / "new"
    stranger = Settings(data_dir=tmp_path / "stranger", storage_url=str(tmp_path / "elsewhere"))
    with following(settings, stranger), pytest.raises(VidComputeError, match=r"storage_not_everywhere.*stores at"):
        moved(settings, new)
    library = known_library(settings)
    assert (library.place, library.candidate) == (None, None)
    assert keys(new) == []
    assert moved(settings, new).copied == 5


async def test_a_place_without_what_the_mover_wrote_there_is_another_one(settings: Settings, tmp_path: Path) -> None:
    """What one machine calls so may be another folder on the next one."""
    db = Database.open(settings.effective_database_url)
    follower = Follower(settings, db, lambda: settings)
    storage = await follower.begin(lambda *_, **__: None)
    at, before = Place(folder=str(tmp_path / "new")), Place(folder=str(settings.effective_storage_dir))
    candidate = {"at": asdict(at), "before": asdict(before), "mark": "moves/mark"}
    library = await db.write(rows.change, Library(), candidate=candidate)
    await follower.look(storage)
    (server,) = await db.read(rows.there)
    assert "isn't found" in str(server.trouble)
    (tmp_path / "mark").write_text("mark")
    await FolderStorage(tmp_path / "new").put("moves/mark", tmp_path / "mark")
    library = await db.write(rows.change, library)
    await follower.look(storage)
    assert [(found.revision, found.trouble) for found in await db.read(rows.there)] == [(library.revision, None)]
    await db.close()


def test_a_server_that_does_not_take_note_stops_it(settings: Settings, tmp_path: Path) -> None:
    async def arrive() -> Library:
        db = Database.open(settings.effective_database_url)
        found = await db.write(rows.arrive, "somebody", "a-server:/srv")
        await db.close()
        return found

    assert asyncio.run(arrive()) == Library()
    with pytest.raises(VidComputeError, match=r"server_silent.*a-server"):
        Mover(settings, patience_s=0.3).move(str(tmp_path / "new"), lambda _fraction: None, lambda _text: None)
    assert known_library(settings).candidate is None


async def test_a_switch_waits_for_what_is_being_written(tmp_path: Path) -> None:
    places = [FolderStorage(tmp_path / "old"), FolderStorage(tmp_path / "new")]
    going_on, written = asyncio.Event(), asyncio.Event()

    class Slow(FolderStorage):
        async def put(self, key: str, source: Path) -> ObjectInfo:
            going_on.set()
            await written.wait()
            return await super().put(key, source)

    found = iter([Slow(tmp_path / "old"), places[1]])
    storage = SwitchedStorage(lambda: next(found))
    writing = asyncio.create_task(put_by(storage, tmp_path, "orgs/x/late"))
    await going_on.wait()
    switching = asyncio.create_task(storage.switch())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(switching), 0.05)
    assert await storage.list("orgs") == []  # others go to the new one already
    written.set()
    await switching
    await writing
    assert len(await places[0].list("orgs")) == 1
