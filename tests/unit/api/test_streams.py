"""Events and logs as they happen: in order, resumable, and ended when the job has ended."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.api.conftest import URL, Platform, Stream
from tests.unit.engine import toys
from vidcompute.api import sse, watch
from vidcompute.ports.executor import AttemptSpec, LogLine, Progress
from vidcompute.services import jobs
from vidcompute.services.jobs.live import LiveLine

JOBS = "/api/v1/jobs"


@pytest.fixture
async def job_id(client: httpx2.AsyncClient) -> str:
    return str((await client.post(JOBS, json={"input": URL})).json()["id"])


@asynccontextmanager
async def following(platform: Platform, job_id: str, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    async with Stream(platform, f"{JOBS}/{job_id}/events", query, **headers) as stream:
        yield stream


def kinds(stream: Stream) -> list[str]:
    return [kind for _, kind, _ in stream.events() if kind != "progress"]


async def test_every_change_comes_in_order_until_the_end(platform: Platform, job_id: str) -> None:
    async with following(platform, job_id) as stream:
        await stream.until(lambda: "job.created" in stream.text)
        await platform.finish_all()
        await stream.ended.wait()
    assert stream.status == 200
    told = kinds(stream)
    order = ["job.created", "job.started", "job.planned", "job.done", "asset.ready"]
    assert [kind for kind in told if kind in order] == order
    assert told.count("task.done") > 5
    numbers = [int(seq) for seq, kind, _ in stream.events() if kind != "progress"]
    assert numbers == sorted(set(numbers))
    assert all(json.loads(data) for _, _, data in stream.events())


async def test_it_goes_on_after_the_last_event_that_was_seen(platform: Platform, job_id: str) -> None:
    await platform.finish_all()
    async with following(platform, job_id) as whole:
        await whole.ended.wait()
    events = [event for event in whole.events() if event[1] != "progress"]
    for cut in (1, len(events) // 2, len(events) - 1):
        async with following(platform, job_id, last_event_id=events[cut - 1][0]) as rest:
            await rest.ended.wait()
        assert [e for e in rest.events() if e[1] != "progress"] == events[cut:]
        async with following(platform, job_id, f"after={events[cut - 1][0]}") as same:
            await same.ended.wait()
        assert same.events() == rest.events()
    async with following(platform, job_id, last_event_id=events[-1][0]) as over:
        await over.ended.wait()
    assert (over.status, over.text) == (204, "")


@pytest.mark.parametrize("number", ["-1", "x", "9" * 40, "1e3", ""])
async def test_an_odd_number_of_a_last_event_does_no_harm(platform: Platform, job_id: str, number: str) -> None:
    await platform.finish_all()
    async with following(platform, job_id, last_event_id=number) as stream:
        await stream.ended.wait()
    assert stream.status in {200, 204}


async def test_progress_comes_in_between(platform: Platform, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidcompute.api.events._LOOK_S", 0.01)
    specs = await platform.run_until("encode")
    await platform.deps.db.write(jobs.start, specs[0].attempt_id)
    async with following(platform, job_id) as stream:
        await stream.until(lambda: "event: progress" in stream.text)
        platform.deps.hub.publish(specs[0].task_id, "encode", Progress(specs[0].attempt_id, 0.5, frame=12))
        await stream.until(lambda: '"frame":12' in stream.text)
    seq, _, data = [event for event in stream.events() if event[1] == "progress"][-1]
    assert seq == ""
    told = json.loads(data)
    assert told["job_id"] == job_id
    assert 0 < told["fraction"] < 1
    assert told["stages"]["encode"]["frame"] == 12


async def test_a_quiet_line_is_kept_alive(platform: Platform, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidcompute.api.events._LOOK_S", 0.01)
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.02)
    async with following(platform, job_id) as stream:
        await stream.until(lambda: ": still here\n\n" in stream.text)


async def test_streams_end_when_the_server_shuts_down(platform: Platform, job_id: str) -> None:
    async with following(platform, job_id) as events, Stream(platform, f"{JOBS}/{job_id}/logs") as logs:
        await events.until(lambda: "job.created" in events.text)
        platform.deps.closing.set()
        await asyncio.gather(events.ended.wait(), logs.ended.wait())


@pytest.mark.parametrize("path", ["events", "logs", ""])
async def test_what_goes_on_ends_with_the_key_that_began_it(
    platform: Platform, client: httpx2.AsyncClient, job_id: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(sse, "_CHECK_S", 0.0)
    for module in ("events", "feed", "joblogs"):
        monkeypatch.setattr(f"vidcompute.api.{module}._LOOK_S", 0.01)
    wish = {"name": "reader", "scopes": ["jobs:read", "events:read"]}
    key = (await client.post("/api/v1/keys", json=wish)).json()
    followed = f"{JOBS}/{job_id}/{path}" if path else "/api/v1/events/stream"
    async with Stream(platform, followed, authorization=f"Bearer {key['secret']}") as stream:
        await stream.until(lambda: ": still here" in stream.text or "event: cursor" in stream.text)
        await client.delete(f"/api/v1/keys/{key['id']}")
        await asyncio.wait_for(stream.ended.wait(), 10)


@pytest.mark.usefixtures("viewer")
@pytest.mark.parametrize("path", ["/api/v1/jobs/{id}/events", "/watch/{asset[playback_id]}/events"])
async def test_a_stream_ends_where_what_it_tells_of_is_deleted(
    platform: Platform, client: httpx2.AsyncClient, job_id: str, path: str
) -> None:
    job = (await client.get(f"{JOBS}/{job_id}")).json()
    async with Stream(platform, path.format(**job)) as stream:
        await stream.until(lambda: "event: " in stream.text)
        assert (await client.delete(f"/api/v1/assets/{job['asset_id']}")).status_code == 204
        await stream.over()
    assert stream.ended.is_set()
    assert (await client.get(path.format(**job))).status_code == 404


@pytest.mark.usefixtures("viewer")
async def test_the_watch_page_hears_of_much_that_changes_at_a_bounded_pace(
    platform: Platform, client: httpx2.AsyncClient, job_id: str
) -> None:
    job = (await client.get(f"{JOBS}/{job_id}")).json()
    began_s = time.monotonic()
    async with Stream(platform, f"/watch/{job['asset']['playback_id']}/events") as stream:
        await stream.until(lambda: "event: state" in stream.text)
        for number in range(30):
            wish = {"title": f"Title {number}"}
            assert (await client.patch(f"/api/v1/assets/{job['asset_id']}", json=wish)).status_code == 200
        await stream.until(lambda: "Title 29" in stream.text)
        assert stream.text.count("event: state") <= 2 + (time.monotonic() - began_s) / watch._APART_S


async def test_a_client_that_goes_away_leaves_no_listener(platform: Platform, job_id: str) -> None:
    before = len(platform.deps.db._subscriptions)
    async with following(platform, job_id) as stream:
        await stream.until(lambda: "job.created" in stream.text)
        assert len(platform.deps.db._subscriptions) == before + 1
    assert len(platform.deps.db._subscriptions) == before


# Logs


async def store_log(platform: Platform, spec: Any, folder: Path, *lines: str) -> None:
    file = folder / "log"
    file.write_text("".join(f"2026-11-21T10:00:0{n}Z info {line}\n" for n, line in enumerate(lines)))
    await platform.storage.put(f"orgs/{toys.ORG}/logs/{spec.attempt_id}.log", file)


async def test_a_log_is_read_page_by_page(
    client: httpx2.AsyncClient, platform: Platform, job_id: str, tmp_path: Path
) -> None:
    specs = await platform.run_until("encode")
    for spec in specs:
        await store_log(platform, spec, tmp_path, "one", "two words", "three")
        await platform.end(toys.done(spec))
    seen: list[tuple[str, int, str]] = []
    cursor = None
    while True:
        query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{JOBS}/{job_id}/logs", params=query)).json()
        if not page["items"]:
            break
        seen += [(item["task"], item["line"], item["message"]) for item in page["items"]]
        cursor = page["next_cursor"]
    lines = [(1, "one"), (2, "two words"), (3, "three")]
    assert sorted(seen) == [(f"encode/{n}", line, text) for n in range(3) for line, text in lines]
    first = (await client.get(f"{JOBS}/{job_id}/logs")).json()["items"][0]
    assert (first["stage"], first["level"], first["at"]) == ("encode", "info", "2026-11-21T10:00:00.000Z")
    assert (await client.get(f"{JOBS}/{job_id}/logs?stage=probe")).json()["items"] == []


async def test_a_page_of_a_running_job_can_be_continued(
    client: httpx2.AsyncClient, platform: Platform, job_id: str, tmp_path: Path
) -> None:
    first, second, _ = await platform.run_until("encode")
    hub = platform.deps.hub

    async def read(cursor: str | None) -> tuple[list[str], str]:
        query = {"cursor": cursor} if cursor else {}
        page = (await client.get(f"{JOBS}/{job_id}/logs", params=query)).json()
        return [item["message"] for item in page["items"]], page["next_cursor"]

    hub.publish(first.task_id, "encode", LogLine(first.attempt_id, "info", "a1"))
    hub.publish(second.task_id, "encode", LogLine(second.attempt_id, "info", "b1"))
    lines, cursor = await read(None)
    assert sorted(lines) == ["a1", "b1"]
    assert (await read(cursor))[0] == []
    hub.publish(first.task_id, "encode", LogLine(first.attempt_id, "info", "a2"))
    lines, cursor = await read(cursor)
    assert lines == ["a2"]
    await store_log(platform, first, tmp_path, "a1", "a2", "a3")
    await platform.end(toys.done(first))
    hub.ended(first.task_id, first.attempt_id)
    hub.publish(second.task_id, "encode", LogLine(second.attempt_id, "warning", "b2"))
    lines, cursor = await read(cursor)
    assert sorted(lines) == ["a3", "b2"]


@pytest.mark.parametrize("cursor", ["x", "W10", "bm90IGpzb24", "WzEsIDJd", "WyIiLCB7ImF0dF94IjogMX1d"])
async def test_a_cursor_of_ones_own_making_is_refused(client: httpx2.AsyncClient, job_id: str, cursor: str) -> None:
    answer = await client.get(f"{JOBS}/{job_id}/logs", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_log_is_followed_to_the_jobs_end_and_resumed(
    platform: Platform, job_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcompute.api.joblogs._LOOK_S", 0.01)
    first, *others = await platform.run_until("encode")
    path = f"{JOBS}/{job_id}/logs"
    async with Stream(platform, path) as stream:
        platform.deps.hub.publish(first.task_id, "encode", LogLine(first.attempt_id, "info", "at work"))
        await stream.until(lambda: "at work" in stream.text)
        await store_log(platform, first, tmp_path, "at work", "nearly done")
        for spec in (first, *others):
            await platform.end(toys.done(spec))
        platform.deps.hub.ended(first.task_id, first.attempt_id)
        await platform.finish_all()
        await stream.ended.wait()
    told = stream.events()
    assert [json.loads(data).get("message") for _, _, data in told] == ["at work", "nearly done", None]
    assert told[-1][1:] == ("end", f'{{"job_id":"{job_id}","status":"done"}}')
    async with Stream(platform, path, last_event_id=told[0][0]) as rest:
        await rest.ended.wait()
    assert [json.loads(data).get("message") for _, _, data in rest.events()] == ["nearly done", None]
    async with Stream(platform, path, last_event_id=told[1][0]) as over:
        await over.ended.wait()
    assert (over.status, over.text) == (204, "")


def heard_line(spec: AttemptSpec, number: int) -> dict[str, Any]:
    line = LiveLine(spec.task_id, spec.attempt_id, spec.stage, number, "info", f"line {number}", 1000 + number)
    return {"line": asdict(line)}


def messages(stream: Stream) -> list[str]:
    return [json.loads(data).get("message", "the end") for _, _, data in stream.events()]


async def test_lines_that_did_not_come_through_are_sent_from_the_stored_log(
    platform: Platform, job_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server runs the attempt; the way to it is cut for some lines, and its end is never heard of."""
    monkeypatch.setattr("vidcompute.api.joblogs._LOOK_S", 0.01)
    first, *others = await platform.run_until("encode")
    async with Stream(platform, f"{JOBS}/{job_id}/logs") as stream:
        for number in (1, 2, 5, 6):
            platform.deps.hub.hear(heard_line(first, number))
        await stream.until(lambda: "line 2" in stream.text)
        await store_log(platform, first, tmp_path, *(f"line {n}" for n in range(1, 8)))
        for spec in (first, *others):
            await platform.end(toys.done(spec))
        await stream.until(lambda: "line 7" in stream.text)
        await platform.finish_all()
        await stream.ended.wait()
    assert messages(stream) == [*(f"line {n}" for n in range(1, 8)), "the end"]


async def test_a_log_that_nobody_stored_ends_with_what_was_heard(
    platform: Platform, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcompute.api.joblogs._LOOK_S", 0.01)
    first, *_ = await platform.run_until("encode")
    async with Stream(platform, f"{JOBS}/{job_id}/logs") as stream:
        platform.deps.hub.hear(heard_line(first, 1))
        await stream.until(lambda: "line 1" in stream.text)
        await platform.deps.db.write(jobs.cancel, toys.ORG, job_id)
        await stream.ended.wait()
    assert messages(stream) == ["line 1", "the end"]
