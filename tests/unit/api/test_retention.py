"""Deleting, restoring, expiring and cleaning up over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.unit.api.conftest import URL, Platform
from tests.unit.api.test_keys import bearer, make
from tests.unit.api.test_metrics import metrics_of, sample
from tests.unit.api.test_submit import stored, upload
from vidcompute.services import retention
from vidcompute.services.retention import Terms

JOBS, ASSETS, CLEANUP = "/api/v1/jobs", "/api/v1/assets", "/api/v1/cleanup"
RETENTION = "/api/v1/organization/retention"


async def submitted(client: httpx2.AsyncClient, **spec: Any) -> dict[str, Any]:
    answer = await client.post(JOBS, json={"input": URL, **spec})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_deleted_asset_is_listed_apart_and_restored(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submitted(client)
    await platform.finish_all()
    path = f"{ASSETS}/{job['asset_id']}"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(ASSETS)).json()["items"] == []
    assert (await client.get(f"{path}/outputs")).status_code == 404
    assert (await client.post(f"{JOBS}/{job['id']}/retry", json={})).json()["code"] == "job_not_found"
    (deleted,) = (await client.get(ASSETS, params={"deleted": "true"})).json()["items"]
    until, at = (datetime.fromisoformat(deleted[name]) for name in ("restorable_until", "deleted_at"))
    assert (deleted["id"], until - at) == (job["asset_id"], timedelta(days=7))
    restored = (await client.post(f"{path}/restore")).json()
    assert (restored["status"], restored["deleted_at"]) == ("ready", None)
    assert (await client.get(path)).json() == restored
    assert (await client.post(f"{path}/restore")).json() == restored
    assert (await client.post(f"{ASSETS}/asset_x/restore")).json()["code"] == "asset_not_found"


async def test_what_is_deleted_for_good_makes_room_at_once(client: httpx2.AsyncClient, platform: Platform) -> None:
    first, second = [(await upload(client)).json() for _ in range(2)]  # of the same bytes
    await platform.finish_all()
    for job, left in ((first, 1), (second, 0)):
        path = f"{ASSETS}/{job['asset_id']}"
        if job is second:  # from among those that can be restored
            assert (await client.delete(path)).status_code == 204
        assert (await client.delete(path, params={"permanent": "true"})).status_code == 204
        assert len(stored(platform)) == left
        for answer in (
            await client.get(path),
            await client.post(f"{path}/restore"),
            await client.delete(path, params={"permanent": "true"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "asset_not_found")
    assert (await client.get(ASSETS, params={"deleted": "true"})).json()["items"] == []
    entries = (await client.get("/api/v1/audit", params={"action": "asset.purged"})).json()["items"]
    assert [entry["subject_id"] for entry in entries] == [second["asset_id"], first["asset_id"]]


async def test_who_may_not_delete_may_not_for_good_either(client: httpx2.AsyncClient) -> None:
    path = f"{ASSETS}/{(await submitted(client))['asset_id']}"
    key = await make(client, "assets:read", "jobs:write")
    refused = await client.delete(path, params={"permanent": "true"}, headers=bearer(key))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert (await client.delete(path, params={"permanent": "perhaps"})).status_code == 422
    assert (await client.get(path)).status_code == 200


async def test_a_deleted_asset_does_not_play(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform
) -> None:
    job = await submitted(client)
    await platform.finish_all()
    stream = f"/stream/{job['asset']['playback_id']}.m3u8"
    assert (await client.delete(f"{ASSETS}/{job['asset_id']}")).status_code == 204
    assert (await viewer.get(stream)).status_code == 404


async def test_an_asset_says_when_it_ends(client: httpx2.AsyncClient) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    job = await submitted(client, expires_at=soon.isoformat())
    path = f"{ASSETS}/{job['asset_id']}"
    assert datetime.fromisoformat(job["asset"]["expires_at"]) == soon
    changed = await client.patch(path, json={"expires_at": None, "title": "T"})
    assert (changed.json()["expires_at"], changed.json()["title"]) == (None, "T")
    past = "2020-01-01T00:00:00Z"
    for refused in (
        await client.patch(path, json={"expires_at": past}),
        await client.post(JOBS, json={"input": URL, "expires_at": past}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "expiry_past")
        assert [problem["pointer"] for problem in refused.json()["problems"]] == ["/expires_at"]
    assert (await client.patch(path, json={"expires_at": "tomorrow"})).status_code == 422
    again = await submitted(client, input={"job": job["id"]})
    assert again["asset"]["expires_at"] is None


async def test_how_long_things_are_kept_is_changed_field_by_field(client: httpx2.AsyncClient) -> None:
    nothing = {"sources_s": None, "outputs_s": None, "frames_s": None, "logs_s": None}
    assert (await client.get(RETENTION)).json() == nothing
    assert (await client.patch(RETENTION, json={"frames_s": 86400, "logs_s": 7200})).json() == {
        **nothing,
        "frames_s": 86400,
        "logs_s": 7200,
    }
    assert (await client.patch(RETENTION, json={"logs_s": None})).json() == {**nothing, "frames_s": 86400}
    for wrong in ({"logs_s": 1}, {"logs_s": 10**12}, {"forever": True}, {"sources_s": "long"}):
        assert (await client.patch(RETENTION, json=wrong)).status_code == 422
    assert (await client.get(RETENTION)).json()["frames_s"] == 86400


async def test_it_is_asked_what_would_go_if_things_were_kept_for_another_time(client: httpx2.AsyncClient) -> None:
    await client.patch(RETENTION, json={"logs_s": 7200})
    supposed: dict[str, str | int] = {"sources_s": 3600, "logs_s": "ever"}
    assert (await client.get(CLEANUP, params=supposed)).json()["items"] == []
    for wrong in ("logs_s=1", "sources_s=long", "frames_s=1000000000000"):
        assert (await client.get(f"{CLEANUP}?{wrong}")).status_code == 422
    assert (await client.get(RETENTION)).json()["logs_s"] == 7200, "nothing was set by asking"


async def test_a_clean_up_is_shown_before_it_is_done(client: httpx2.AsyncClient, platform: Platform) -> None:
    jobs = [await submitted(client, title=f"film {n}", input=f"{URL}?{n}") for n in range(3)]
    await platform.finish_all()
    assert (await client.get(CLEANUP)).json()["items"] == []
    for job in jobs[:2]:
        await client.delete(f"{ASSETS}/{job['asset_id']}")
    assert (await client.get(CLEANUP)).json()["items"] == []
    await platform.give_up_restoring()
    first = (await client.get(CLEANUP, params={"limit": 1})).json()
    second = (await client.get(CLEANUP, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    items = first["items"] + second["items"]
    assert sorted((item["what"], item["name"]) for item in items) == [("asset", "film 0"), ("asset", "film 1")]
    done = (await client.post(CLEANUP)).json()
    assert (done["purged"], done["more"]) == (2, False)
    assert done["freed_bytes"] == sum(item["size_bytes"] for item in items) > 0
    (event,) = (await client.get("/api/v1/events", params={"type": "cleanup.*"})).json()["items"]
    assert (event["type"], event["data"]["freed_bytes"]) == ("cleanup.done", done["freed_bytes"])
    assert (await client.get(f"{JOBS}/{jobs[2]['id']}")).json()["status"] == "done"
    assert (await client.get(CLEANUP, params={"cursor": "x"})).json()["code"] == "invalid_cursor"


async def test_clean_ups_are_counted(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submitted(client)
    await platform.finish_all()
    await client.delete(f"{ASSETS}/{job['asset_id']}")
    await platform.give_up_restoring()
    assert sample(await metrics_of(client), 'vidcompute_cleanups_total{outcome="failed"}') == 0
    cleaned = await retention.clean_up(platform.deps.db, platform.storage, Terms(0))
    async with asyncio.timeout(10):
        while sample(text := await metrics_of(client), 'vidcompute_cleanups_total{outcome="done"}') != 1:
            assert "vidcompute_outbox_lag_events" in text
    assert sample(text, 'vidcompute_cleanup_taken_total{what="purged"}') == cleaned.purged == 1
    assert sample(text, "vidcompute_cleanup_freed_bytes_total") == cleaned.freed_bytes
