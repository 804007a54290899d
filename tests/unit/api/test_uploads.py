"""Uploads that can be resumed: what is told to be here is here, one sender at a time, and nothing wrong is kept."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, update

from tests.unit.api.conftest import MP4, Platform
from vidcompute.api.app import create_app
from vidcompute.db import outbox, schema
from vidcompute.errors import VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.media.digest import TreeDigest
from vidcompute.services import uploads
from vidcompute.services.uploads import moves

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"
Answer = httpx2.Response


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def digest_of(data: bytes) -> str:
    tree = TreeDigest()
    tree.update(data)
    return tree.finish()


async def begin(client: httpx2.AsyncClient, size: int | None = len(MP4), **headers: str) -> Answer:
    length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
    return await client.post(UPLOADS, headers={**TUS, **({} if size == -1 else length), **_named(headers)})


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def patch(client: httpx2.AsyncClient, address: str, offset: int, data: Any, **headers: str) -> Answer:
    sent = {**TUS, "Upload-Offset": str(offset), "Content-Type": OCTETS, **_named(headers)}
    return await client.patch(address, content=data, headers=sent)


async def offset_of(client: httpx2.AsyncClient, address: str) -> str:
    answer = await client.head(address, headers=TUS)
    assert answer.status_code == 200
    return answer.headers["upload-offset"]


def kept(platform: Platform) -> list[Path]:
    """What lies in storage, or in the folder of uploads."""
    folders = (platform.storage.root, platform.deps.uploading.folder)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


async def jobs_there(platform: Platform) -> int:
    return await platform.deps.db.read(lambda c: c.execute(select(func.count()).select_from(schema.jobs)).scalar_one())


async def told(platform: Platform) -> list[str]:
    events = await platform.deps.db.read(outbox.events_since, LOCAL_ORGANIZATION, 0)
    return [event.type for event in events if event.type.startswith("upload.")]


async def test_pieces_become_a_source_whose_job_begins_with_the_last_byte(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    job = json.dumps({"priority": "high", "outputs": ["hls"], "title": "Trip"})
    made = await begin(client, Upload_Metadata=f"filename {b64('../a.mov')},job {b64(job)},empty")
    address = made.headers["location"]
    assert (made.status_code, made.headers["tus-resumable"]) == (201, "1.0.0")
    assert made.headers["upload-expires"].endswith(" GMT")
    first = await patch(client, address, 0, MP4[:1_500_000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1500000")
    assert "upload-expires" in first.headers
    seen = await client.head(address, headers=TUS)
    assert (seen.headers["upload-offset"], seen.headers["upload-length"]) == ("1500000", str(len(MP4)))
    assert seen.headers["cache-control"] == "no-store"
    assert seen.headers["upload-metadata"].startswith(f"filename {b64('../a.mov')}")
    assert await jobs_there(platform) == 0
    last = await patch(client, address, 1_500_000, MP4[1_500_000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(MP4)))
    upload = (await client.get(address)).json()
    assert (upload["status"], upload["name"], upload["offset_bytes"]) == ("completed", "a.mov", len(MP4))
    made_job = (await client.get(f"/api/v1/jobs/{upload['job_id']}")).json()
    assert (made_job["priority"], made_job["asset"]["title"]) == ("high", "Trip")
    assert made_job["asset"]["source_id"] == upload["source_id"]
    source = await platform.deps.db.read(lambda c: c.execute(select(schema.sources)).one())
    assert source.digest == digest_of(MP4)
    assert [path.read_bytes() for path in kept(platform)] == [MP4]
    assert await told(platform) == ["upload.created", "upload.completed"]
    assert await offset_of(client, address) == str(len(MP4))
    assert (await patch(client, address, len(MP4), b"more")).json()["code"] == "upload_completed"
    assert (await client.delete(address, headers=TUS)).status_code == 409


async def test_after_a_restart_it_goes_on_and_its_digest_is_right(platform: Platform, tmp_path: Path) -> None:
    """Parts of 8 MiB are not read again, what is behind the last of them is."""
    data = MP4[:32] + bytes(range(256)) * 70_000  # 17 MiB
    policy = platform.deps.uploading
    intake = uploads.Intake(platform.deps.db, platform.storage, policy)
    new = uploads.NewUpload(size_bytes=len(data), max_bytes=2**30, job=None)
    upload = await intake.create(LOCAL_ORGANIZATION, new)

    async def body(piece: bytes) -> AsyncIterator[bytes]:
        yield piece

    cuts = [0, 100, 9 * 2**20, 17 * 2**20 - 5, len(data)]
    for start, end in pairwise(cuts):
        policy.folder.mkdir(exist_ok=True)
        with (policy.folder / upload.id).open("ab") as file:
            file.write(b"of a server that was killed before it could say so")
        again = uploads.Intake(platform.deps.db, platform.storage, policy)
        upload = await again.take(upload, uploads.Piece(start), body(data[start:end]))
    assert (upload.status, upload.job_id) == ("completed", None)
    source = await platform.deps.db.read(lambda c: c.execute(select(schema.sources)).one())
    assert (source.digest, [path.read_bytes() for path in kept(platform)]) == (digest_of(data), [data])


HOSTILE: list[tuple[dict[str, str], int, str]] = [
    ({"Tus-Resumable": "0.2.2"}, 412, "tus_version_unsupported"),
    ({}, 400, "tus_header_invalid"),
    ({"Upload-Length": "-1"}, 400, "tus_header_invalid"),
    ({"Upload-Length": "1e3"}, 400, "tus_header_invalid"),
    ({"Upload-Length": "9" * 30}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Defer-Length": "1"}, 400, "tus_header_invalid"),
    ({"Upload-Defer-Length": "2"}, 400, "tus_header_invalid"),
    ({"Upload-Length": "0"}, 422, "source_empty"),
    ({"Upload-Length": str(3 * 2**20 + 1)}, 413, "upload_too_large"),
    ({"Upload-Length": "5", "Upload-Metadata": "a b!"}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Metadata": " ,"}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Metadata": "é YQ=="}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Metadata": ",".join(f"k{n}" for n in range(51))}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Metadata": "a " + "A" * 40_000}, 400, "tus_header_invalid"),
    ({"Upload-Length": "5", "Upload-Metadata": f"job {b64('{')}"}, 400, "invalid_json"),
    ({"Upload-Length": "5", "Upload-Metadata": f"job {b64('[]')}"}, 422, "invalid_request"),
    ({"Upload-Concat": "whole", "Upload-Length": "5"}, 400, "tus_header_invalid"),
    ({"Upload-Concat": "final;"}, 400, "tus_header_invalid"),
    ({"Upload-Concat": "final;/x/up_1", "Upload-Length": "5"}, 400, "tus_header_invalid"),
    ({"Upload-Concat": "final;/api/v1/uploads/nothing"}, 400, "upload_concat_invalid"),
    ({"Upload-Concat": "final;https://[/etc/passwd"}, 400, "upload_concat_invalid"),
    ({"Upload-Concat": "final;" + " /x" * 1001}, 400, "tus_header_invalid"),
]


async def test_hostile_headers_make_nothing(client: httpx2.AsyncClient, platform: Platform) -> None:
    for headers, status, code in HOSTILE:
        sent = [(name.encode(), value.encode()) for name, value in {**TUS, **headers}.items()]
        answer = await client.post(UPLOADS, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code), headers
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert (await client.get(UPLOADS)).json()["items"] == []
    assert kept(platform) == []


async def test_a_piece_that_does_not_fit_changes_nothing(client: httpx2.AsyncClient, platform: Platform) -> None:
    address = (await begin(client)).headers["location"]
    await patch(client, address, 0, MP4[:100])
    zeros, short = b64(bytes(20)), b64(b"short")
    wrong: list[tuple[Answer, int, str]] = [
        (await patch(client, address, 0, MP4), 409, "upload_offset_wrong"),
        (await patch(client, address, 101, MP4), 409, "upload_offset_wrong"),
        (await patch(client, address, 100, MP4 + MP4), 413, "upload_exceeds_length"),
        (await patch(client, address, 100, MP4, Upload_Length="77"), 400, "upload_length_invalid"),
        (await patch(client, address, 100, MP4, Content_Type="video/mp4"), 415, "unsupported_content_type"),
        (await patch(client, address, 100, MP4, Upload_Offset="x"), 400, "tus_header_invalid"),
        (
            await patch(client, address, 100, b"x", Upload_Checksum=f"sha1 {zeros}"),
            460,
            "upload_checksum_mismatch",
        ),
        (await patch(client, address, 100, b"x", Upload_Checksum=f"crc {zeros}"), 400, "tus_header_invalid"),
        (await patch(client, address, 100, b"x", Upload_Checksum="sha1 !"), 400, "tus_header_invalid"),
        (await patch(client, address, 100, b"x", Upload_Checksum=f"sha1 {short}"), 400, "tus_header_invalid"),
        (await patch(client, address, 100, b"x", Tus_Resumable="2"), 412, "tus_version_unsupported"),
        (await patch(client, f"{UPLOADS}/up_0", 0, b"x"), 404, "upload_not_found"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer, _, _ in wrong] == [case[1:] for case in wrong]
    assert await offset_of(client, address) == "100"
    checksum = b64(hashlib.sha256(MP4[100:]).digest())
    right = await patch(client, address, 100, MP4[100:], Upload_Checksum=f"sha256 {checksum}")
    assert right.status_code == 204
    assert [path.read_bytes() for path in kept(platform)] == [MP4]


async def test_more_bytes_than_the_length_are_noticed_while_they_come(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield MP4[:65_536]

    short = (await begin(client, 100_000)).headers["location"]
    assert (await patch(client, short, 0, endless())).json()["code"] == "upload_exceeds_length"
    assert await offset_of(client, short) == "0"
    unknown = (await begin(client, None)).headers["location"]
    assert (await patch(client, unknown, 0, endless())).json()["code"] == "upload_too_large"
    assert (await client.head(unknown, headers=TUS)).status_code == 410
    assert [path.name for path in kept(platform)] == [short.rpartition("/")[2]]


async def test_what_is_no_media_is_refused_at_its_first_bytes(client: httpx2.AsyncClient, platform: Platform) -> None:
    address = (await begin(client, 100_000)).headers["location"]
    assert (await patch(client, address, 0, b"{" * 100)).status_code == 204  # too few to tell
    answer = await patch(client, address, 100, b" " * 50_000)
    assert (answer.status_code, answer.json()["code"]) == (415, "source_not_media")
    assert (await client.get(address)).json()["error"]["code"] == "source_not_media"
    assert (await patch(client, address, 100, b" ")).status_code == 410
    assert kept(platform) == []
    assert await told(platform) == ["upload.created", "upload.failed"]


async def test_bytes_may_come_with_the_creation_and_the_length_later(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    headers = {**TUS, "Upload-Defer-Length": "1", "Content-Type": OCTETS}
    made = await client.post(UPLOADS, headers=headers, content=MP4[:5000])
    address = made.headers["location"]
    assert (made.status_code, made.headers["upload-offset"]) == (201, "5000")
    seen = await client.head(address, headers=TUS)
    assert (seen.headers["upload-defer-length"], "upload-length" in seen.headers) == ("1", False)
    await patch(client, address, 5000, MP4[5000:])
    ended = await patch(client, address, len(MP4), b"", Upload_Length=str(len(MP4)))
    assert ended.status_code == 204
    assert (await client.get(address)).json()["status"] == "completed"
    assert [path.read_bytes() for path in kept(platform)] == [MP4]


async def test_parts_are_joined_and_used_up(client: httpx2.AsyncClient, platform: Platform) -> None:
    cuts = [0, 700_000, 700_001, len(MP4)]
    addresses = []
    for start, end in pairwise(cuts):
        made = await begin(client, end - start, Upload_Concat="partial")
        addresses.append(made.headers["location"])
        assert (await patch(client, addresses[-1], 0, MP4[start:end])).status_code == 204
        seen = await client.head(addresses[-1], headers=TUS)
        assert seen.headers["upload-concat"] == "partial"
    unfinished = (await begin(client, 5, Upload_Concat="partial")).headers["location"]
    whole = (await begin(client, 5)).headers["location"]
    for wrong in ([unfinished], [whole], [addresses[0], addresses[0]], [addresses[0], f"{UPLOADS}/up_{'0' * 26}"]):
        refused = await begin(client, -1, Upload_Concat=f"final;{' '.join(wrong)}")
        assert (refused.status_code, refused.json()["code"]) == (400, "upload_concat_invalid")
    final = f"final;https://video.test{addresses[0]} {addresses[1]} {addresses[2]}"
    joined = await begin(client, -1, Upload_Concat=final, Upload_Metadata=f"filename {b64('a.mp4')}")
    assert joined.status_code == 201
    seen = await client.head(joined.headers["location"], headers=TUS)
    assert seen.headers["upload-concat"] == final
    assert seen.headers["upload-offset"] == seen.headers["upload-length"] == str(len(MP4))
    assert (await patch(client, joined.headers["location"], 0, b"x")).json()["code"] == "upload_joined"
    assert (await client.get(joined.headers["location"])).json()["job_id"]
    assert [path.read_bytes() for path in kept(platform)] == [MP4]
    again = await begin(client, -1, Upload_Concat=final)
    assert (again.status_code, await jobs_there(platform)) == (409, 1)


async def test_parts_that_are_too_large_together_or_no_media_are_not_joined(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    async def part(data: bytes) -> str:
        address = (await begin(client, len(data), Upload_Concat="partial")).headers["location"]
        assert (await patch(client, address, 0, data)).status_code == 204
        return str(address)

    both = f"{await part(MP4)} {await part(MP4)}"
    assert (await begin(client, -1, Upload_Concat=f"final;{both}")).json()["code"] == "upload_too_large"
    text = await part(b"just text")
    assert (await begin(client, -1, Upload_Concat=f"final;{text}")).json()["code"] == "source_not_media"
    assert (len(kept(platform)), await jobs_there(platform)) == (3, 0)  # the parts, for another try


async def test_an_upload_that_was_given_up_or_took_too_long_leaves_nothing(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    given_up = (await begin(client)).headers["location"]
    late = (await begin(client)).headers["location"]
    for address in (given_up, late):
        await patch(client, address, 0, MP4[:100])
    assert (await client.delete(given_up, headers=TUS)).status_code == 204
    assert (await client.delete(given_up, headers=TUS)).status_code == 204
    db, table = platform.deps.db, schema.uploads
    past = update(table).where(table.c.id == late.rpartition("/")[2]).values(expires_ms=1)
    await db.write(lambda c: c.execute(past))
    for address, code in ((given_up, "upload_ended"), (late, "upload_expired")):
        answer = await patch(client, address, 100, MP4[100:])
        assert (answer.status_code, answer.json()["code"]) == (410, code)
        assert (await client.head(address, headers=TUS)).status_code == 410
    folder = platform.deps.uploading.folder
    assert await uploads.sweep(db, platform.storage, folder, kept_ms=3_600_000) == 1
    assert kept(platform) == []
    assert (await client.get(late)).json()["status"] == "expired"
    assert await told(platform) == ["upload.created"] * 2 + ["upload.cancelled", "upload.expired"]
    assert await uploads.sweep(db, platform.storage, folder, kept_ms=-1000) == 2
    assert (await client.get(UPLOADS)).json()["items"] == []


async def test_of_many_senders_at_one_offset_one_is_taken(client: httpx2.AsyncClient, platform: Platform) -> None:
    address = (await begin(client)).headers["location"]
    bodies = [MP4[:1000] + bytes([number]) * (len(MP4) - 1000) for number in range(20)]

    async def slowly(data: bytes) -> AsyncIterator[bytes]:
        while data:
            yield data[:500_000]
            data = data[500_000:]
            await asyncio.sleep(0)

    answers = await asyncio.gather(*(patch(client, address, 0, slowly(body)) for body in bodies))
    taken = [number for number, answer in enumerate(answers) if answer.status_code == 204]
    assert len(taken) == 1
    assert {answer.status_code for answer in answers} <= {204, 409, 423}
    assert [path.read_bytes() for path in kept(platform)] == [bodies[taken[0]]]


async def test_a_silent_sender_gives_way_and_what_came_counts(platform: Platform) -> None:
    silence = asyncio.Event()

    async def stuck(first: bytes) -> AsyncIterator[bytes]:
        yield first
        silence.set()
        await asyncio.Event().wait()

    async def body(data: bytes) -> AsyncIterator[bytes]:
        yield data

    policy = uploads.UploadPolicy(folder=platform.deps.uploading.folder, stalled_s=0.0, idle_s=60.0)
    intake = uploads.Intake(platform.deps.db, platform.storage, policy)
    upload = await intake.create(LOCAL_ORGANIZATION, uploads.NewUpload(size_bytes=len(MP4), max_bytes=2**30))
    first = asyncio.create_task(intake.take(upload, uploads.Piece(0), stuck(MP4[:700_000])))
    await silence.wait()
    assert (await intake.seen(upload)).offset_bytes == 700_000
    with pytest.raises(Exception, match="body_cut"):
        await first
    done = await intake.take(upload, uploads.Piece(700_000), body(MP4[700_000:]))
    assert done.status == "completed"
    quick = uploads.UploadPolicy(folder=policy.folder, stalled_s=60.0, idle_s=0.02)
    intake = uploads.Intake(platform.deps.db, platform.storage, quick)
    upload = await intake.create(LOCAL_ORGANIZATION, uploads.NewUpload(size_bytes=len(MP4), max_bytes=2**30))
    with pytest.raises(Exception, match="body_cut"):
        await intake.take(upload, uploads.Piece(0), stuck(MP4[:700_000]))
    assert (await intake.seen(upload)).offset_bytes == 700_000


async def test_what_belongs_to_others_is_not_there(client: httpx2.AsyncClient, platform: Platform) -> None:
    def theirs(conn: Any) -> str:
        row = {"id": "org_other", "name": "other", "created_ms": 1}
        conn.execute(schema.organizations.insert().values(row))
        return moves.create(conn, "org_other", uploads.NewUpload(size_bytes=9), max_unfinished=9).id

    other = f"{UPLOADS}/{await platform.deps.db.write(theirs)}"
    unknown = f"{UPLOADS}/up_{'0' * 26}"
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        headers = {**TUS, "Upload-Offset": "0", "Content-Type": OCTETS}
        answers = [await client.request(method, address, headers=headers) for address in (other, unknown)]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "upload_not_found")] * 2, method
    assert (await client.head(other, headers=TUS)).status_code == 404
    assert (await begin(client, -1, Upload_Concat=f"final;{other}")).json()["code"] == "upload_concat_invalid"


async def test_a_whole_file_by_put(client: httpx2.AsyncClient, platform: Platform) -> None:
    put = await client.put(f"{UPLOADS}/a film.mp4", content=MP4)
    assert (put.status_code, put.json()["status"], put.json()["name"]) == (201, "completed", "a film.mp4")
    assert put.json()["job_id"]
    wanted = {"size_bytes": len(MP4), "name": "b.mp4", "job": None}
    made = (await client.post(UPLOADS, json=wanted)).json()
    assert (made["status"], made["one_time_url"]) == ("uploading", None)
    short = await client.put(made["url"].removeprefix("https://video.test"), content=MP4[:-1])
    assert (short.status_code, short.json()["code"]) == (422, "upload_incomplete")
    assert await offset_of(client, made["url"].removeprefix("https://video.test")) == "0"
    whole = await client.put(made["url"].removeprefix("https://video.test"), content=MP4)
    assert (whole.json()["status"], whole.json()["job_id"]) == ("completed", None)
    assert whole.json()["source_id"]
    text = await client.put(f"{UPLOADS}/text.mp4", content=b"text")
    assert (text.status_code, text.json()["code"]) == (415, "source_not_media")
    assert [path.read_bytes() for path in kept(platform)] == [MP4]
    statuses = [item["status"] for item in (await client.get(UPLOADS)).json()["items"]]
    assert statuses == ["failed", "completed", "completed"]


async def test_a_post_may_stand_for_another_method(client: httpx2.AsyncClient) -> None:
    address = (await begin(client)).headers["location"]
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OCTETS, "X-HTTP-Method-Override": "PATCH"}
    assert (await client.post(address, headers=headers, content=MP4[:9])).headers["upload-offset"] == "9"
    assert (await client.post(address, headers=TUS)).json()["code"] == "tus_header_invalid"


async def test_only_so_many_are_under_way(client: httpx2.AsyncClient) -> None:
    for _ in range(20):
        address = (await begin(client)).headers["location"]
    over = await begin(client)
    assert (over.status_code, over.json()["code"]) == (429, "too_many_uploads")
    await client.delete(address, headers=TUS)
    assert (await begin(client)).status_code == 201


async def test_clients_learn_what_is_spoken_and_pages_may_see_it(
    stranger: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    spoken = await stranger.options(UPLOADS)
    assert spoken.status_code == 204
    assert spoken.headers["tus-version"] == "1.0.0"
    assert "concatenation" in spoken.headers["tus-extension"].split(",")
    assert spoken.headers["tus-max-size"] == str(3 * 2**20)
    assert "sha1" in spoken.headers["tus-checksum-algorithm"].split(",")
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "upload-offset,tus-resumable"}
    preflight = await stranger.options(f"{UPLOADS}/up_1", headers={"Origin": "https://app.test", **asked})
    assert preflight.status_code == 200
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    made = await begin(client, Origin="https://app.test")
    assert made.headers["access-control-allow-origin"] == "https://app.test"
    exposed = {name.strip().lower() for name in made.headers["access-control-expose-headers"].split(",")}
    assert {"location", "upload-offset", "upload-expires", "tus-resumable"} <= exposed


async def test_another_process_on_the_same_data_goes_on(client: httpx2.AsyncClient, platform: Platform) -> None:
    address = (await begin(client)).headers["location"]
    await patch(client, address, 0, MP4[:5])
    transport = httpx2.ASGITransport(create_app(platform.deps))
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as other:
        assert (await patch(other, address, 5, MP4[5:])).status_code == 204
    assert await offset_of(client, address) == str(len(MP4))


async def test_what_lies_in_another_folder_is_not_what_came(platform: Platform, tmp_path: Path) -> None:
    """A server that shares the database alone, and has bytes of a sender who was not taken."""
    db, policy = platform.deps.db, platform.deps.uploading
    here, other = (
        uploads.Intake(db, platform.storage, replace(policy, folder=tmp_path / name)) for name in ("here", "other")
    )
    upload = await here.create(LOCAL_ORGANIZATION, uploads.NewUpload(size_bytes=len(MP4), job=None))

    async def body(data: bytes) -> AsyncIterator[bytes]:
        yield data

    upload = await here.take(upload, uploads.Piece(0), body(MP4[:100]))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / upload.id).write_bytes(b"?" * 200)
    with pytest.raises(VidComputeError, match="upload_lost"):
        await other.take(upload, uploads.Piece(100), body(MP4[100:]))
    assert (await here.take(upload, uploads.Piece(100), body(MP4[100:]))).status == "completed"
    assert [path.read_bytes() for path in kept(platform)] == [MP4]
