"""The nodes over HTTP, and the gateway by which they reach the storage."""

import hashlib
from pathlib import Path

import httpx2

from tests.unit.api.conftest import URL, Platform
from tests.unit.engine import toys
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.services import grants, jobs

GATEWAY = "/internal/storage"


async def test_nodes_tell_what_they_have_and_what_runs_there(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = (await client.post("/api/v1/jobs", json={"input": URL})).json()
    specs = await platform.run_until("encode")
    (node,) = (await client.get("/api/v1/nodes")).json()["items"]
    assert (node["name"], node["cpu"], node["gpus"], node["cache_max_bytes"]) == ("local", 2.0, [], 0)
    assert node["running"] == len(platform.placed) == len(node["attempts"])
    encodes = [attempt for attempt in node["attempts"] if attempt["stage"] == "encode"]
    assert {attempt["id"] for attempt in encodes} == {spec.attempt_id for spec in specs}
    assert {attempt["label"] for attempt in encodes} == {"encode/0", "encode/1", "encode/2"}
    assert {attempt["job_id"] for attempt in node["attempts"]} == {job["id"]}
    assert node["cpu_used"] >= sum(spec.needs.cpu for spec in specs) > 0
    assert node["memory_used_bytes"] >= sum(spec.needs.memory_bytes for spec in specs) > 0
    assert node["gpus_used"] == 0
    await platform.finish_all()
    (idle,) = (await client.get("/api/v1/nodes")).json()["items"]
    assert (idle["running"], idle["cpu_used"], idle["memory_used_bytes"]) == (0, 0, 0)


async def test_the_gateway_is_nodes_own_and_an_api_key_opens_nothing_of_it(
    client: httpx2.AsyncClient, platform: Platform
) -> None:
    assert not [path for path in platform.app.openapi()["paths"] if path.startswith("/internal")]
    for headers in ({}, {"Authorization": ""}, {"Authorization": f"Bearer {platform.key}"}):
        answer = await client.get(f"{GATEWAY}/orgs/x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "grant_invalid")


async def test_a_token_opens_what_its_attempt_works_on_until_it_has_ended(
    client: httpx2.AsyncClient, platform: Platform, tmp_path: Path
) -> None:
    await client.post("/api/v1/jobs", json={"input": URL})
    (spec, other, *_) = await platform.run_until("encode")
    (source,) = spec.inputs["source"]
    (tmp_path / "given").write_bytes(b"bytes")
    await platform.storage.put(source.key, tmp_path / "given")
    secret = await platform.deps.db.write(grants.ensure_secret)
    mine = {"Authorization": f"Bearer {grants.mint(secret, spec.attempt_id, 60)}"}

    assert (await client.get(f"{GATEWAY}/{source.key}", headers={**mine, "Range": "bytes=1-3"})).content == b"yte"
    made = f"{GATEWAY}/{spec.output_prefix}/made"
    digest = {"X-Content-SHA256": hashlib.sha256(b"out").hexdigest()}
    assert (await client.put(made, content=b"out", headers=mine | digest)).json()["size_bytes"] == 3
    elsewhere = f"{GATEWAY}/{other.output_prefix}/made"
    answer = await client.put(elsewhere, content=b"out", headers=mine | digest)
    assert (answer.status_code, answer.json()["code"]) == (403, "grant_exceeded")

    await platform.deps.db.write(jobs.finish, Finished(spec.attempt_id, Outcome.LOST), toys.AT_ONCE)
    assert (await client.get(f"{GATEWAY}/{source.key}", headers=mine)).status_code == 403
    assert (await client.put(made, content=b"out", headers=mine | digest)).status_code == 403
