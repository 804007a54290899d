"""API keys and the audit log over HTTP."""

import csv
import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, select

from tests.unit.api.conftest import URL, Platform
from vidcompute.db import schema

KEYS = "/api/v1/keys"


async def make(client: httpx2.AsyncClient, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(KEYS, json={"name": "shop", "scopes": scopes, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['secret']}"}


async def test_a_key_is_shown_once_and_opens_its_scopes_alone(client: httpx2.AsyncClient) -> None:
    key = await make(client, "jobs:read")
    assert key["secret"] not in (await client.get(KEYS)).text
    assert "secret" not in (await client.get(f"{KEYS}/{key['id']}")).json()
    assert (await client.get("/api/v1/jobs", headers=bearer(key))).status_code == 200
    for method, path in (("GET", "/api/v1/assets"), ("POST", "/api/v1/jobs"), ("GET", KEYS)):
        answer = await client.request(method, path, headers=bearer(key))
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path
    me = (await client.get("/api/v1/caller", headers=bearer(key))).json()
    assert (me["key_id"], me["scopes"], me["role"]) == (key["id"], ["jobs:read"], None)


async def test_a_key_is_replaced_and_revoked(client: httpx2.AsyncClient) -> None:
    key = await make(client, "jobs:read", expires_at="2999-01-01T00:00:00Z")
    assert key["expires_at"].startswith("2999")
    fresh = (await client.post(f"{KEYS}/{key['id']}/rotate", json={"overlap_s": 60})).json()
    assert fresh["replaces"] == key["id"]
    for one in (key, fresh):
        assert (await client.get("/api/v1/jobs", headers=bearer(one))).status_code == 200
    assert (await client.delete(f"{KEYS}/{fresh['id']}")).json()["revoked_at"]
    answer = await client.get("/api/v1/jobs", headers=bearer(fresh))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")
    assert fresh["id"] not in (await client.get(KEYS)).text
    assert fresh["id"] in (await client.get(KEYS, params={"dead": "true"})).text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x"}, "/scopes"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "", "scopes": ["jobs:read"]}, "/name"),
        ({"name": "x", "scopes": ["jobs:read"], "expires_at": "2030-01-01"}, "/expires_at"),
        ({"name": "x", "scopes": ["jobs:read"], "organization_id": "org_theirs"}, "/organization_id"),
        ({"name": "x", "scopes": ["jobs:read"], "digest": "0", "id": "key_mine"}, "/digest"),
    ],
)
async def test_a_wish_for_a_key_is_checked_field_by_field(
    client: httpx2.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(KEYS, json=body)
    assert answer.status_code == 422
    assert pointer in [problem["pointer"] for problem in answer.json()["problems"]]


async def test_a_use_is_noted_in_time_and_not_at_each_request(client: httpx2.AsyncClient, platform: Platform) -> None:
    key = await make(client, "jobs:read")
    await client.get("/api/v1/jobs", headers=bearer(key))
    await platform.app.state.uses.close()
    used = (await client.get(f"{KEYS}/{key['id']}")).json()["last_used_at"]
    assert used is not None
    await client.get("/api/v1/jobs", headers=bearer(key))
    await platform.app.state.uses.close()
    assert (await client.get(f"{KEYS}/{key['id']}")).json()["last_used_at"] == used


async def test_the_audit_log_tells_who_did_what(client: httpx2.AsyncClient, platform: Platform) -> None:
    key = await make(client, "jobs:write", "jobs:read", "assets:read")
    job = (await client.post("/api/v1/jobs", json={"input": URL, "title": "=1+1"}, headers=bearer(key))).json()
    await platform.finish_all()
    entries = (await client.get("/api/v1/audit")).json()["items"]
    assert [entry["action"] for entry in entries][-1] == "key.created"
    submitted = next(entry for entry in entries if entry["action"] == "job.created")
    assert (submitted["subject_id"], submitted["actor_id"]) == (job["id"], key["id"])
    assert submitted["actor"] == key["prefix"]
    assert submitted["address"]
    assert submitted["request_id"].startswith("req_")
    assert {entry["actor_id"] for entry in entries} == {key["id"], entries[-1]["actor_id"]}
    lines = (await client.get("/api/v1/audit/export")).text.splitlines()
    assert [json.loads(line) for line in lines] == entries
    table = await client.get("/api/v1/audit/export", params={"format": "csv", "action": "key.created"})
    assert table.headers["content-disposition"].endswith('"audit.csv"')
    (row,) = csv.DictReader(table.text.splitlines())
    assert (row["action"], row["subject_id"]) == ("key.created", key["id"])
    assert (await client.get("/api/v1/audit", headers=bearer(key))).status_code == 403


async def test_what_was_refused_has_done_nothing(client: httpx2.AsyncClient, platform: Platform) -> None:
    key = await make(client, "jobs:read")

    def audited(conn: Connection) -> int:
        return len(conn.execute(select(schema.audit)).all())

    before = await platform.deps.db.read(audited)
    assert (await client.post("/api/v1/jobs", json={"input": URL}, headers=bearer(key))).status_code == 403
    assert (await client.post(KEYS, json={"name": "x", "scopes": ["*"]}, headers=bearer(key))).status_code == 403
    assert await platform.deps.db.read(audited) == before
