"""Jobs and assets over HTTP, from their first state to their last."""

import asyncio
import io
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.api.conftest import URL, Platform, Stream
from tests.unit.engine import toys
from vidcompute.errors import Kind
from vidcompute.pipeline.plan import Plan
from vidcompute.ports.executor import AttemptSpec, Finished, Outcome, Progress
from vidcompute.services import jobs

JOBS, ASSETS = "/api/v1/jobs", "/api/v1/assets"
UNKNOWN = ["job_00000000000000000000000000", "asset_x", "..%2f..", "%00", "job_" + "z" * 90]


async def submit(client: httpx2.AsyncClient, **spec: Any) -> dict[str, Any]:
    answer = await client.post(JOBS, json={"input": URL, **spec})
    assert answer.status_code == 201
    return dict(answer.json())


async def test_a_job_tells_of_its_stages(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    specs = await platform.run_until("encode")
    await platform.end(toys.done(specs[0]))
    now = (await client.get(f"{JOBS}/{job['id']}")).json()
    stages = {stage["name"]: stage for stage in now["stages"]}
    assert now["status"] == "running"
    assert list(stages)[:2] == ["fetch", "probe"]
    assert (stages["encode"]["status"], stages["encode"]["tasks"], stages["encode"]["tasks_done"]) == ("running", 3, 1)
    assert stages["fetch"]["progress"]["fraction"] == 1.0
    assert stages["fetch"]["logs_key"].endswith(".log")
    assert stages["package"]["status"] == "waiting"
    assert 0 < now["progress"]["fraction"] < 1
    assert {"type": "hls", "url": now["urls"]["stream"], "ready": False, "size_bytes": None} in now["outputs"]
    await platform.finish_all()
    for spec in specs[1:]:
        await platform.end(toys.done(spec))
    await platform.finish_all()
    last = (await client.get(f"{JOBS}/{job['id']}")).json()
    assert (last["status"], last["progress"], last["eta_ms"], last["asset"]["status"]) == (
        "done",
        {**last["progress"], "fraction": 1.0},
        0,
        "ready",
    )
    assert datetime.fromisoformat(last["ended_at"]) > datetime.fromisoformat(last["created_at"])
    hls = next(o for o in last["outputs"] if o["type"] == "hls")
    assert (hls["ready"], hls["size_bytes"]) == (True, 40)
    listed = (await client.get(f"{ASSETS}/{job['asset_id']}/outputs")).json()["items"]
    assert listed == last["outputs"]


async def test_the_attempts_of_a_job_are_its_history(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    (first,) = await platform.run_until("fetch")
    await platform.end(replace(toys.failed(first, Kind.UNAVAILABLE, "url_down"), metrics={"cpu_s": 1.0, "wall_s": 2.0}))
    (second,) = await platform.run_until("fetch")
    await platform.end(toys.done(second))
    path = f"{JOBS}/{job['id']}/attempts"
    page = (await client.get(path, params={"stage": "fetch"})).json()
    newest, oldest = page["items"]
    assert (newest["id"], newest["number"], newest["outcome"], newest["error"]) == (second.attempt_id, 2, "ok", None)
    assert (oldest["id"], oldest["number"], oldest["outcome"], oldest["node"]) == (
        first.attempt_id,
        1,
        "failed",
        "local",
    )
    assert oldest["error"] == {"code": "url_down", "detail": "It broke."}
    assert oldest["spent"] == {"cpu_s": 1.0, "wall_s": 2.0}
    assert (newest["size_bytes"], oldest["size_bytes"]) == (10, None)
    assert oldest["logs_key"].endswith(f"{first.attempt_id}.log")
    paged = (await client.get(path, params={"stage": "fetch", "limit": 1})).json()
    rest = (await client.get(path, params={"stage": "fetch", "cursor": paged["next_cursor"]})).json()
    assert [item["id"] for item in (*paged["items"], *rest["items"])] == [newest["id"], oldest["id"]]
    failed = (await client.get(path, params={"outcome": "failed"})).json()["items"]
    assert [item["id"] for item in failed] == [first.attempt_id]
    assert (await client.get(f"{JOBS}/{UNKNOWN[0]}/attempts")).status_code == 404


async def test_live_progress_is_fresher_than_the_database(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    specs = await platform.run_until("encode")
    for spec in specs:
        await platform.deps.db.write(jobs.start, spec.attempt_id)
        progress = Progress(spec.attempt_id, 0.5, frame=100, fps=50.0, speed=2.0)
        platform.deps.hub.publish(spec.task_id, spec.stage, progress)
    now = (await client.get(f"{JOBS}/{job['id']}")).json()
    encode = next(stage for stage in now["stages"] if stage["name"] == "encode")
    assert encode["progress"] == {"fraction": 0.5, "frame": 300, "fps": 150.0, "media_time_ms": None, "speed": 6.0}


async def test_a_refused_source_is_told_with_its_code(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    (spec,) = await platform.run_until("fetch")
    failure = Finished(
        spec.attempt_id, Outcome.FAILED, error_kind=Kind.REFUSED, error_code="url_not_found", error_detail="Not there."
    )
    await platform.end(failure)
    now = (await client.get(f"{JOBS}/{job['id']}")).json()
    expected = {"code": "url_not_found", "detail": "Not there."}
    assert (now["status"], now["error"], now["asset"]["status"], now["asset"]["error"]) == (
        "failed",
        expected,
        "errored",
        expected,
    )
    assert now["stages"][0]["error"] == expected


async def test_cancel_and_retry(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    path = f"{JOBS}/{job['id']}"
    refused = await client.post(f"{path}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_ended")
    cancelled = await client.delete(path)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await client.delete(path)).json()["status"] == "cancelled"
    key = {"Idempotency-Key": "again"}
    queued = await client.post(f"{path}/retry", headers=key)
    assert (queued.status_code, queued.json()["status"]) == (200, "queued")
    assert (await client.post(f"{path}/retry", headers=key)).json() == queued.json()
    await platform.finish_all()
    ended = await client.delete(path)
    assert (ended.status_code, ended.json()["code"]) == (409, "job_ended")
    unknown = await client.post(f"{path}/retry", json={"resume_from": "transcribe"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "stage_unknown")
    assert unknown.json()["problems"][0]["pointer"] == "/resume_from"
    stage = (await client.get(path)).json()["stages"][-1]["name"]
    over = (await client.post(f"{path}/retry", json={"resume_from": stage})).json()
    assert (over["status"], over["runs"]) == ("queued", [stage])
    assert over["reused"]
    await platform.finish_all()
    anew = await submit(client, input={"job": job["id"]}, resume_from=stage, title="Anew")
    assert (anew["asset"]["title"], anew["asset"]["source_id"]) == ("Anew", anew["spec"]["input"]["source"])
    await platform.finish_all()
    assert (await client.get(f"{JOBS}/{anew['id']}")).json()["status"] == "done"
    assert (await client.post(JOBS, json={"input": URL, "resume_from": stage})).status_code == 422


async def test_dead_jobs_are_listed_and_requeued_in_bulk(client: httpx2.AsyncClient, platform: Platform) -> None:
    dead = []
    for _ in range(2):
        dead.append((await submit(client))["id"])
        for _ in range(toys.AT_ONCE.max_attempts):
            (spec,) = await platform.run_until("fetch")
            await platform.end(toys.failed(spec))
    page = (await client.get(f"{JOBS}?dead=true")).json()
    assert [(item["id"], item["error"]["code"]) for item in page["items"]] == [(dead[1], "boom"), (dead[0], "boom")]
    assert (await client.get(f"{JOBS}?dead=false")).json()["items"] == []
    answer = await client.post(f"{JOBS}/requeue?limit=1")
    assert (answer.status_code, answer.json()) == (200, {"job_ids": [dead[0]], "left": 1})


async def test_a_plan_is_there_when_the_source_was_probed(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    early = await client.get(f"{JOBS}/{job['id']}/plan")
    assert (early.status_code, early.json()["code"]) == (409, "not_planned_yet")
    await platform.run_until("encode")
    plan = (await client.get(f"{JOBS}/{job['id']}/plan")).json()
    assert [node["id"] for node in plan["nodes"]][:5] == ["probe", "encode/0", "encode/1", "encode/2", "package"]
    assert plan["nodes"][4]["inputs"] == {"chunks": ["encode/0", "encode/1", "encode/2"]}
    assert plan["cost"]["cpu_s"] == len(plan["nodes"])


async def test_lists_go_on_where_they_stopped(client: httpx2.AsyncClient) -> None:
    made = [(await submit(client, title=str(n)))["id"] for n in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(JOBS, params=query)).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assets = (await client.get(ASSETS, params={"limit": 100})).json()["items"]
    assert [a["title"] for a in assets] == ["4", "3", "2", "1", "0"]


async def test_lists_take_filters(client: httpx2.AsyncClient) -> None:
    first, second = await submit(client), await submit(client)
    await client.delete(f"{JOBS}/{first['id']}")

    async def listed(**query: str) -> list[str]:
        return [item["id"] for item in (await client.get(JOBS, params=query)).json()["items"]]

    assert await listed(status="cancelled") == [first["id"]]
    assert await listed(kind="media") == [second["id"], first["id"]]
    assert await listed(kind="other") == []
    assert await listed(asset_id=first["asset_id"]) == [first["id"]]
    assert await listed(created_from=first["created_at"]) == [second["id"], first["id"]]
    assert await listed(created_to=first["created_at"]) == []
    preparing = (await client.get(ASSETS, params={"status": "preparing"})).json()["items"]
    assert [a["id"] for a in preparing] == [second["asset_id"]]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{JOBS}?limit=0", 422, "invalid_request"),
        (f"{JOBS}?limit=101", 422, "invalid_request"),
        (f"{JOBS}?limit=x", 422, "invalid_request"),
        (f"{JOBS}?cursor=x", 400, "invalid_cursor"),
        (f"{ASSETS}?cursor=job_00000000000000000000000000", 400, "invalid_cursor"),
        (f"{JOBS}?status=asleep", 422, "invalid_request"),
        (f"{JOBS}?created_from=yesterday", 422, "invalid_request"),
    ],
)
async def test_wrong_questions_are_told(client: httpx2.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if status == 422:
        assert answer.json()["problems"][0]["pointer"].startswith("/query/")


@pytest.mark.parametrize("identifier", UNKNOWN)
@pytest.mark.parametrize(
    "path",
    [
        JOBS + "/{}",
        JOBS + "/{}/plan",
        JOBS + "/{}/events",
        JOBS + "/{}/logs",
        JOBS + "/{}/frames.zip",
        ASSETS + "/{}",
        ASSETS + "/{}/outputs",
    ],
)
async def test_unknown_identifiers_are_not_found(client: httpx2.AsyncClient, path: str, identifier: str) -> None:
    answer = await client.get(path.format(identifier))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_asset_is_changed_field_by_field(client: httpx2.AsyncClient) -> None:
    job = await submit(client, title="One", passthrough="p", metadata={"a": "1"})
    path = f"{ASSETS}/{job['asset_id']}"
    changed = (await client.patch(path, json={"title": None, "metadata": {"b": "2"}})).json()
    assert (changed["title"], changed["passthrough"], changed["metadata"]) == (None, "p", {"b": "2"})
    assert (await client.patch(path, json={})).json()["metadata"] == {"b": "2"}
    wrong = await client.patch(path, json={"status": "ready", "title": 1})
    assert [p["pointer"] for p in wrong.json()["problems"]] == ["/title", "/status"]
    assert (await client.get(path)).json()["passthrough"] == "p"
    assert (await client.patch(path, json={"poster_time_ms": 1_500})).json()["poster_time_ms"] == 1_500
    assert (await client.patch(path, json={"poster_time_ms": -1})).json()["problems"][0]["pointer"] == "/poster_time_ms"


async def test_frames_are_taken_out_of_an_asset(client: httpx2.AsyncClient, platform: Platform) -> None:
    made = await submit(client)
    wish = {"input": {"asset": made["asset_id"]}, "outputs": [{"type": "frames", "pick": "scenes"}]}
    early = await client.post(JOBS, json=wish)
    assert (early.status_code, early.json()["code"]) == (409, "source_missing")
    await platform.finish_all()
    frames = await client.post(JOBS, json=wish)
    assert (frames.status_code, frames.json()["asset_id"], frames.json()["kind"]) == (201, made["asset_id"], "frames")
    only = {"asset_id": made["asset_id"], "kind": "frames"}
    listed = (await client.get(JOBS, params=only)).json()["items"]
    assert [job["id"] for job in listed] == [frames.json()["id"]]
    assert (await client.get(f"{ASSETS}/{made['asset_id']}")).json()["job_id"] == made["id"]
    other = await client.post(JOBS, json={**wish, "outputs": ["hls"]})
    assert (other.status_code, other.json()["code"]) == (422, "invalid_request")


async def test_a_deleted_asset_is_gone_with_its_job_and_files(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = await submit(client)
    await platform.finish_all()
    path = f"{ASSETS}/{job['asset_id']}"
    answer = await client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{JOBS}/{job['id']}")).status_code == 404
    assert (await client.delete(path)).json()["code"] == "asset_not_found"


@pytest.fixture
async def frames(
    client: httpx2.AsyncClient, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, bytes]:
    """A job with a finished ZIP of frames: its id and the ZIP."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("frames.json", "[]")

    def recipe(found: Any, spec: Any, probe: Any, _nodes: Any = ()) -> Plan:
        return Plan((probe, toys.node("frames/0", inputs=toys.IMAGE)))

    monkeypatch.setattr(toys, "recipe", recipe)
    job = await submit(client, outputs=["frames"])
    (spec,) = await platform.run_until("frames")
    zipped = tmp_path / "frames.zip"
    zipped.write_bytes(made.getvalue())
    await platform.storage.put(f"{spec.output_prefix}/frames.zip", zipped)
    facts = {"files": ["frames.zip", "frames.json"], "count": 0}
    await platform.end(Finished(spec.attempt_id, Outcome.OK, facts, len(made.getvalue()), "d"))
    return job["id"], made.getvalue()


async def test_frames_are_downloaded_in_whole_or_part(client: httpx2.AsyncClient, frames: tuple[str, bytes]) -> None:
    job_id, data = frames
    output = (await client.get(f"{JOBS}/{job_id}")).json()["outputs"][0]
    assert (output["type"], output["ready"]) == ("frames", True)
    assert output["url"] == f"https://video.test{JOBS}/{job_id}/frames.zip?output=0"
    whole = await client.get(output["url"])
    assert whole.content == data
    assert whole.headers["content-type"] == "application/zip"
    assert whole.headers["content-disposition"].startswith('attachment; filename="clip.mp4-frames.zip"')
    assert whole.headers["cache-control"].startswith("private")
    part = await client.get(output["url"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, data[:10])
    head = await client.head(f"{JOBS}/{job_id}/frames.zip")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")
    assert (await client.get(f"{JOBS}/{job_id}/frames.zip?output=1")).json()["code"] == "frames_not_found"


@pytest.fixture
async def growing(client: httpx2.AsyncClient, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AttemptSpec:
    """An attempt that is about to write a ZIP of frames."""

    def recipe(found: Any, spec: Any, probe: Any, _nodes: Any = ()) -> Plan:
        return Plan((probe, toys.node("frames/0", inputs=toys.IMAGE)))

    monkeypatch.setattr(toys, "recipe", recipe)
    await submit(client, outputs=["frames"])
    (spec,) = await platform.run_until("frames")
    return spec


async def test_frames_are_sent_while_they_are_taken(platform: Platform, growing: AttemptSpec, tmp_path: Path) -> None:
    written = platform.executor.written
    async with Stream(platform, f"{JOBS}/{growing.job_id}/frames.zip") as stream:
        written[growing.attempt_id] = b"the beginning, "
        await stream.until(lambda: stream.text == "the beginning, ")
        assert stream.status == 200
        written[growing.attempt_id] += b"the middle, "
        await stream.until(lambda: stream.text.endswith("the middle, "))
        made = tmp_path / "frames.zip"
        made.write_bytes(written.pop(growing.attempt_id) + b"the end")
        await platform.storage.put(f"{growing.output_prefix}/frames.zip", made)
        await platform.end(Finished(growing.attempt_id, Outcome.OK, {"files": ["frames.zip"]}, 7, "d"))
        await stream.ended.wait()
    assert stream.text == "the beginning, the middle, the end"


async def test_a_zip_that_will_not_be_whole_is_broken_off(platform: Platform, growing: AttemptSpec) -> None:
    platform.executor.written[growing.attempt_id] = b"the beginning"

    async def download() -> None:
        async with Stream(platform, f"{JOBS}/{growing.job_id}/frames.zip") as stream:
            await stream.until(lambda: stream.text == "the beginning")
            await platform.end(toys.failed(growing, Kind.REFUSED, "no"))
            await stream.over()

    with pytest.raises(RuntimeError, match="response already started"):  # so that the server ends the connection
        await download()


async def test_frames_that_do_not_begin_in_time_are_to_be_asked_for_again(
    client: httpx2.AsyncClient, growing: AttemptSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcompute.api.frames._HOLD_S", 0.01)
    answer = await client.get(f"{JOBS}/{growing.job_id}/frames.zip")
    assert (answer.status_code, answer.json()["code"]) == (503, "frames_not_ready")
    assert answer.headers["retry-after"] == "1"
    head = await client.head(f"{JOBS}/{growing.job_id}/frames.zip")
    assert (head.status_code, head.headers["cache-control"]) == (200, "no-store")


async def test_many_readers_and_writers_at_one_time(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post(JOBS, json={"input": URL}) for _ in range(20)), *(client.get(JOBS) for _ in range(20))
    )
    assert {a.status_code for a in answers} == {200, 201}
    assert len((await client.get(JOBS, params={"limit": 100})).json()["items"]) == 20
