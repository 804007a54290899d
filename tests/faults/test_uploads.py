"""Uploads over kills of the server at any byte, and many senders at once: with clients that others have made."""

import asyncio
import hashlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path

import httpx2
import pytest

from tests.fixtures.cutting import CuttingWay, cutting_way
from tests.fixtures.platform import Server
from tests.fixtures.swift import SwiftServer
from tests.fixtures.tus_clients import WITH

HEAD = b"\x00\x00\x00\x20ftypisom"
SIZE_BYTES = 12_000_000
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}
SENDERS = 20


@pytest.fixture
def way() -> Generator[CuttingWay]:
    with cutting_way() as made:
        yield made


def media(path: Path, seed: int, size_bytes: int = SIZE_BYTES) -> Path:
    """A file that begins like a video, and is like no other."""
    path.write_bytes(HEAD + random.Random(seed).randbytes(size_bytes - len(HEAD)))
    return path


def stored_of(server: Server, address: str) -> bytes:
    """The bytes of what an upload became, as they lie in the storage."""
    with server.client() as http:
        upload = http.get("/api/v1/uploads/" + address.rpartition("/")[2]).json()
    assert upload["status"] == "completed", upload
    (path,) = (server.data_dir / "storage" / "orgs").glob("*/sources/*/*")
    return path.read_bytes()


def upload_over_kills(
    server: Server,
    way: CuttingWay,
    sending: tuple[str, int | None],
    file: Path,
    kills: list[int],
    *,
    kill: Callable[[], None] | None = None,
) -> str:
    """Upload with a client, in pieces of some size, while the server is killed after each of these numbers of bytes.

    `kill` is what is done then. The upload's address.
    """
    client, piece_bytes = sending
    killing = kill or server.kill
    way.lead_to(server.url)
    addresses: list[str] = []
    failures: list[BaseException] = []

    def upload() -> None:
        try:
            addresses.append(WITH[client](way.endpoint, server.key, file, piece_bytes))
        except BaseException as error:
            failures.append(error)

    sender = threading.Thread(target=upload)
    way.arm(kills[0], killing)
    sender.start()
    for following in [*kills[1:], None]:
        assert way.cut.wait(60), failures
        server.start()
        if following is not None:
            way.arm(following, killing)
        way.lead_to(server.url)
    sender.join(60)
    assert not failures, failures
    return addresses[0]


def kills_of(chance: random.Random, count: int) -> list[int]:
    """Where to kill: at any byte of what may be left by then, the first and the last among them."""
    share = SIZE_BYTES // (count + 1)
    return [chance.choice([1, 300, share - 1, chance.randrange(share), chance.randrange(share)]) for _ in range(count)]


@pytest.mark.parametrize("client", sorted(WITH))
def test_an_upload_survives_kills_of_the_server_at_any_byte(client: str, tmp_path: Path, way: CuttingWay) -> None:
    """Two here; a hundred in the long suite."""
    chance = random.Random(client)
    live_through(client, tmp_path, way, kills_of(chance, 2), chance)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("client", sorted(WITH))
def test_uploads_survive_a_hundred_kills(client: str, tmp_path: Path, way: CuttingWay) -> None:
    chance = random.Random()
    for number in range(13):
        folder = tmp_path / str(number)
        folder.mkdir()
        live_through(client, folder, way, kills_of(chance, 4), chance)


@pytest.mark.parametrize("client", ["tuspy", pytest.param("tus-js-client", marks=pytest.mark.long)])
def test_an_upload_to_a_bucket_survives_kills_of_the_server_at_any_byte(
    client: str, tmp_path: Path, way: CuttingWay, swift_server: SwiftServer, swift_bucket: str
) -> None:
    """Its parts are in the bucket while it comes. The store is killed with the server, and started again before it."""
    chance, url = random.Random(client), f"s3://{swift_bucket}/library"
    file = media(tmp_path / "clip.mp4", chance.randrange(2**32), 2 * SIZE_BYTES)
    server = Server(tmp_path / "data", swift_server.settings(url))

    def everything() -> None:
        server.kill()
        swift_server.kill()
        swift_server.start()

    server.prepare().start()
    try:
        kills = [chance.randrange(SIZE_BYTES * 3 // 4), chance.randrange(SIZE_BYTES)]
        sending = client, chance.choice([None, 700_001])
        address = upload_over_kills(server, way, sending, file, kills, kill=everything)
        with server.client() as http:
            assert http.get("/api/v1/uploads/" + address.rpartition("/")[2]).json()["status"] == "completed"
    finally:
        server.kill()
    (key,) = swift_server.keys(url)
    assert swift_server.ask("GET", swift_bucket, key).content == file.read_bytes()
    assert not list((server.data_dir / ".uploads").iterdir())


def live_through(client: str, folder: Path, way: CuttingWay, kills: list[int], chance: random.Random) -> None:
    file = media(folder / "clip.mp4", chance.randrange(2**32))
    server = Server(folder / "data")
    server.prepare().start()
    try:
        address = upload_over_kills(server, way, (client, chance.choice([None, 700_001, 2**20])), file, kills)
        wanted = hashlib.sha256(file.read_bytes()).hexdigest()
        assert hashlib.sha256(stored_of(server, address)).hexdigest() == wanted, kills
        assert not list((server.data_dir / "storage" / ".uploads").iterdir())
    finally:
        server.kill()


async def race(server: Server, number: int) -> None:
    """Many senders at one offset: one is taken, and its bytes are what is there."""
    size_bytes = 300_000
    bodies = [HEAD + random.Random(f"{number} {n}").randbytes(size_bytes - len(HEAD)) for n in range(SENDERS)]
    headers = {"Authorization": f"Bearer {server.key}", **TUS}
    limits = httpx2.Limits(max_connections=SENDERS)
    async with httpx2.AsyncClient(
        base_url=server.url, headers=headers, trust_env=False, limits=limits, timeout=60
    ) as http:
        said = {"Upload-Length": str(size_bytes), "Upload-Metadata": "job bnVsbA=="}
        made = await http.post("/api/v1/uploads", headers=said)
        address = made.headers["location"]

        async def send(body: bytes) -> int:
            piece = {**OCTETS, "Upload-Offset": "0"}
            return (await http.patch(address, headers=piece, content=pieces(body))).status_code

        statuses = await asyncio.gather(*(send(body) for body in bodies))
        assert statuses.count(204) == 1, statuses
        assert set(statuses) <= {204, 409, 423}, statuses
        upload = (await http.get(address)).json()
    folders = (server.data_dir / "storage" / "orgs").glob("*/sources/*/*")
    newest = max(folders, key=lambda path: path.name)
    assert upload["status"] == "completed"
    assert newest.read_bytes() == bodies[statuses.index(204)]
    newest.unlink()


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 30_000):
        yield body[start : start + 30_000]


def test_of_twenty_senders_at_one_offset_one_is_taken(server: Server) -> None:
    """Five rounds here; two hundred in the long suite."""
    for number in range(5):
        asyncio.run(race(server, number))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_of_twenty_senders_one_is_taken_two_hundred_times(server: Server) -> None:
    for number in range(200):
        asyncio.run(race(server, number))
