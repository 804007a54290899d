"""Uploads: what arrives is what is stored, its digest is known at the last byte, and nothing is left behind."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.media.digest import TreeDigest
from vidcompute.services import accounts, assets, uploads
from vidcompute.services.assets import Source
from vidcompute.services.uploads import queries, writeback
from vidcompute.services.uploads import receiver as receiver_module

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 20_000  # 5 MiB: several batches


def digest_of(data: bytes) -> str:
    tree = TreeDigest()
    tree.update(data)
    return tree.finish()


async def receive(folder: Path, data: bytes, size: int = 65_536, max_bytes: int = 2**30) -> tuple[bytes, str, int]:
    async with uploads.receiving(folder, max_bytes=max_bytes) as receiver:
        for at in range(0, len(data), size):
            await receiver.write(data[at : at + size])
        got = await receiver.finish()
        return got.path.read_bytes(), got.digest, got.size_bytes


async def refused(folder: Path, data: bytes, **limits: int) -> VidComputeError:
    with pytest.raises(VidComputeError) as told:
        await receive(folder, data, **limits)
    assert list(folder.iterdir()) == []
    return told.value


@pytest.mark.parametrize("size", [1_000, 65_536, len(MP4)])
async def test_what_arrives_is_what_is_there(tmp_path: Path, size: int) -> None:
    assert await receive(tmp_path, MP4, size) == (MP4, digest_of(MP4), len(MP4))
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.integers(40, 20_000), st.integers(1, 20_000))
async def test_any_size_in_any_pieces(tmp_path: Path, length: int, size: int) -> None:
    assert await receive(tmp_path, MP4[:length], size) == (MP4[:length], digest_of(MP4[:length]), length)


async def test_pages_go_to_disk_while_they_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With windows smaller than the file every step of the write-back runs, and the bytes stay right."""
    monkeypatch.setattr(writeback, "WINDOW_BYTES", 2**20)
    assert (await receive(tmp_path, MP4))[0] == MP4


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "source_empty"),
        (b"hello, this is text", "source_not_media"),
        (b"<html><body>login</body></html>" * 1000, "source_not_media"),
        (b"PK\x03\x04" + bytes(10_000), "source_not_media"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "source_is_playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "source_is_playlist"),
    ],
)
async def test_what_is_plainly_no_media_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    error = await refused(tmp_path, data)
    assert (error.code, error.kind) == (code, Kind.REFUSED)


async def test_the_first_bytes_refuse_before_the_others_are_taken(tmp_path: Path) -> None:
    async with uploads.receiving(tmp_path, max_bytes=2**30) as receiver:
        with pytest.raises(VidComputeError, match="source_not_media"):
            await receiver.write(b"{" + b" " * 9_000)


async def test_the_limit_is_enforced_at_its_first_byte_too_many(tmp_path: Path) -> None:
    assert (await receive(tmp_path, MP4, max_bytes=len(MP4)))[2] == len(MP4)
    error = await refused(tmp_path, MP4, max_bytes=len(MP4) - 1)
    assert (error.code, error.kind, error.extra) == ("upload_too_large", Kind.TOO_LARGE, {"max_bytes": len(MP4) - 1})


async def test_a_declared_size_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    for declared, code in ((2**30 + 1, "upload_too_large"), (2**62, "upload_too_large")):
        with pytest.raises(VidComputeError, match=code):
            async with uploads.receiving(folder, max_bytes=2**30, declared_bytes=declared):
                pytest.fail("it was taken")
    with pytest.raises(VidComputeError, match="storage_full"):
        async with uploads.receiving(folder, max_bytes=2**62, declared_bytes=2**60):
            pytest.fail("it was taken")
    assert not folder.exists()


async def test_a_full_disk_is_told_and_cleared_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> int:
        path.touch()
        return os.open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(receiver_module, "_open", full)
    error = await refused(tmp_path, MP4)
    assert (error.code, error.kind) == ("storage_full", Kind.UNAVAILABLE)
    assert receiver_module.cannot_store(OSError(errno.EIO, "bad")).code == "storage_unavailable"


async def test_a_line_that_is_cut_leaves_nothing(tmp_path: Path) -> None:
    arrived = asyncio.Event()

    async def upload() -> None:
        async with uploads.receiving(tmp_path, max_bytes=2**30) as receiver:
            await receiver.write(MP4)
            arrived.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(upload())
    await arrived.wait()
    assert len(list(tmp_path.iterdir())) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


def files(shelf: FolderStorage) -> list[Path]:
    return [path for path in shelf.root.rglob("*") if path.is_file()]


@pytest.fixture
async def db(tmp_path: Path, fresh_database: Callable[[Path], Database]) -> AsyncIterator[Database]:
    opened = fresh_database(tmp_path)
    await opened.write(accounts.ensure_local, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def shelf(tmp_path: Path) -> FolderStorage:
    (tmp_path / "objects").mkdir()
    return FolderStorage(tmp_path / "objects")


async def upload(db: Database, shelf: FolderStorage, folder: Path, data: bytes, name: str = "a.mp4") -> Source:
    async with uploads.receiving(folder, max_bytes=2**30) as receiver:
        await receiver.write(data)
        got = await receiver.finish()
        return await uploads.store(
            db, shelf, uploads.NewSource(LOCAL_ORGANIZATION, got, name), lambda _c, source: source
        )


async def test_a_stored_upload_is_a_source_and_moved_into_place(
    db: Database, shelf: FolderStorage, tmp_path: Path
) -> None:
    source = await upload(db, shelf, tmp_path / "in", MP4)
    assert (source.digest, source.size_bytes, source.name) == (digest_of(MP4), len(MP4), "a.mp4")
    assert (shelf.root / source.storage_key).read_bytes() == MP4
    assert source.storage_key.startswith(f"orgs/{LOCAL_ORGANIZATION}/sources/{source.digest}/")
    assert await db.read(assets.get_source, LOCAL_ORGANIZATION, source.id) == source
    assert list((tmp_path / "in").iterdir()) == []


async def test_the_same_bytes_are_stored_once(db: Database, shelf: FolderStorage, tmp_path: Path) -> None:
    first = await upload(db, shelf, tmp_path / "in", MP4, "a.mp4")
    second = await upload(db, shelf, tmp_path / "in", MP4, "b.mp4")
    assert second.id != first.id
    assert (second.storage_key, second.name) == (first.storage_key, "b.mp4")
    assert len(files(shelf)) == 1
    assert list((tmp_path / "in").iterdir()) == []


async def test_nothing_stays_where_the_job_is_refused(db: Database, shelf: FolderStorage, tmp_path: Path) -> None:
    def refuse(_conn: Connection, source: Source) -> None:
        raise VidComputeError(Kind.CONFLICT, "no", source.name)

    async with uploads.receiving(tmp_path / "in", max_bytes=2**30) as receiver:
        await receiver.write(MP4)
        got = await receiver.finish()
        with pytest.raises(VidComputeError, match="no: a"):
            await uploads.store(db, shelf, uploads.NewSource(LOCAL_ORGANIZATION, got, "a"), refuse)
    assert files(shelf) == []
    assert list((tmp_path / "in").iterdir()) == []


async def test_a_file_stays_where_its_row_may_have_been_written(
    db: Database, shelf: FolderStorage, tmp_path: Path
) -> None:
    """A server that ends cancels who waits for the database, which goes on with what it has begun."""
    inside, let_go = threading.Event(), threading.Event()

    def slow(_conn: Connection, source: Source) -> Source:
        inside.set()
        assert let_go.wait(20)
        return source

    async def store() -> None:
        async with uploads.receiving(tmp_path / "in", max_bytes=2**30) as receiver:
            await receiver.write(MP4)
            got = await receiver.finish()
            await uploads.store(db, shelf, uploads.NewSource(LOCAL_ORGANIZATION, got, "a.mp4"), slow)

    storing = asyncio.create_task(store())
    await asyncio.to_thread(inside.wait, 20)
    storing.cancel()
    await asyncio.wait([storing])
    let_go.set()
    await db.write(lambda _conn: None)
    key = await db.read(queries.stored_key, LOCAL_ORGANIZATION, digest_of(MP4))
    assert key is not None
    assert (shelf.root / key).read_bytes() == MP4
