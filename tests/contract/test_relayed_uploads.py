"""Uploads that can be resumed, where objects lie in a bucket: their bytes are there in parts while they come."""

import asyncio
import hashlib
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update

from tests.contract.test_storage import KEYS, content
from tests.fixtures import swift
from tests.fixtures.faulty import FaultyWay
from tests.fixtures.gcs import GoogleServer
from tests.fixtures.swift import SwiftServer
from vidcompute.adapters.object_uploads import UploadsInParts
from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.db import outbox, schema
from vidcompute.db.engine import Database
from vidcompute.errors import VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.media.digest import PART_BYTES, TreeDigest
from vidcompute.ports.storage import FilePiece
from vidcompute.services import accounts, uploads
from vidcompute.services.uploads import Checksum, Direct, Intake, NewUpload, Piece, Upload, UploadKind, UploadPolicy

HEAD = b"\x00\x00\x00\x20ftypisom"
DATA = HEAD + random.Random(0).randbytes(2 * PART_BYTES + 300_000)  # two whole parts, and a last one
BLOCK_BYTES = 300_000


class DyingError(Exception):
    """A server that is gone in the middle of a request."""


class Machine:
    """A server with a folder of its own: one that was started again, where the folder is an earlier one's."""

    def __init__(self, db: Database, remote: ObjectStorage, folder: Path) -> None:
        self.db = db
        self.files = folder / "uploads"
        self.storage = CachedStorage(remote, folder / "cache", 2**30)
        self.bucket = UploadsInParts(remote.place, remote.credentials(), self.storage)
        policy = UploadPolicy(folder=self.files, durable_every_s=0.05)
        self.intake = Intake(db, self.storage, policy, lambda: self.bucket)

    async def begin(self, size_bytes: int | None = len(DATA), kind: UploadKind = UploadKind.WHOLE) -> Upload:
        new = NewUpload(size_bytes=size_bytes, max_bytes=2**30, kind=kind, job=None)
        return await self.intake.create(LOCAL_ORGANIZATION, new)

    async def take(self, upload: Upload, data: bytes, offset: int = 0, checksum: Checksum | None = None) -> Upload:
        return await self.intake.take(upload, Piece(offset, checksum=checksum), blocks(data))

    async def now(self, upload: Upload) -> Upload:
        return await self.db.read(uploads.get, LOCAL_ORGANIZATION, upload.id)

    async def place_of(self, upload: Upload) -> Direct:
        found = (await self.now(upload)).relayed
        assert found is not None
        return found

    async def parts(self, upload: Upload) -> list[tuple[int, int]]:
        """The parts of it that are in the bucket, and their sizes."""
        direct = await self.place_of(upload)
        return [(part.number, part.size_bytes) for part in await self.bucket.stored(direct.key, direct.name)]

    async def assert_empty(self, objects: int = 0) -> None:
        """No file, no unfinished upload in the bucket, and so many objects."""
        assert not self.files.exists() or list(self.files.iterdir()) == []
        assert await self.bucket.end(datetime.now(UTC) + timedelta(hours=1)) == 0
        assert len(await self.storage.list("orgs")) == objects

    async def assert_stored(self, data: bytes, folder: str = "direct") -> None:
        """There is one source below this folder (one of these), with these bytes and their digest, and nothing else."""
        ((key, digest),) = await self.db.read(sources)
        tree = TreeDigest()
        tree.update(data)
        assert digest == tree.finish()
        assert key.split("/")[2] in folder.split()
        assert await content(self.storage.remote, key) == data
        await self.assert_empty(objects=1)


def sources(conn: Connection) -> list[tuple[str, str]]:
    return [(row.storage_key, row.digest) for row in conn.execute(select(schema.sources))]


async def blocks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), BLOCK_BYTES):
        yield data[start : start + BLOCK_BYTES]


async def all_of(sender: int) -> AsyncIterator[bytes]:
    """What one of many senders has, as long as DATA."""
    yield HEAD
    for start in range(len(HEAD), len(DATA), BLOCK_BYTES):
        yield bytes([sender]) * min(BLOCK_BYTES, len(DATA) - start)


async def cut_off(data: bytes) -> AsyncIterator[bytes]:
    async for block in blocks(data):
        yield block
    raise uploads.LineCutError


async def killed(data: bytes) -> AsyncIterator[bytes]:
    async for block in blocks(data):
        yield block
    raise DyingError


async def refusal(call: Awaitable[object]) -> str:
    """The code of the error that it ends in."""
    with pytest.raises(VidComputeError) as told:
        await call
    return told.value.code


async def over(call: Awaitable[Upload]) -> None:
    """Let a request end as it does where lines are cut and machines change."""
    try:
        await call
    except VidComputeError as error:
        if error.code not in {"body_cut", "upload_offset_wrong"}:
            raise


@pytest.fixture(params=["s3", "gcs"])
def remote(request: pytest.FixtureRequest) -> ObjectStorage:
    if request.param == "s3":
        return s3(request.getfixturevalue("swift_server"), request.getfixturevalue("swift_bucket"))
    server: GoogleServer = request.getfixturevalue("google_server")
    account = str(server.account_file)
    return ObjectStorage(ObjectPlace("gs", server.make_bucket(), "pre", server.endpoint, service_account=account), dict)


def s3(server: SwiftServer, bucket: str) -> ObjectStorage:
    return ObjectStorage(ObjectPlace("s3", bucket, "pre", server.endpoint, swift.REGION), lambda: KEYS)


@pytest.fixture
async def db(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(sqlite_url)
    await opened.write(accounts.ensure_local, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def machines(db: Database, remote: ObjectStorage, tmp_path: Path) -> AsyncIterator[Callable[[str], Machine]]:
    """Starts a server on the machine of this name."""
    made: list[Machine] = []

    def start(name: str) -> Machine:
        made.append(Machine(db, remote, tmp_path / name))
        return made[-1]

    yield start
    for machine in made:
        await machine.bucket.close()


@pytest.fixture
def machine(machines: Callable[[str], Machine]) -> Machine:
    return machines("a")


async def test_what_comes_is_in_the_bucket_before_the_last_byte(machine: Machine, tmp_path: Path) -> None:
    upload = await machine.begin()
    first = await machine.take(upload, DATA[:-5])
    assert first.offset_bytes == len(DATA) - 5
    assert await machine.parts(upload) == [(1, PART_BYTES), (2, PART_BYTES)]
    assert await machine.storage.list("orgs") == []
    assert (await machine.take(upload, DATA[-5:], len(DATA) - 5)).status == "completed"
    await machine.assert_stored(DATA)
    cached = [path for path in (tmp_path / "a" / "cache").rglob("*") if path.is_file()]
    assert DATA in [path.read_bytes() for path in cached]  # the first play waits for no download


@pytest.mark.parametrize("size_bytes", [PART_BYTES, 2 * PART_BYTES, 2 * PART_BYTES + 1])
async def test_a_length_that_nobody_said_makes_no_difference(machine: Machine, size_bytes: int) -> None:
    upload = await machine.begin(None)
    done = await machine.intake.take(upload, Piece(0, at_once=True), blocks(DATA[:size_bytes]))
    assert done.status == "completed"
    await machine.assert_stored(DATA[:size_bytes])


async def test_what_is_short_goes_there_whole(machine: Machine) -> None:
    assert (await machine.take(await machine.begin(1000), DATA[:1000])).direct is None
    await machine.assert_stored(DATA[:1000], "sources")


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
async def test_it_goes_on_after_ends_at_any_byte_here_or_on_another_machine(
    machines: Callable[[str], Machine], seed: int
) -> None:
    """Ends in all ways: a request that is over, a line that is cut, a server that dies over bytes not yet told of."""
    chance = random.Random(seed)
    machine, place, rounds = machines("a"), "a", 0
    upload = await machine.begin()
    while upload.status == "uploading":
        rounds += 1
        assert rounds < 200, "it never ends"
        place = chance.choice("ab") if rounds % 3 == 0 else place
        machine = machines(place)
        file = machine.files / upload.id
        if file.exists():
            with file.open("ab") as before:
                before.write(b"of a server that was killed before it could say so" * 1000)
        size = chance.choice([1, 300, chance.randrange(1, PART_BYTES), 2 * PART_BYTES])
        body = chance.choice([blocks, cut_off, killed])(DATA[upload.offset_bytes :][:size])
        with suppress(DyingError):
            await over(machine.intake.take(upload, Piece(upload.offset_bytes), body))
        upload = await machine.now(upload)
    other = machines("b" if place == "a" else "a")
    other.intake.staging.remove([upload.id])  # which the sweep does there
    await other.assert_empty(objects=1)
    await machine.assert_stored(DATA)


async def test_another_machine_goes_on_behind_the_parts_in_the_bucket(
    machines: Callable[[str], Machine], tmp_path: Path
) -> None:
    """What came behind them is lost to it with the first one, and it says so before it takes a byte."""
    first, second = machines("a"), machines("b")
    upload = await first.begin()
    await first.take(upload, DATA[: PART_BYTES + 100])
    late = second.take(upload, DATA[PART_BYTES + 100 :], PART_BYTES + 100)
    assert await refusal(late) == "upload_offset_wrong"
    assert (await second.now(upload)).offset_bytes == PART_BYTES
    assert await refusal(first.take(upload, DATA[PART_BYTES + 100 :], PART_BYTES + 100)) == "upload_offset_wrong"
    assert (await second.take(upload, DATA[PART_BYTES:], PART_BYTES)).status == "completed"
    first.intake.staging.remove([upload.id])
    await second.assert_stored(DATA)
    cached = [path for path in (tmp_path / "b" / "cache").rglob("*") if path.is_file()]
    assert not [path for path in cached if path.stat().st_size == len(DATA)]  # it never had all of it


async def test_of_many_senders_at_one_offset_one_is_taken(machines: Callable[[str], Machine]) -> None:
    """On two machines that know nothing of each other."""
    for number in range(2):
        pair = machines(f"{number}a"), machines(f"{number}b")
        upload = await pair[0].begin()
        calls = (pair[sender % 2].intake.take(upload, Piece(0), all_of(sender)) for sender in range(20))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        taken = [sender for sender, answer in enumerate(answers) if isinstance(answer, Upload)]
        codes = {answer.code for answer in answers if isinstance(answer, VidComputeError)}
        assert (len(taken), len(answers)) == (1, 20)
        assert codes <= {"upload_busy", "upload_offset_wrong", "upload_completed"}
        assert not [answer for answer in answers if not isinstance(answer, Upload | VidComputeError)]
        for machine in pair:
            machine.intake.staging.remove([upload.id])
        await pair[0].assert_stored(b"".join([block async for block in all_of(taken[0])]))
        await pair[0].db.write(lambda conn: conn.execute(schema.sources.delete()) and None)
        await pair[0].storage.delete_prefix("orgs")


async def assert_ends_leave_nothing(machine: Machine, given_up: Upload, late: Upload) -> None:
    """One is given up by its sender, the time of the other is over."""
    await machine.intake.cancel(given_up)
    past = update(schema.uploads).where(schema.uploads.c.id == late.id).values(expires_ms=1)
    await machine.db.write(lambda conn: conn.execute(past) and None)
    swept = uploads.sweep(machine.db, machine.storage, machine.files, kept_ms=3_600_000, bucket=machine.bucket)
    assert await swept == 1
    await machine.assert_empty()


async def test_what_was_given_up_or_took_too_long_leaves_nothing(machine: Machine) -> None:
    given_up, late = await machine.begin(), await machine.begin()
    for upload in (given_up, late):
        await machine.take(upload, DATA[: PART_BYTES + 1])
        assert await machine.parts(upload) == [(1, PART_BYTES)]
    await assert_ends_leave_nothing(machine, given_up, late)


async def test_bytes_of_another_checksum_and_no_media_leave_nothing(machine: Machine) -> None:
    upload = await machine.begin()
    wanted = hashlib.sha256(DATA).digest()
    wrong = machine.take(upload, b"This is no video. " * 1_000_000)
    assert await refusal(wrong) == "source_not_media"
    again = await machine.begin()
    wrong = machine.take(again, DATA[:-1] + b"?", checksum=Checksum(hashlib.sha256(), wanted))
    assert await refusal(wrong) == "upload_checksum_mismatch"
    assert await machine.bucket.end(datetime.now(UTC) + timedelta(hours=1)) == 0
    done = await machine.take(again, DATA, checksum=Checksum(hashlib.sha256(), wanted))
    assert done.status == "completed"
    await machine.assert_stored(DATA)


async def test_a_server_that_died_over_the_end_has_promised_nothing(machine: Machine) -> None:
    """Its parts were joined, and no row knows: what is here is stored again, whole, unless the store joins twice."""
    upload = await machine.begin()
    await machine.take(upload, DATA[:-5])
    direct = await machine.place_of(upload)
    await machine.bucket.complete(direct.key, direct.name, await machine.bucket.stored(direct.key, direct.name))
    assert (await machine.take(upload, DATA[-5:], len(DATA) - 5)).status == "completed"
    await machine.assert_stored(DATA, "sources direct")


async def test_an_object_stays_where_its_row_may_have_been_written(machine: Machine) -> None:
    """A server that ends cancels who waits for the database, which goes on with what it has begun."""
    inside, let_go = threading.Event(), threading.Event()

    def hold(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO sources"):
            inside.set()
            assert let_go.wait(20)

    upload = await machine.begin()
    await machine.take(upload, DATA[:-5])
    event.listen(machine.db._dialect.writer, "after_cursor_execute", hold)
    taking = asyncio.create_task(machine.take(upload, DATA[-5:], len(DATA) - 5))
    await asyncio.to_thread(inside.wait, 20)
    taking.cancel()
    await asyncio.wait([taking])
    let_go.set()
    await machine.db.write(lambda _conn: None)
    assert (await machine.now(upload)).status == "completed"
    ((key, _),) = await machine.db.read(sources)
    assert await content(machine.storage.remote, key) == DATA


async def test_an_upload_does_not_end_while_somebody_asks_where_its_parts_go(machine: Machine) -> None:
    """Where they go straight to the store, the server sees none of its bytes."""
    new = NewUpload(size_bytes=len(DATA), max_bytes=2**30, job=None, expires_s=3600)
    upload = await uploads.begin(machine.db, machine.bucket, LOCAL_ORGANIZATION, new, 10)
    soon = update(schema.uploads).values(expires_ms=outbox.now_ms() + 60_000)
    await machine.db.write(lambda conn: conn.execute(soon) and None)
    found = await uploads.urls(machine.db, machine.bucket, await machine.now(upload), [1], 60)
    assert list(found) == [1]
    assert (await machine.now(upload)).expires_ms >= upload.expires_ms


async def test_parts_that_somebody_has_replaced_are_not_taken(machine: Machine, tmp_path: Path) -> None:
    upload = await machine.begin()
    await machine.take(upload, DATA[:-5])
    direct, other = await machine.place_of(upload), tmp_path / "other"
    other.write_bytes(DATA[:-5])
    await machine.bucket.bring(direct.key, direct.name, 1, FilePiece(other, 5, PART_BYTES))
    assert (await machine.take(upload, DATA[-5:], len(DATA) - 5)).status == "completed"
    await machine.assert_stored(DATA, "sources")


async def joined(machine: Machine, *pieces: Upload) -> Upload:
    new = NewUpload(max_bytes=2**30, kind=UploadKind.FINAL, concat="final;…", job=None)
    return await machine.intake.join(LOCAL_ORGANIZATION, new, [piece.id for piece in pieces])


async def test_pieces_that_came_to_several_machines_are_joined_by_another_one(
    machines: Callable[[str], Machine],
) -> None:
    """A long one that changed its machine, and a short one, as clients send them side by side."""
    first, second, third = (machines(name) for name in "abc")
    border = 2 * PART_BYTES + 1000
    long = await first.begin(border, UploadKind.PARTIAL)
    short = await first.begin(len(DATA) - border, UploadKind.PARTIAL)
    await first.take(long, DATA[: PART_BYTES + 5])
    await over(second.take(long, DATA[PART_BYTES + 5 : border], PART_BYTES + 5))
    assert await refusal(joined(third, long)) == "upload_concat_invalid"
    assert (await second.take(long, DATA[PART_BYTES:border], PART_BYTES)).is_whole
    assert (await second.take(short, DATA[border:])).is_whole
    assert (await third.intake.take(await third.now(long), Piece(border, declared_bytes=0), blocks(b""))).is_whole
    assert (await joined(third, long, short)).status == "completed"
    for machine in (first, second):
        machine.intake.staging.remove([long.id, short.id])  # which the sweep does there
        await machine.assert_empty(objects=1)
    await third.assert_stored(DATA, "sources")


async def test_a_piece_that_nobody_joins_leaves_nothing(machine: Machine) -> None:
    given_up, late = [await machine.begin(1000, UploadKind.PARTIAL) for _ in range(2)]
    for piece in (given_up, late):
        await machine.take(piece, DATA[:1000])
    assert len(await machine.storage.list("orgs")) == 2
    await assert_ends_leave_nothing(machine, given_up, late)


async def test_a_piece_whose_row_was_not_written_is_joined_all_the_same(machine: Machine) -> None:
    """A server died between its object and its row: what is here is whole, and counts."""
    piece = await machine.begin(len(DATA), UploadKind.PARTIAL)
    await machine.take(piece, DATA[:-5])
    direct = await machine.place_of(piece)
    await machine.bucket.complete(direct.key, direct.name, await machine.bucket.stored(direct.key, direct.name))
    assert (await machine.take(piece, DATA[-5:], len(DATA) - 5)).is_whole
    assert (await joined(machine, piece)).status == "completed"
    await machine.assert_stored(DATA, "sources")


@pytest.fixture
def shaky(swift_server: SwiftServer, swift_bucket: str, way_to_swift: FaultyWay) -> ObjectStorage:
    right = s3(swift_server, swift_bucket)
    return ObjectStorage(replace(right.place, endpoint=way_to_swift.endpoint, patience_s=2), lambda: KEYS)


async def test_bytes_come_while_the_store_is_down_and_go_there_later(
    shaky: ObjectStorage, db: Database, way_to_swift: FaultyWay, tmp_path: Path
) -> None:
    machine = Machine(db, shaky, tmp_path / "a")
    upload = await machine.begin()
    way_to_swift.break_down("busy")
    assert (await machine.take(upload, DATA[:-5])).offset_bytes == len(DATA) - 5
    assert await refusal(machine.take(upload, DATA[-5:], len(DATA) - 5)) == "storage_unavailable"
    way_to_swift.mend()
    assert (await machine.take(upload, DATA[-5:], len(DATA) - 5)).status == "completed"
    await machine.assert_stored(DATA)
    await machine.bucket.close()


async def test_bytes_that_change_on_their_way_are_sent_again(
    shaky: ObjectStorage, db: Database, way_to_swift: FaultyWay, tmp_path: Path
) -> None:
    machine = Machine(db, shaky, tmp_path / "a")
    way_to_swift.break_down("corrupt_requests", 2)
    assert (await machine.take(await machine.begin(), DATA)).status == "completed"
    assert way_to_swift.happened == 2
    await machine.assert_stored(DATA)
    await machine.bucket.close()
