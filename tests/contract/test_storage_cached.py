"""What the cache before a remote store does beside the contract: no download twice, bounded room, no file taken."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.test_storage import content, put
from vidcompute.adapters.storage_cached import CacheContents, CachedStorage
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.errors import VidComputeError
from vidcompute.ports.storage import ObjectInfo, content_of


class Remote(FolderStorage):
    """A folder that keeps its paths to itself and counts what is fetched, as a store elsewhere."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[str] = []

    async def put(self, key: str, source: Path) -> ObjectInfo:
        copy = source.with_name(f"{source.name}.copy")
        copy.write_bytes(source.read_bytes())
        return await super().put(key, copy)

    async def put_tree(self, prefix: str, source: Path) -> list[ObjectInfo]:
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return [await self.put(f"{prefix}/{path.relative_to(source).as_posix()}", path) for path in files]

    async def fetch(self, key: str, destination: Path) -> Path:
        path = await super().fetch(key, destination)
        self.fetched.append(key)
        await asyncio.to_thread(destination.write_bytes, path.read_bytes())
        return destination

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        self.fetched.append(key)
        async for piece in super().read(key, start, end):
            yield piece


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote")


def cached(remote: Remote, tmp_path: Path, max_bytes: int = 2**30) -> CachedStorage:
    return CachedStorage(remote, tmp_path / "cache", max_bytes)


async def test_what_is_fetched_is_downloaded_once_by_all_processes(remote: Remote, tmp_path: Path) -> None:
    await put(remote, tmp_path, "k", b"bytes")
    several = [cached(remote, tmp_path) for _ in range(5)]  # as in processes of their own
    paths = await asyncio.gather(
        *(one.fetch("k", tmp_path / f"to-{n}-{m}") for n, one in enumerate(several) for m in "ab")
    )
    assert {path.read_bytes() for path in paths} == {b"bytes"}
    assert remote.fetched == ["k"]
    assert len({path.stat().st_ino for path in paths}) == 1


async def test_what_was_stored_from_here_is_not_downloaded(remote: Remote, tmp_path: Path) -> None:
    storage = cached(remote, tmp_path)
    await put(storage, tmp_path, "source", b"source")
    tree = tmp_path / "tree"
    (tree / "video").mkdir(parents=True)
    (tree / "video" / "0.m4s").write_bytes(b"segment")
    await storage.put_tree("made", tree)
    other = cached(remote, tmp_path)
    assert (await other.fetch("source", tmp_path / "to")).read_bytes() == b"source"
    assert await content(other, "made/video/0.m4s", 2, 5) == b"gme"
    assert remote.fetched == []


async def test_the_room_is_bounded_and_what_was_used_last_stays(remote: Remote, tmp_path: Path) -> None:
    storage = cached(remote, tmp_path, 2_000_000)
    for number in range(8):
        await put(storage, tmp_path, f"k{number}", os.urandom(500_000))
        await storage.stat("k0")
    storage.trim()
    kept = sum(path.stat().st_size for path in (tmp_path / "cache").glob("*/??/*"))
    assert kept <= 2_000_000 + 1000  # notes are small
    assert await content(storage, "k0")
    assert await content(storage, "k7")
    assert remote.fetched == []
    await content(storage, "k1")
    assert remote.fetched == ["k1"]


async def test_what_is_in_use_is_not_dropped(remote: Remote, tmp_path: Path) -> None:
    storage = cached(remote, tmp_path, 1)
    await put(remote, tmp_path, "k", b"bytes")
    path = await storage.fetch("k", tmp_path / "in-use")
    storage.trim()
    assert path.read_bytes() == b"bytes"
    await storage.fetch("k", tmp_path / "again")
    assert remote.fetched == ["k"]
    for used in (path, tmp_path / "again"):
        used.unlink()
    assert storage.trim() == len(b"bytes")


async def test_what_is_small_is_read_from_the_store_once(remote: Remote, tmp_path: Path) -> None:
    storage = cached(remote, tmp_path)
    await put(remote, tmp_path, "segment", b"0123456789")
    assert [await content(storage, "segment", 2, 5) for _ in range(3)] == [b"234"] * 3
    assert remote.fetched == ["segment"]


async def test_a_deleted_object_leaves_the_cache(remote: Remote, tmp_path: Path) -> None:
    storage = cached(remote, tmp_path)
    await put(storage, tmp_path, "a/k", b"bytes")
    path = await storage.fetch("a/k", tmp_path / "mine")
    assert await storage.delete_prefix("a") == 1
    with pytest.raises(VidComputeError, match="object_not_found"):
        await storage.stat("a/k")
    with pytest.raises(VidComputeError, match="object_not_found"):
        await storage.fetch("a/k", tmp_path / "to")
    assert path.read_bytes() == b"bytes"  # whoever had it has it still


async def test_an_entry_that_is_not_whole_is_fetched_again(remote: Remote, tmp_path: Path) -> None:
    storage = cached(remote, tmp_path)
    await put(remote, tmp_path, "k", b"bytes")
    await storage.fetch("k", tmp_path / "one")
    entry = next(p for p in (tmp_path / "cache").glob("*/??/*") if p.read_bytes() == b"bytes")
    entry.write_bytes(b"byt")
    (tmp_path / "one").unlink()
    assert (await storage.fetch("k", tmp_path / "two")).read_bytes() == b"bytes"


async def test_who_gives_up_waiting_does_not_stop_the_download(remote: Remote, tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Remote):
        async def fetch(self, key: str, destination: Path) -> Path:
            begun.set()
            await go_on.wait()
            return await super().fetch(key, destination)

    slow = Slow(tmp_path / "remote")
    await put(slow, tmp_path, "k", b"bytes")
    storage = cached(slow, tmp_path)
    impatient = asyncio.create_task(storage.fetch("k", tmp_path / "one"))
    await begun.wait()
    impatient.cancel()
    patient = asyncio.create_task(storage.fetch("k", tmp_path / "two"))
    go_on.set()
    assert (await patient).read_bytes() == b"bytes"
    assert slow.fetched == ["k"]


async def test_what_lies_there_can_be_looked_at(remote: Remote, tmp_path: Path) -> None:
    storage, contents = cached(remote, tmp_path), CacheContents(tmp_path / "cache")
    source, artifact = "orgs/o/sources/abc/obj_1", "orgs/o/artifacts/def/att_1/h264-720/0.m4s"
    for key in (source, artifact, "orgs/o/logs/att_1.log"):
        await put(storage, tmp_path, key, b"bytes")
    contents.look()
    assert {content_of(key) for key in contents.keys} == {"source:abc", "def", None}
    assert contents.size_bytes > 15
    await storage.delete_prefix(source)
    contents.look()
    assert source not in list(contents.keys)
    assert artifact in list(contents.keys)


async def test_leftovers_of_an_earlier_boot_go(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "cache" / "another-boot" / "ab").mkdir(parents=True)
    storage = cached(remote, tmp_path)
    await put(storage, tmp_path, "k", b"bytes")
    assert storage.sweep() == 1
    assert await content(storage, "k") == b"bytes"
    assert remote.fetched == []
