"""Jobs come in as JSON or with a file: validated field by field, stored once, carried out once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from tests.unit.api.conftest import MP4, URL, Platform, Stream
from tests.unit.engine import toys
from vidcompute.db import schema
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.services import jobs

JOBS = "/api/v1/jobs"


async def count(platform: Platform, table: Any) -> int:
    return await platform.deps.db.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar_one())


def stored(platform: Platform) -> list[Path]:
    return [p for p in platform.storage.root.rglob("*") if p.is_file()]


def incoming(platform: Platform) -> list[Path]:
    return list(platform.deps.incoming.glob("*")) if platform.deps.incoming.exists() else []


async def upload(client: httpx2.AsyncClient, data: bytes = MP4, name: str = "clip.mp4", **more: Any) -> httpx2.Response:
    spec, headers = more.pop("spec", None), more.pop("headers", {})
    files: list[Any] = [("spec", (None, json.dumps(spec)))] if spec is not None else []
    return await client.post(JOBS, files=[*files, ("file", (name, data))], headers=headers)


async def test_a_url_is_enough(client: httpx2.AsyncClient) -> None:
    answer = await client.post(JOBS, json={"input": URL})
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["status"], job["priority"], job["asset"]["status"]) == ("queued", "normal", "preparing")
    assert job["asset"]["title"] == "clip.mp4"
    assert job["urls"]["watch"] == f"https://video.test/watch/{job['asset']['playback_id']}"
    assert [o["type"] for o in job["spec"]["outputs"]] == ["hls", "thumbnail", "storyboard", "preview"]
    assert (await client.get(answer.headers["location"])).json()["id"] == job["id"]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/films/My%20film.mov", "My film.mov"),
        ("/a%00b.mp4", "ab.mp4"),
        ("/%E2%80%AEgpj.exe%0D%0A%1B%5B31m.mp4", "gpj.exe [31m.mp4"),
        ("/%2e%2e%2f%2e%2e%2fpasswd", "passwd"),
        ("/" + "x" * 900, "x" * 255),
        ("/", None),
    ],
)
async def test_a_title_out_of_a_url_is_a_harmless_name(
    client: httpx2.AsyncClient, path: str, title: str | None
) -> None:
    answer = await client.post(JOBS, json={"input": f"https://example.com{path}"})
    assert (answer.status_code, answer.json()["asset"]["title"]) == (201, title)


@pytest.mark.parametrize(
    ("spec", "pointers"),
    [
        ({}, ["/input"]),
        ({"input": "nope"}, ["/input"]),
        ({"input": {"url": "ftp://x/y"}}, ["/input/url"]),
        ({"input": {"source": "x"}}, ["/input/source"]),
        ({"input": 7}, ["/input"]),
        ({"input": URL, "renditions": [{"height": 4000}]}, ["/renditions/0/height"]),
        ({"input": URL, "renditions": [{"height": 480, "quality": 20, "bitrate_bps": 10**6}]}, ["/renditions/0"]),
        ({"input": URL, "renditions": [{"height": 480, "quality": 0}]}, ["/renditions/0/quality"]),
        ({"input": URL, "renditions": [{"height": 480, "codec": "hevc", "quality": 52}]}, ["/renditions/0/quality"]),
        ({"input": URL, "outputs": [{"type": "thumbnail", "time": 1}, "thumbnail"]}, ["/outputs"]),
        ({"input": URL, "outputs": ["hls", "film"]}, ["/outputs/1"]),
        ({"input": URL, "outputs": [{"type": "frames", "rate": 0}]}, ["/outputs/0/rate"]),
        ({"input": URL, "outputs": []}, ["/outputs"]),
        ({"input": URL, "prioritty": "high"}, ["/prioritty"]),
        ({"input": URL, "priority": "urgent", "title": 5}, ["/priority", "/title"]),
        ({"input": URL, "metadata": {"a/b~c": 1}}, ["/metadata/a~1b~0c"]),
        ([], [""]),
    ],
)
async def test_wrong_fields_are_named(
    client: httpx2.AsyncClient, platform: Platform, spec: Any, pointers: list[str]
) -> None:
    answer = await client.post(JOBS, json=spec)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_request"
    assert [p["pointer"] for p in answer.json()["problems"]] == pointers
    assert await count(platform, schema.jobs) == 0


def test_jobs_that_were_taken_before_are_read_whatever_is_asked_of_new_ones() -> None:
    stored = MediaSpec.model_validate({"renditions": [{"height": 480, "quality": 60}]})
    assert stored.renditions is not None
    assert stored.renditions[0].quality == 60


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'{"input": NaN}', 400, "invalid_json"),
        (b"[" * 3000, 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"input": "https://x/y", "title": "a\\u0000b"}', 400, "invalid_json"),
        (b'{"input": "' + b"x" * 5000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_what_is_no_json_is_told(client: httpx2.AsyncClient, body: bytes, status: int, code: str) -> None:
    answer = await client.post(JOBS, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_content_types_are_refused(client: httpx2.AsyncClient, kind: str) -> None:
    answer = await client.post(JOBS, content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_content_type")


async def test_a_file_comes_with_its_job(client: httpx2.AsyncClient, platform: Platform) -> None:
    answer = await upload(client, spec={"priority": "high", "outputs": ["hls"], "passthrough": "order 7"})
    job = answer.json()
    assert answer.status_code == 201
    assert (job["priority"], job["passthrough"], job["asset"]["title"]) == ("high", "order 7", "clip.mp4")
    assert job["spec"]["input"]["source"] == job["asset"]["source_id"]
    assert [p.read_bytes() for p in stored(platform)] == [MP4]
    assert incoming(platform) == []


async def test_a_file_alone_is_enough_and_its_name_is_data(client: httpx2.AsyncClient) -> None:
    answer = await upload(client, name="../../<b>x</b>.mp4")
    assert (answer.status_code, answer.json()["asset"]["title"]) == (201, "b>.mp4")


async def test_the_job_may_come_after_the_file(client: httpx2.AsyncClient) -> None:
    parts: list[Any] = [("file", ("a.mp4", MP4)), ("spec", (None, '{"title": "late"}'))]
    answer = await client.post(JOBS, files=parts)
    assert (answer.status_code, answer.json()["asset"]["title"]) == (201, "late")


@pytest.mark.parametrize(
    ("parts", "status", "code", "pointers"),
    [
        ([("spec", (None, '{"priority": "x"}')), ("file", ("a", MP4))], 422, "invalid_request", ["/spec/priority"]),
        ([("spec", (None, '{"input": "https://x"}')), ("file", ("a", MP4))], 422, "invalid_request", ["/spec/input"]),
        ([("spec", (None, "{")), ("file", ("a", MP4))], 400, "invalid_json", []),
        ([("spec", (None, " " * 5000)), ("file", ("a", MP4))], 413, "body_too_large", []),
        ([("spec", (None, "{}"))], 422, "invalid_request", ["/file"]),
        ([("file", ("a", MP4[:9000])), ("file", ("b", MP4[:9000]))], 422, "invalid_request", ["/file"]),
        ([("film", ("a", MP4))], 422, "invalid_request", ["/film"]),
        ([("file", ("a.mp4", b"just text"))], 415, "source_not_media", []),
        ([("file", ("a.mp4", b""))], 422, "source_empty", []),
        ([("file", ("a.mp4", b"#EXTM3U\n"))], 415, "source_is_playlist", []),
        ([("file", ("a.mp4", MP4 * 2))], 413, "upload_too_large", []),
    ],
)
async def test_a_wrong_form_leaves_nothing(
    client: httpx2.AsyncClient, platform: Platform, parts: Any, status: int, code: str, pointers: list[str]
) -> None:
    answer = await client.post(JOBS, files=parts)
    problem = answer.json()
    assert (answer.status_code, problem["code"], [p["pointer"] for p in problem["problems"]]) == (
        status,
        code,
        pointers,
    )
    assert stored(platform) == incoming(platform) == []
    assert await count(platform, schema.sources) == await count(platform, schema.jobs) == 0


async def test_too_large_a_file_is_told_how_much_is_allowed(client: httpx2.AsyncClient) -> None:
    assert (await upload(client, MP4 * 2)).json()["max_bytes"] == 3 * 2**20


class Uploading(Stream):
    """A POST whose body comes when the test sends it."""

    def __init__(self, platform: Platform, length: int | None = None) -> None:
        super().__init__(platform, JOBS, content_type="multipart/form-data; boundary=b")
        self.scope["method"] = "POST"
        if length is not None:
            self.scope["headers"].append((b"content-length", str(length).encode()))
        self.pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.asked = 0

    async def _receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self.pieces.get()

    def give(self, data: bytes, *, more: bool = True) -> None:
        self.pieces.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def cut(self) -> None:
        self.pieces.put_nowait({"type": "http.disconnect"})


SPEC_PART = b'--b\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{"priority": "x"}\r\n'
FILE_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'


async def test_a_declared_size_is_refused_before_a_byte_is_taken(platform: Platform) -> None:
    async with Uploading(platform, length=2**40) as sending:
        await sending.ended.wait()
        assert (sending.status, sending.asked) == (413, 0)


async def test_a_wrong_job_is_refused_before_the_file_is_taken(platform: Platform) -> None:
    async with Uploading(platform) as sending:
        sending.give(SPEC_PART + FILE_PART)
        await sending.ended.wait()
        assert (sending.status, sending.asked) == (422, 1)
        assert "/spec/priority" in sending.text


async def test_text_is_refused_at_its_first_bytes(platform: Platform) -> None:
    async with Uploading(platform) as sending:
        sending.give(FILE_PART + b"<html>" + b" " * 9000)
        await sending.ended.wait()
        assert (sending.status, sending.asked) == (415, 1)


async def test_a_cut_line_leaves_nothing(platform: Platform) -> None:
    async with Uploading(platform) as sending:
        sending.give(FILE_PART + MP4)
        sending.cut()
        await sending.ended.wait()
    assert incoming(platform) == stored(platform) == []
    assert await count(platform, schema.sources) == 0


async def test_the_same_file_twice_is_stored_once(client: httpx2.AsyncClient, platform: Platform) -> None:
    first, second = (await upload(client)).json(), (await upload(client)).json()
    assert first["id"] != second["id"]
    assert len(stored(platform)) == 1
    await platform.finish_all()
    for job, left in ((first, 1), (second, 0)):
        assert (await client.delete(f"/api/v1/assets/{job['asset_id']}")).status_code == 204
        await platform.give_up_restoring()
        assert (await client.post("/api/v1/cleanup")).json()["purged"] == 1
        assert len(stored(platform)) == left


async def test_a_source_is_used_again_by_its_id(client: httpx2.AsyncClient) -> None:
    source = (await upload(client)).json()["asset"]["source_id"]
    answer = await client.post(JOBS, json={"input": {"source": source}, "outputs": ["audio"]})
    assert (answer.status_code, answer.json()["asset"]["source_id"]) == (201, source)
    unknown = await client.post(JOBS, json={"input": {"source": "src_" + "0" * 26}})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "source_not_found")


async def test_a_key_makes_a_json_job_once(client: httpx2.AsyncClient, platform: Platform) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await client.post(JOBS, json={"input": URL}, headers=key)
    again = await client.post(JOBS, json={"input": URL}, headers=key)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    other = await client.post(JOBS, json={"input": URL, "priority": "low"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert await count(platform, schema.jobs) == 1
    assert (await client.post(JOBS, json={"input": URL}, headers={"Idempotency-Key": "k2"})).json() != first.json()


async def test_a_key_makes_an_upload_once(client: httpx2.AsyncClient, platform: Platform) -> None:
    key = {"Idempotency-Key": "k1"}
    first, again = await upload(client, headers=key), await upload(client, headers=key)
    assert first.json() == again.json()
    other = await upload(client, MP4[:-1], headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert await count(platform, schema.sources) == 1
    assert len(stored(platform)) == 1


async def test_a_key_holds_for_requests_at_one_time(client: httpx2.AsyncClient, platform: Platform) -> None:
    answers = await asyncio.gather(*(upload(client, headers={"Idempotency-Key": "k"}) for _ in range(6)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert await count(platform, schema.jobs) == await count(platform, schema.sources) == 1
    assert len(stored(platform)) == 1


async def test_nothing_is_kept_under_a_key_that_failed(client: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    assert (await client.post(JOBS, json={"input": 1}, headers=key)).status_code == 422
    assert (await client.post(JOBS, json={"input": URL}, headers=key)).status_code == 201


async def test_however_a_video_comes_its_job_waits_for_nothing_but_a_place(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    by_url = (await client.post(JOBS, json={"input": URL})).json()
    by_form = (await upload(client)).json()
    again = (await client.post(JOBS, json={"input": {"source": by_form["asset"]["source_id"]}})).json()
    put = await client.put("/api/v1/uploads/other.mp4", content=MP4 + b"more")
    by_put = (await client.get(f"{JOBS}/{put.json()['job_id']}")).json()
    found = [[(stage["name"], stage["status"]) for stage in job["stages"]] for job in (by_url, by_form, again, by_put)]
    assert found == [[("fetch", "ready")], *[[("probe", "ready")]] * 3]
    assert await platform.deps.db.read(jobs.unplanned) == []
    assert len(await platform.deps.db.read(toys.ready)) == 3  # the same video is probed once
