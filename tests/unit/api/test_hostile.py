"""What no sensible client sends: each is told that it is wrong, by a code, and nothing of it is kept."""

import base64
import json
from typing import Any

import httpx2
import pytest

from tests.unit.api.conftest import URL

LONG = "9" * 5000  # more digits than Python makes a number of
NESTED = "[" * 5000  # deeper than Python's JSON goes
BEYOND = ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.9999Z", "0001-01-01T00:00:00+23:59"]


async def job(client: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    made = await client.post("/api/v1/jobs", json={"input": URL, **more})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def refused(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("time", BEYOND)
async def test_a_time_beyond_the_calendar_is_wrong_wherever_it_stands(client: httpx2.AsyncClient, time: str) -> None:
    asset_id = (await job(client))["asset_id"]
    hook = await client.post("/api/v1/webhooks", json={"url": "https://example.org/"})
    answers = [
        await client.patch(f"/api/v1/assets/{asset_id}", json={"expires_at": time}),
        await client.post("/api/v1/keys", json={"name": "k", "scopes": ["*"], "expires_at": time}),
        await client.post("/api/v1/jobs", json={"input": URL, "expires_at": time}),
        await client.post(f"/api/v1/webhooks/{hook.json()['id']}/replay", json={"since": time}),
        await client.get("/api/v1/jobs", params={"created_from": time}),
        await client.get("/api/v1/audit", params={"created_to": time}),
    ]
    assert [refused(answer) for answer in answers] == [(422, "invalid_request")] * 6
    assert (await client.get("/api/v1/assets")).status_code == 200


async def test_a_time_without_an_offset_is_in_utc(client: httpx2.AsyncClient) -> None:
    made = await job(client)
    day = made["created_at"][:10]
    found = await client.get("/api/v1/jobs", params={"created_from": day})
    assert [one["id"] for one in found.json()["items"]] == [made["id"]]
    for first in ("0001-01-01T00:00:00", made["created_at"].removesuffix("Z")):
        found = await client.get("/api/v1/jobs", params={"created_from": first})
        assert [one["id"] for one in found.json()["items"]] == [made["id"]]


async def test_numbers_of_thousands_of_digits_are_no_numbers(client: httpx2.AsyncClient) -> None:
    made = await job(client)
    await client.delete(f"/api/v1/jobs/{made['id']}")
    events = await client.get(f"/api/v1/jobs/{made['id']}/events", headers={"Last-Event-ID": LONG})
    assert (events.status_code, "job.cancelled" in events.text) == (200, True)
    far = await client.get(f"/api/v1/jobs/{made['id']}/events", headers={"Last-Event-ID": "9" * 19})
    assert far.status_code == 204
    stream = await client.get("/api/v1/events/stream", headers={"Last-Event-ID": LONG})
    assert refused(stream) == (400, "invalid_cursor")
    assert (await client.get("/api/v1/jobs", params={"limit": LONG})).status_code == 422


async def test_what_is_nested_too_deeply_is_no_cursor_and_no_token(client: httpx2.AsyncClient) -> None:
    made = await job(client)
    cursor = base64.urlsafe_b64encode(NESTED.encode()).decode()
    assert refused(await client.get(f"/api/v1/jobs/{made['id']}/logs", params={"cursor": cursor})) == (
        400,
        "invalid_cursor",
    )
    token = base64.urlsafe_b64encode(b"[" * 2500).decode() + ".e30.e30"
    answer = await client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    assert refused(answer) == (401, "invalid_token")
    body = await client.post("/api/v1/jobs", content=NESTED[:4000], headers={"Content-Type": "application/json"})
    assert refused(body) == (400, "invalid_json")


async def test_a_place_in_a_video_is_finite(client: httpx2.AsyncClient) -> None:
    for wish in ('{"type": "frames", "start": 1e999}', '{"type": "thumbnail", "time": 1e999}'):
        body = f'{{"input": {json.dumps(URL)}, "outputs": [{wish}]}}'
        answer = await client.post("/api/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert refused(answer) == (422, "invalid_request")
    assert (await client.get("/api/v1/jobs")).json()["items"] == []


async def test_what_is_no_address_is_nobodys(client: httpx2.AsyncClient, viewer: httpx2.AsyncClient) -> None:
    assert refused(await viewer.get("/oembed", params={"url": "http://["})) == (404, "watch_page_not_found")
    made = await job(client, playback_policy="signed")
    links = await client.post(f"/api/v1/assets/{made['asset_id']}/signed-links", json={"referrers": ["example.com"]})
    handle = links.json()["urls"]["watch"].rpartition("/")[2]
    answer = await viewer.get(f"/watch/{handle}/state", headers={"Referer": "http://["})
    assert refused(answer) == (403, "playback_refused")


async def test_no_address_has_a_nul(client: httpx2.AsyncClient) -> None:
    for path in ("/api/v1/jobs/a%00b", "/api/v1/assets/%00/outputs", "/stream/a%00.m3u8"):
        assert refused(await client.get(path)) == (404, "no_such_route")
    assert refused(await client.get("/api/v1/jobs?kind=a%00b")) == (422, "invalid_request")
    assert (await client.get("/api/v1/jobs?kind=a%2500b")).status_code == 200


async def test_who_uses_a_wrong_method_is_told_of_all_right_ones(client: httpx2.AsyncClient) -> None:
    for path, methods in {
        "/api/v1/webhooks": "GET, POST",
        "/api/v1/assets/asset_1": "GET, PATCH, DELETE",
        "/api/v1/uploads/up_1": "GET, HEAD, POST, PUT, PATCH, DELETE",
    }.items():
        answer = await client.request("TRACE", path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, methods)
