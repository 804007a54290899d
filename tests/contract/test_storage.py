"""What every storage does, held against each adapter: add a row to `ADAPTERS` for another."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.gateway import gateway_here
from tests.fixtures import swift
from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_moving import MovingStorage
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import Storage

KEYS = {"access_key_id": swift.KEY, "secret_access_key": swift.SECRET}


def _folder(_request: pytest.FixtureRequest, root: Path) -> Storage:
    return FolderStorage(root / "storage")


def _s3(request: pytest.FixtureRequest, _root: Path) -> ObjectStorage:
    server = request.getfixturevalue("swift_server")
    bucket = request.getfixturevalue("swift_bucket")
    return ObjectStorage(ObjectPlace("s3", bucket, "pre/fix", server.endpoint, swift.REGION), lambda: KEYS)


def _gcs(request: pytest.FixtureRequest, _root: Path) -> ObjectStorage:
    server = request.getfixturevalue("google_server")
    place = ObjectPlace("gs", server.make_bucket(), "pre", server.endpoint, service_account=str(server.account_file))
    return ObjectStorage(place, dict)


def _cached(request: pytest.FixtureRequest, root: Path) -> Storage:
    return CachedStorage(_gcs(request, root), root / "cache", 2**30)


def _moving(request: pytest.FixtureRequest, root: Path) -> Storage:
    return MovingStorage(_gcs(request, root), FolderStorage(root / "storage"))


def _switched(_request: pytest.FixtureRequest, root: Path) -> Storage:
    return SwitchedStorage(lambda: FolderStorage(root / "storage"))


ADAPTERS: dict[str, Callable[[pytest.FixtureRequest, Path], Storage]] = {
    "folder": _folder,
    "gateway": lambda _request, root: gateway_here().storage(root),
    "s3": _s3,
    "gcs": _gcs,
    "cached": _cached,
    "moving": _moving,
    "switched": _switched,
}


@pytest.fixture(params=sorted(ADAPTERS))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return ADAPTERS[request.param](request, tmp_path)


async def put(storage: Storage, folder: Path, key: str, content: bytes) -> None:
    source = folder / "incoming"
    source.write_bytes(content)
    await storage.put(key, source)


async def content(storage: Storage, key: str, *span: int) -> bytes:
    return b"".join([piece async for piece in storage.read(key, *span)])


async def test_an_object_comes_back(storage: Storage, tmp_path: Path) -> None:
    await put(storage, tmp_path, "orgs/a/file.bin", b"abc")
    info = await storage.stat("orgs/a/file.bin")
    assert (info.key, info.size_bytes) == ("orgs/a/file.bin", 3)
    assert await content(storage, "orgs/a/file.bin") == b"abc"


async def test_ranges_are_half_open_and_end_with_the_object(storage: Storage, tmp_path: Path) -> None:
    data = os.urandom(700_000)  # more than two pieces
    await put(storage, tmp_path, "k", data)
    assert await content(storage, "k") == data
    assert await content(storage, "k", 262_143, 524_289) == data[262_143:524_289]
    assert await content(storage, "k", 699_999) == data[-1:]
    assert await content(storage, "k", 700_000) == b""
    assert await content(storage, "k", 5, 5) == b""
    assert await content(storage, "k", 5, 9_000_000) == data[5:]
    pieces = [len(piece) async for piece in storage.read("k")]
    assert max(pieces) <= 2**20


async def test_what_is_not_there_is_not_found(storage: Storage, tmp_path: Path) -> None:
    await put(storage, tmp_path, "orgs/a", b"x")
    for key in ("nothing", "orgs", "orgs/a/b"):
        with pytest.raises(VidComputeError, match="object_not_found") as caught:
            await storage.stat(key)
        assert caught.value.kind is Kind.NOT_FOUND
        with pytest.raises(VidComputeError, match="object_not_found"):
            await content(storage, key)
        with pytest.raises(VidComputeError, match="object_not_found"):
            await storage.fetch(key, tmp_path / "to")
    assert storage.local_path("nothing") is None
    assert await storage.list("nothing") == []
    assert await storage.delete_prefix("nothing") == 0


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc", "a/../b", "..", ".", "a//b", "a/", "a\\b", "a b", "ä", "a\0b", "a\n", ".tmp/x", 1001 * "x"],
)
async def test_keys_are_no_paths(storage: Storage, tmp_path: Path, key: str) -> None:
    source = tmp_path / "incoming"
    source.write_bytes(b"x")
    for attempt in (
        storage.put(key, source),
        storage.stat(key),
        storage.fetch(key, tmp_path / "to"),
        storage.list(key),
        storage.delete_prefix(key),
        storage.sign(key, "GET", 60),
    ):
        with pytest.raises(VidComputeError, match="invalid_key"):
            await attempt
    with pytest.raises(VidComputeError, match="invalid_key"):
        await content(storage, key)
    with pytest.raises(VidComputeError, match="invalid_key"):
        storage.local_path(key)


async def test_the_validator_changes_with_the_content(storage: Storage, tmp_path: Path) -> None:
    await put(storage, tmp_path, "k", b"one")
    first = await storage.stat("k")
    assert await storage.stat("k") == first
    await put(storage, tmp_path, "k", b"two")
    assert (await storage.stat("k")).etag != first.etag
    assert await content(storage, "k") == b"two"


async def test_a_tree_is_stored_with_its_names(storage: Storage, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "video" / "deep").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "init.mp4").write_bytes(b"i")
    (tree / "video" / "0.m4s").write_bytes(b"00")
    (tree / "video" / "deep" / "1.m4s").write_bytes(b"111")
    stored = await storage.put_tree("orgs/o/artifacts/k/a", tree)
    expected = {"init.mp4": 1, "video/0.m4s": 2, "video/deep/1.m4s": 3}
    assert {o.key.removeprefix("orgs/o/artifacts/k/a/"): o.size_bytes for o in stored} == expected
    listed = await storage.list("orgs/o/artifacts/k/a")
    assert sorted(listed, key=lambda o: o.key) == sorted(stored, key=lambda o: o.key)
    assert await content(storage, "orgs/o/artifacts/k/a/video/deep/1.m4s") == b"111"


async def test_a_second_tree_joins_the_first(storage: Storage, tmp_path: Path) -> None:
    for name in ("one", "two"):
        tree = tmp_path / name
        tree.mkdir()
        (tree / name).write_text(name)
        await storage.put_tree("p", tree)
    assert [o.key for o in await storage.list("p")] == ["p/one", "p/two"]


async def test_an_empty_tree_stores_nothing(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    assert await storage.put_tree("p", tmp_path / "tree") == []
    assert await storage.list("p") == []


async def test_a_tree_with_links_is_refused_whole(storage: Storage, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_text("fine")
    (tree / "b").symlink_to("/etc/passwd")
    with pytest.raises(VidComputeError, match="invalid_object"):
        await storage.put_tree("p", tree)
    assert await storage.list("p") == []


async def test_fetch_gives_a_path_with_the_bytes(storage: Storage, tmp_path: Path) -> None:
    await put(storage, tmp_path, "a/k", b"bytes")
    path = await storage.fetch("a/k", tmp_path / "to")
    assert path.read_bytes() == b"bytes"


async def test_list_and_delete_stay_below_the_prefix(storage: Storage, tmp_path: Path) -> None:
    for key in ("a/b/1", "a/b/c/2", "a/bc", "a/bd/3"):
        await put(storage, tmp_path, key, b"x")
    assert [o.key for o in await storage.list("a/b")] == ["a/b/1", "a/b/c/2"]
    assert await storage.delete_prefix("a/b") == 2
    assert [o.key for o in await storage.list("a")] == ["a/bc", "a/bd/3"]
    assert await storage.delete_prefix("a/bc") == 1
    assert await storage.delete_prefix("a") == 1
    assert await storage.list("a") == []


async def test_puts_and_deletes_beside_each_other(storage: Storage, tmp_path: Path) -> None:
    async def work(number: int) -> None:
        for turn in range(5):
            source = tmp_path / f"in-{number}"
            source.write_bytes(b"x" * (turn + 1))
            await storage.put(f"shared/{number}/k", source)
            assert (await storage.stat(f"shared/{number}/k")).size_bytes == turn + 1
            await storage.delete_prefix(f"shared/{number}")

    await asyncio.gather(*(work(number) for number in range(6)))
    assert await storage.list("shared") == []


async def test_two_who_delete_the_same_are_not_in_each_others_way(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "store")
    for turn in range(30):
        for number in range(40):
            await put(storage, tmp_path, f"shared/{turn}/{number % 8}/{number}", b"x")
        await asyncio.gather(*(storage.delete_prefix(f"shared/{turn}") for _ in range(4)))
    assert await storage.list("shared") == []


def test_a_folder_keeps_nothing_half_written(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    left, fresh = tmp_path / ".tmp" / "left", tmp_path / ".tmp" / "fresh"
    left.write_text("x")
    fresh.write_text("x")
    os.utime(left, (0, 0))
    assert storage.sweep() == 1
    assert not left.exists()
    assert fresh.exists()


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    class Full(FolderStorage):
        def _at_hand(self, source: Path) -> Path:
            with Path("/dev/full").open("wb") as full:  # always full when written to
                full.write(source.read_bytes())
            return source

    storage = Full(tmp_path / "storage")
    with pytest.raises(VidComputeError, match="storage_full") as caught:
        await put(storage, tmp_path, "k", b"x")
    assert caught.value.kind is Kind.UNAVAILABLE
    with pytest.raises(VidComputeError, match="object_not_found"):
        await storage.stat("k")


async def test_an_object_from_another_file_system_is_copied(tmp_path: Path) -> None:
    class Elsewhere(FolderStorage):
        def _is_here(self, source: Path) -> bool:
            return False

    storage = Elsewhere(tmp_path / "storage")
    await put(storage, tmp_path, "k", b"bytes")
    assert await content(storage, "k") == b"bytes"
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "x").write_text("y")
    await storage.put_tree("t", tree)
    assert await content(storage, "t/x") == b"y"
    assert list((tmp_path / "storage" / ".tmp").iterdir()) == []
