"""What stores in buckets do beside the contract: checksums, parts, signed URLs, and an end to patience."""

import asyncio
import os
import resource
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.contract.test_storage import KEYS, content, put
from tests.fixtures import swift
from tests.fixtures.faulty import FaultyWay
from tests.fixtures.gcs import GoogleServer
from tests.fixtures.plain_http import NO_TLS
from tests.fixtures.swift import SwiftServer
from tests.fixtures.waiting import wait_until
from vidcompute.adapters.object_uploads import UploadsInParts
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import FilePiece
from vidcompute.settings import Settings
from vidcompute.wiring.storage import begin, readiness

LARGE_BYTES = 20 * 2**20  # three parts


@pytest.fixture
def place(swift_server: SwiftServer, swift_bucket: str) -> ObjectPlace:
    return ObjectPlace("s3", swift_bucket, "pre", swift_server.endpoint, swift.REGION, patience_s=5)


@pytest.fixture
def s3(place: ObjectPlace) -> ObjectStorage:
    return ObjectStorage(place, lambda: KEYS)


@pytest.fixture
def gcs(google_server: GoogleServer) -> ObjectStorage:
    bucket = google_server.make_bucket()
    place = ObjectPlace("gs", bucket, "pre", google_server.endpoint, service_account=str(google_server.account_file))
    return ObjectStorage(place, dict)


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> ObjectStorage:
    found: ObjectStorage = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def shaky(place: ObjectPlace, way_to_swift: FaultyWay) -> ObjectStorage:
    return ObjectStorage(replace(place, endpoint=way_to_swift.endpoint, patience_s=20), lambda: KEYS)


async def test_a_large_object_goes_in_parts_and_comes_back(store: ObjectStorage, tmp_path: Path) -> None:
    data = os.urandom(LARGE_BYTES)
    await put(store, tmp_path, "large", data)
    assert (await store.stat("large")).size_bytes == len(data)
    assert (await store.fetch("large", tmp_path / "to")).read_bytes() == data
    assert await content(store, "large", 9_000_000, 12_000_000) == data[9_000_000:12_000_000]


async def test_more_than_a_page_is_listed_and_removed(store: ObjectStorage, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(230):
        (tree / f"{number:04d}").write_bytes(b"x")
    await store.put_tree("many", tree)
    assert len(await store.list("many")) == 230
    assert sum([len(page) async for page in store.scan("many")]) == 230
    assert await store.delete_prefix("many") == 230
    assert await store.list("many") == []


def fetched(url: str, **options: str) -> httpx2.Response:
    return httpx2.get(url, timeout=30, trust_env=False, verify=NO_TLS, headers=options)


async def test_a_signed_address_opens_one_object_for_a_time(store: ObjectStorage, tmp_path: Path) -> None:
    await put(store, tmp_path, "a/clip.mp4", b"0123456789")
    url = await store.sign("a/clip.mp4", "GET", 60)
    assert url is not None
    assert fetched(url).content == b"0123456789"
    assert fetched(url).headers["content-type"] == "video/mp4"
    part = fetched(url, Range="bytes=2-4")
    assert (part.status_code, part.content) == (206, b"234")
    assert fetched(url.replace("clip.mp4", "clap.mp4")).status_code == 403
    assert fetched(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    short = await store.sign("a/clip.mp4", "GET", 1)
    assert short is not None
    wait_until(lambda: fetched(short).status_code == 403, timeout_s=20, what="the end of the signature")


async def test_a_signed_address_takes_an_object(store: ObjectStorage) -> None:
    url = await store.sign("a/new", "PUT", 60)
    assert url is not None
    assert httpx2.put(url, content=b"new", timeout=30, trust_env=False).status_code == 200
    assert await content(store, "a/new") == b"new"


def asked(store: ObjectStorage, tmp_path: Path) -> list[Callable[[], Awaitable[object]]]:
    source = tmp_path / "in"
    source.write_bytes(b"x")
    return [lambda: store.put("k", source), lambda: store.list("a"), store.check]


async def test_wrong_credentials_are_told_by_the_name_of_the_setting(place: ObjectPlace, tmp_path: Path) -> None:
    store = ObjectStorage(place, lambda: {**KEYS, "secret_access_key": "wrong"})
    for ask in asked(store, tmp_path):
        with pytest.raises(VidComputeError, match=r"storage_refused.*storage_secret_access_key") as caught:
            await asyncio.wait_for(ask(), 4)
        assert "wrong" not in str(caught.value)


async def test_a_missing_bucket_is_told_by_the_name_of_the_setting(place: ObjectPlace, tmp_path: Path) -> None:
    store = ObjectStorage(replace(place, bucket="nowhere"), lambda: KEYS)
    for ask in asked(store, tmp_path):
        with pytest.raises(VidComputeError, match=r"storage_bucket_missing.*storage_url"):
            await asyncio.wait_for(ask(), 4)


async def test_a_store_that_is_down_is_unavailable_when_patience_ends(place: ObjectPlace) -> None:
    store = ObjectStorage(replace(place, endpoint="http://127.0.0.1:9", patience_s=1), lambda: KEYS)
    begun_s = time.monotonic()
    with pytest.raises(VidComputeError, match="storage_unavailable") as caught:
        await store.stat("k")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert time.monotonic() - begun_s < 15


@pytest.mark.parametrize("mode", ["busy", "reset", "slow", "corrupt_requests"])
async def test_what_passes_by_does_not_harm_a_write(
    shaky: ObjectStorage, s3: ObjectStorage, way_to_swift: FaultyWay, tmp_path: Path, mode: str
) -> None:
    data = os.urandom(100_000)
    way_to_swift.break_down(mode, faults=3)
    await put(shaky, tmp_path, "k", data)
    assert way_to_swift.happened > 0 or mode == "slow"
    assert await content(s3, "k") == data


@pytest.mark.parametrize("mode", ["busy", "reset", "slow", "corrupt_answers"])
async def test_what_passes_by_does_not_harm_a_read(
    shaky: ObjectStorage, s3: ObjectStorage, way_to_swift: FaultyWay, tmp_path: Path, mode: str
) -> None:
    data = os.urandom(100_000)
    await put(s3, tmp_path, "k", data)
    way_to_swift.break_down(mode, faults=2)
    assert await content(shaky, "k") == data
    assert way_to_swift.happened > 0 or mode == "slow"
    way_to_swift.break_down(mode, faults=2)
    assert (await shaky.fetch("k", tmp_path / "to")).read_bytes() == data


async def test_wrong_bytes_never_pass_for_an_object(
    shaky: ObjectStorage, s3: ObjectStorage, way_to_swift: FaultyWay, tmp_path: Path
) -> None:
    await put(s3, tmp_path, "small", os.urandom(100_000))
    await put(s3, tmp_path, "large", os.urandom(3_000_000))
    way_to_swift.break_down("corrupt_answers")
    for key in ("small", "large"):
        with pytest.raises(VidComputeError, match="storage_corrupted") as caught:
            await content(shaky, key)
        assert caught.value.kind.retryable
        with pytest.raises(VidComputeError, match="storage_corrupted"):
            await shaky.fetch(key, tmp_path / "to")
        assert [path.name for path in tmp_path.iterdir() if path.name.endswith("to")] == []
    way_to_swift.break_down("corrupt_requests")
    with pytest.raises(VidComputeError, match=r"storage_unavailable|storage_corrupted"):
        await asyncio.wait_for(
            put(ObjectStorage(replace(shaky.place, patience_s=1), lambda: KEYS), tmp_path, "new", os.urandom(100_000)),
            60,
        )
    with pytest.raises(VidComputeError, match="object_not_found"):
        await s3.stat("new")


async def test_a_store_that_hangs_ends_in_an_error(place: ObjectPlace, way_to_swift: FaultyWay) -> None:
    way_to_swift.break_down("hang")
    store = ObjectStorage(replace(place, endpoint=way_to_swift.endpoint, patience_s=1, silent_s=1), lambda: KEYS)
    with pytest.raises(VidComputeError, match="storage_unavailable"):
        await asyncio.wait_for(store.stat("k"), 60)


async def test_a_write_outlives_a_server_that_is_killed(
    swift_server: SwiftServer, place: ObjectPlace, tmp_path: Path
) -> None:
    store = ObjectStorage(replace(place, patience_s=60), lambda: KEYS)
    swift_server.kill()
    source = tmp_path / "in"
    source.write_bytes(os.urandom(50_000))
    writing = asyncio.create_task(store.put("k", source))
    await asyncio.to_thread(swift_server.start)
    assert (await writing).size_bytes == 50_000


async def test_an_object_whose_checksum_is_no_checksum_is_read_back(
    gcs: ObjectStorage, tmp_path: Path, google_server: GoogleServer
) -> None:
    before = google_server.multipart
    await put(gcs, tmp_path, "large", os.urandom(LARGE_BYTES))
    assert google_server.multipart == before + 1  # its ETag is nobody's digest: the bytes were compared


async def test_uploads_that_nobody_finished_are_ended(
    s3: ObjectStorage, swift_server: SwiftServer, tmp_path: Path
) -> None:
    bucket = s3.place.bucket

    def unfinished() -> int:
        return swift_server.ask("GET", bucket, uploads="").text.count("<UploadId>")

    swift_server.ask("POST", bucket, "pre/orgs/a", uploads="")
    swift_server.ask("POST", bucket, "other/orgs/b", uploads="")
    async with UploadsInParts(s3.place, KEYS) as uploads:
        name, later = await uploads.begin("orgs/c"), datetime.now(UTC) + timedelta(hours=1)
        assert await uploads.end(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert unfinished() == 3
        assert await uploads.end(later, but={name}) == 1  # one that is under way still, however old
        assert unfinished() == 2
        assert await uploads.end(later) == 1
    assert unfinished() == 1  # what is not below our prefix is not ours
    await put(s3, tmp_path, "k", b"bytes")
    assert await content(s3, "k") == b"bytes"


async def test_google_keeps_no_unfinished_uploads_either(gcs: ObjectStorage, google_server: GoogleServer) -> None:
    bucket = gcs.place.bucket
    for name, key in (("mine", "pre/orgs/a"), ("another", "other/orgs/b")):
        google_server.begin_upload(bucket, key, name)
    later = datetime.now(UTC) + timedelta(hours=1)
    async with UploadsInParts(gcs.place, {}) as uploads:
        assert await uploads.end(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert await uploads.end(later) == 1
    assert google_server.unfinished(bucket) == ["another"]
    async with UploadsInParts(replace(gcs.place, service_account=None), {}) as of_a_role:
        assert await of_a_role.end(later) == 0


@pytest.fixture
async def parts(store: ObjectStorage) -> AsyncIterator[UploadsInParts]:
    async with UploadsInParts(store.place, store.credentials()) as made:
        yield made


async def test_senders_bring_parts_straight_to_the_store(store: ObjectStorage, parts: UploadsInParts) -> None:
    data = os.urandom(6 * 2**20)
    first, last = data[: 5 * 2**20], data[5 * 2**20 :]
    name = await parts.begin("orgs/a/direct/film")
    assert await parts.stored("orgs/a/direct/film", name) == []
    for number, part in ((2, last), (1, first), (1, first)):  # in any order, and again
        url = parts.part_url("orgs/a/direct/film", name, number, 60)
        assert httpx2.put(url, content=part, timeout=30, trust_env=False).status_code == 200
        assert httpx2.put(url.replace("orgs/a", "orgs/b"), content=part, timeout=30, trust_env=False).is_client_error
    found = await parts.stored("orgs/a/direct/film", name)
    assert [(part.number, part.size_bytes) for part in found] == [(1, len(first)), (2, len(last))]
    await parts.complete("orgs/a/direct/film", name, found)
    assert await content(store, "orgs/a/direct/film") == data
    other = await parts.begin("orgs/a/direct/other")
    await parts.abort("orgs/a/direct/other", other)
    await parts.abort("orgs/a/direct/other", other)
    assert await parts.stored("orgs/a/direct/other", other) == []
    with pytest.raises(VidComputeError, match="object_not_found"):
        await store.stat("orgs/a/direct/other")


async def test_we_bring_parts_of_a_file(store: ObjectStorage, parts: UploadsInParts, tmp_path: Path) -> None:
    file = tmp_path / "film"
    file.write_bytes(data := os.urandom(12 * 2**20))
    name, size_bytes = await parts.begin("film"), 6 * 2**20
    brought = [await parts.bring("film", name, n + 1, FilePiece(file, n * size_bytes, size_bytes)) for n in (1, 0)]
    assert sorted(brought, key=lambda part: part.number) == await parts.stored("film", name)
    await parts.complete("film", name, brought[::-1])
    assert await content(store, "film") == data
    other = await parts.begin("other")
    await parts.abort("other", other)
    with pytest.raises(VidComputeError, match="object_not_found"):
        await parts.bring("other", other, 1, FilePiece(file, 0, size_bytes))


async def test_a_download_is_called_as_the_address_says(store: ObjectStorage, tmp_path: Path) -> None:
    await put(store, tmp_path, "a/clip.mp4", b"0123456789")
    called = "attachment; filename=\"f.mp4\"; filename*=UTF-8''Die%20%C3%9Cberfahrt.mp4"
    url = await store.sign("a/clip.mp4", "GET", 60, disposition=called)
    assert url is not None
    answer = fetched(url)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-disposition"] == called
    assert fetched(url.replace("fahrt", "fuhr")).status_code == 403
    assert fetched(url.replace("clip.mp4", "clap.mp4")).status_code == 403


async def test_a_server_begins_without_its_store_and_not_with_a_wrong_one(
    swift_server: SwiftServer, swift_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in swift_server.settings(f"s3://{swift_bucket}").items():
        monkeypatch.setenv(name, value)
    warnings: list[str] = []

    def warn(event: str, *, detail: str) -> None:
        warnings.append(f"{event}: {detail}")

    storage = await begin(Settings(data_dir=tmp_path / "right"), warn)
    assert await readiness(storage)() is None
    assert warnings == []
    monkeypatch.setenv("VIDCOMPUTE_STORAGE_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(VidComputeError, match="storage_refused"):
        await begin(Settings(data_dir=tmp_path / "wrong"), warn)
    monkeypatch.setenv("VIDCOMPUTE_STORAGE_ENDPOINT", "http://127.0.0.1:9")
    storage = await begin(Settings(data_dir=tmp_path / "down"), warn)
    assert "can't be used for now" in warnings[0]
    assert "can't be used for now" in str(await readiness(storage)())


async def test_objects_of_any_size_pass_in_constant_memory(s3: ObjectStorage, tmp_path: Path) -> None:
    source = tmp_path / "in"
    size_bytes = 160 * 2**20
    with source.open("wb") as file:
        file.truncate(size_bytes)
    tracemalloc.start()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await s3.put("large", source)
    assert sum([len(piece) async for piece in s3.read("large")]) == size_bytes
    await s3.fetch("large", tmp_path / "to")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 16 * 2**20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 120 * 1024
