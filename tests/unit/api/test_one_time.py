"""One-time addresses: who has one may send that one file, from that origin, of that size, until then."""

import base64
from typing import Any

import httpx2
from sqlalchemy import select, update

from tests.unit.api.conftest import MP4, Platform
from vidcompute.db import schema

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
APP = {"Origin": "https://app.example"}


async def address(client: httpx2.AsyncClient, *, origin: str | None = None, **wanted: Any) -> str:
    answer = await client.post(UPLOADS, json={**wanted, "one_time": {"origin": origin, "expires_s": 600}})
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["one_time_url"]
    assert made.startswith("https://video.test/upload/")
    return made.removeprefix("https://video.test")


async def test_a_page_of_that_origin_sends_the_file_without_a_key(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, platform: Platform
) -> None:
    at = await address(client, origin="https://app.example/", job={"priority": "low"})
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "upload-offset"}
    preflight = await stranger.options(at, headers={**APP, **asked})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    begun = await stranger.post(at, headers={**TUS, **APP, "Upload-Length": str(len(MP4))})
    assert (begun.status_code, begun.headers["location"]) == (201, at)
    half = len(MP4) // 2
    first = await stranger.patch(at, headers={**PIECE, **APP}, content=MP4[:half])
    assert (first.status_code, first.headers["access-control-allow-origin"]) == (204, "https://app.example")
    assert "Upload-Offset" in first.headers["access-control-expose-headers"]
    seen = await stranger.head(at, headers={**TUS, **APP})
    assert (seen.headers["upload-offset"], seen.headers["upload-length"]) == (str(half), str(len(MP4)))
    last = await stranger.patch(at, headers={**PIECE, **APP, "Upload-Offset": str(half)}, content=MP4[half:])
    assert last.status_code == 204
    (upload,) = (await client.get(UPLOADS)).json()["items"]
    assert (upload["status"], upload["one_time_url"]) == ("completed", None)
    assert (await client.get(f"/api/v1/jobs/{upload['job_id']}")).json()["priority"] == "low"
    assert (await stranger.put(at, headers=APP, content=MP4)).json()["code"] == "upload_completed"
    kept = await platform.deps.db.read(lambda c: c.execute(select(schema.uploads.c.token_digest)).scalar_one())
    assert at.rpartition("/")[2] not in kept


async def test_what_was_bound_to_it_holds(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, platform: Platform
) -> None:
    at = await address(client, origin="https://app.example", max_bytes=1000)
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = await stranger.put(at, headers=headers, content=MP4)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in answer.headers
    large = await stranger.put(at, headers=APP, content=MP4)
    assert (large.status_code, large.json()["code"]) == (413, "upload_too_large")
    length = await stranger.post(at, headers={**TUS, **APP, "Upload-Length": "1001"})
    assert (length.status_code, length.json()["code"]) == (413, "upload_too_large")
    exact = await address(client, size_bytes=1000)
    assert (await stranger.put(exact, content=MP4)).json()["code"] == "upload_exceeds_length"
    assert (await stranger.put(exact, content=MP4[:999])).json()["code"] == "upload_incomplete"
    assert (await stranger.post(exact, headers={**TUS, "Upload-Length": "7"})).json()["code"] == "upload_length_invalid"
    await platform.deps.db.write(lambda c: c.execute(update(schema.uploads).values(expires_ms=1)))
    late = await stranger.put(exact, content=MP4[:1000])
    assert (late.status_code, late.json()["code"]) == (410, "upload_expired")
    assert (await stranger.head(exact, headers=TUS)).status_code == 410


async def test_it_opens_nothing_else(client: httpx2.AsyncClient, stranger: httpx2.AsyncClient) -> None:
    at = await address(client)
    token = at.rpartition("/")[2]
    assert (await stranger.get(UPLOADS, headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await stranger.put("/upload/other", content=MP4)).json()["code"] == "upload_not_found"
    assert (await stranger.head(f"/upload/{token}x", headers=TUS)).status_code == 404
    basic = base64.b64encode(f":{token}".encode()).decode()
    assert (await stranger.get("/api/v1/jobs", headers={"Authorization": f"Basic {basic}"})).status_code == 401
    done = await stranger.put(at, content=MP4)
    assert (done.status_code, done.content) == (204, b"")  # what became of it is not the sender's business


async def test_it_can_be_given_up(client: httpx2.AsyncClient, stranger: httpx2.AsyncClient) -> None:
    at = await address(client)
    assert (await stranger.patch(at, headers=PIECE, content=MP4[:9])).status_code == 204
    assert (await stranger.delete(at, headers=TUS)).status_code == 204
    assert (await stranger.patch(at, headers=PIECE, content=MP4)).status_code == 410


async def test_what_is_wrong_with_the_wish_is_told(client: httpx2.AsyncClient) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"one_time": {"expires_s": 0}}, "/one_time/expires_s"),
        ({"one_time": {"origin": "app"}}, "/one_time/origin"),
        ({"job": {"priority": "x"}}, "/job/priority"),
        ({"size_bytes": 0}, "/size_bytes"),
        ({"more": 1}, "/more"),
    ]
    for wish, pointer in wrong:
        answer = await client.post(UPLOADS, json=wish)
        assert (answer.status_code, [p["pointer"] for p in answer.json()["problems"]]) == (422, [pointer])
