"""Limits and usage over HTTP: who sees and sets them, what is refused, and what is counted."""

from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import pytest
from sqlalchemy import Connection, insert

from tests.unit.api.conftest import MP4, URL, Platform
from vidcompute.api.delivered import Delivered
from vidcompute.db import schema
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services import quotas, usage
from vidcompute.services.accounts import keys
from vidcompute.services.quotas import Quota
from vidcompute.services.usage import UsageKind

OWN = f"/api/v1/organizations/{LOCAL_ORGANIZATION}/quotas"
QUOTAS, USAGE, UPLOADS, JOBS = "/api/v1/quotas", "/api/v1/usage", "/api/v1/uploads", "/api/v1/jobs"
TUS = {"Tus-Resumable": "1.0.0"}


async def limit(client: httpx2.AsyncClient, **limits: int | None) -> None:
    answer = await client.patch(OWN, json=limits)
    assert answer.status_code == 200, answer.text


async def quota(client: httpx2.AsyncClient, name: str) -> dict[str, Any]:
    items = (await client.get(QUOTAS)).json()["items"]
    found: dict[str, Any] = next(item for item in items if item["name"] == name)
    return found


async def used(client: httpx2.AsyncClient, **query: str) -> dict[str, int]:
    totals: dict[str, int] = (await client.get(USAGE, params=query)).json()["totals"]
    return totals


async def test_limits_are_seen_by_all_and_set_by_those_who_run_it(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    other, secret = new_id("org"), keys.new_secret()

    def add(conn: Connection) -> None:
        conn.execute(insert(schema.organizations).values(id=other, name="other", created_ms=1))
        keys.add_whole(conn, other, "theirs", secret)

    await platform.deps.db.write(add)
    theirs = {"Authorization": f"Bearer {secret}"}
    path = f"/api/v1/organizations/{other}/quotas"
    assert {item["limit"] for item in (await client.get(QUOTAS)).json()["items"]} == {None}
    answer = await client.patch(path, json={"encode_minutes": 90, "jobs": 0})
    assert answer.status_code == 200
    for seen in (answer, await client.get(path), await client.get(QUOTAS, headers=theirs)):
        items = {item.pop("name"): item for item in seen.json()["items"]}
        nothing = {"limit": None, "own": True, "used": 0, "reserved": 0, "left": None, "free_at": None}
        assert items["jobs"] == nothing
        minutes = items["encode_minutes"]
        assert (minutes["limit"], minutes["used"], minutes["left"], minutes["own"]) == (90, 0, 90, True)
        assert minutes["free_at"].endswith("-01T00:00:00.000Z")
        assert items["upload_bytes"]["used"] is None
    for method in ("GET", "PATCH"):
        refused = await client.request(method, path, headers=theirs, json={"jobs": 1})
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    unknown = await client.patch(f"/api/v1/organizations/{new_id('org')}/quotas", json={"jobs": 1})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "organization_not_found")
    for wrong in ({"jobs": -1}, {"jobs": "many"}, {"nodes": 1}):
        assert (await client.patch(path, json=wrong)).status_code == 422


async def test_more_requests_than_a_minute_has_are_told_when_to_come_again(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    await client.get(JOBS)
    await limit(client, requests_per_minute=3)
    answers = [await client.get(JOBS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    told = answers[-1].json()
    assert (told["code"], told["limit"], told["left"]) == ("quota_requests", 3, 0)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    assert (await stranger.get("/health")).status_code == 200
    metrics = (await stranger.get("/metrics")).text
    assert 'vidcompute_quota_refusals_total{quota="requests_per_minute"} 1.0' in metrics


async def test_uploads_are_refused_before_their_bytes_come(client: httpx2.AsyncClient, platform: Platform) -> None:
    await limit(client, upload_bytes=2_500_000, stored_bytes=4_000_000)
    large = await client.post(UPLOADS, headers={**TUS, "Upload-Length": "2500001"})
    assert (large.status_code, large.json()["code"]) == (413, "quota_upload_bytes")
    assert large.headers["tus-resumable"] == "1.0.0"
    begun = await client.post(UPLOADS, json={"size_bytes": 2_500_000})
    assert begun.status_code == 201
    second = await client.post(UPLOADS, json={"size_bytes": 2_000_000})
    told = second.json()
    assert (second.status_code, told["code"]) == (403, "quota_stored_bytes")
    assert (told["limit"], told["reserved"]) == (4_000_000, 2_500_000)
    assert (told["left"], told["wanted"]) == (1_500_000, 2_000_000)
    form = await client.post(JOBS, files={"file": ("a.mp4", MP4)})
    assert (form.status_code, form.json()["code"]) == (403, "quota_stored_bytes")
    put = await client.put(f"{UPLOADS}/a.mp4", content=MP4)
    assert (put.status_code, put.json()["code"]) == (403, "quota_stored_bytes")
    await client.delete(f"{UPLOADS}/{begun.json()['id']}", headers=TUS)
    assert (await client.put(f"{UPLOADS}/a.mp4", content=MP4)).status_code == 201
    stored = await quota(client, "stored_bytes")
    assert (stored["used"], stored["reserved"]) == (len(MP4), 0)
    metrics = (await client.get("/metrics")).text
    assert 'vidcompute_quota_refusals_total{quota="stored_bytes"} 3.0' in metrics


async def test_a_job_without_a_place_stores_nothing(client: httpx2.AsyncClient, platform: Platform) -> None:
    await limit(client, jobs=1)
    job = (await client.post(JOBS, json={"input": URL})).json()
    for answer in (
        await client.post(JOBS, json={"input": URL}),
        await client.post(JOBS, files={"file": ("a.mp4", MP4)}),
        await client.put(f"{UPLOADS}/a.mp4", content=MP4),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "quota_jobs")
    assert [path for path in platform.storage.root.rglob("*") if path.is_file()] == []
    assert (await quota(client, "jobs"))["used"] == 1
    await client.delete(f"{JOBS}/{job['id']}")
    assert (await client.post(JOBS, files={"file": ("a.mp4", MP4)})).status_code == 201
    near = (await client.get("/api/v1/events", params={"type": "quota.near"})).json()["items"]
    assert [event["data"]["quota"] for event in near] == ["jobs"]


async def test_usage_is_told_by_day_and_kind(client: httpx2.AsyncClient, platform: Platform) -> None:
    def count(conn: Connection) -> None:
        for at, rung, amount in (("2026-10-31T23:59:59Z", "h264-720", 5), ("2026-11-01T00:00:00Z", "h264-480", 7)):
            at_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
            usage.add(conn, LOCAL_ORGANIZATION, UsageKind.ENCODE_MS, {rung: amount}, at_ms)
        usage.add_delivered(conn, {LOCAL_ORGANIZATION: 11})

    await platform.deps.db.write(count)
    report = (await client.get(USAGE, params={"from_day": "2026-10-01", "to_day": "2026-11-01"})).json()
    assert report == {
        "from_day": "2026-10-01",
        "to_day": "2026-11-01",
        "items": [
            {"day": "2026-10-31", "kind": "encode_ms", "detail": "h264-720", "amount": 5},
            {"day": "2026-11-01", "kind": "encode_ms", "detail": "h264-480", "amount": 7},
        ],
        "totals": {"encode_ms": 12},
    }
    assert (await used(client))["delivered_bytes"] == 11
    assert await used(client, kind="model_tokens") == {}
    today = datetime.now(UTC).date().isoformat()
    for wrong in ({"from_day": "9999-01-01"}, {"from_day": "2000-01-01", "to_day": today}, {"from_day": "soon"}):
        assert (await client.get(USAGE, params=wrong)).status_code == 422


async def test_what_viewers_get_is_counted_and_written_now_and_then(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform
) -> None:
    job = (await client.post(JOBS, json={"input": URL})).json()
    page = f"/watch/{job['asset']['playback_id']}"
    sent = 0
    for _ in range(3):
        answer = await viewer.get(page, headers={"Accept-Encoding": "identity"})
        assert answer.status_code == 200
        sent += len(answer.content)
    assert "delivered_bytes" not in await used(client)
    for _ in range(2):
        await platform.app.state.delivered.write()
    assert (await used(client))["delivered_bytes"] == sent
    assert f"vidcompute_delivered_bytes_total {float(sent)}" in (await viewer.get("/metrics")).text


async def test_delivered_bytes_are_kept_while_the_database_is_away(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    class Away:
        """A database that comes back."""

        is_away = True

        async def write(self, step: Any, *given: Any) -> Any:
            if self.is_away:
                raise VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "It is away.")
            return await platform.deps.db.write(step, *given)

    database = Away()
    delivered = Delivered(cast(Any, database))
    delivered.count(LOCAL_ORGANIZATION, 5)
    await delivered.write()
    delivered.count(LOCAL_ORGANIZATION, 6)
    database.is_away = False
    await delivered.write()
    assert (await used(client))["delivered_bytes"] == 11


@pytest.mark.parametrize("more", [{}, {"Upload-Length": "100"}])
async def test_an_organization_whose_minutes_are_used_up_is_told_until_when(
    client: httpx2.AsyncClient, platform: Platform, more: dict[str, str]
) -> None:
    def use_up(conn: Connection) -> None:
        quotas.change(conn, LOCAL_ORGANIZATION, {Quota.ENCODE_MINUTES: 1})
        now_ms = round(datetime.now(UTC).timestamp() * 1000)
        usage.add(conn, LOCAL_ORGANIZATION, UsageKind.ENCODE_MS, {"h264-720": 60_000}, now_ms)

    await platform.deps.db.write(use_up)
    if more:
        answer = await client.post(UPLOADS, headers={**TUS, **more})
    else:
        answer = await client.post(JOBS, json={"input": URL})
    told = answer.json()
    assert (answer.status_code, told["code"], told["left"]) == (403, "quota_encode_minutes", 0)
    assert told["free_at"].endswith("-01T00:00:00.000Z")
