"""Captions and subtitles over HTTP: brought, told of, offered to players at once, changed and taken away."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, insert

from tests.unit.api.conftest import URL, Platform, Stream
from vidcompute.db import schema
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.media.hls_check.parse import parse
from vidcompute.services.accounts import keys

VTT = "WEBVTT\n\n00:01.000 --> 00:03.000\nHello\n\n00:05.500 --> 00:09.000\n<i>there</i>\n"
STORED = "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nHello\n\n00:00:05.500 --> 00:00:09.000\n<i>there</i>\n"
SRT = "1\r\n00:00:01,000 --> 00:00:02,000\r\nGuten <b>Tag</b>\r\n"
Json = dict[str, Any]


@pytest.fixture
async def asset(client: httpx2.AsyncClient) -> Json:
    job = (await client.post("/api/v1/jobs", json={"input": URL, "title": "clip.mp4"})).json()
    found: Json = job["asset"]
    return found


@pytest.fixture
def path(asset: Json) -> str:
    return f"/api/v1/assets/{asset['id']}/tracks"


async def add(client: httpx2.AsyncClient, path: str, text: str = VTT, **said: Any) -> Json:
    answer = await client.post(path, params={"language": "en", **said}, content=text.encode())
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def stored_bytes(client: httpx2.AsyncClient) -> int:
    items = (await client.get("/api/v1/quotas")).json()["items"]
    return int(next(item["used"] for item in items if item["name"] == "stored_bytes"))


def files(platform: Platform) -> list[Path]:
    return sorted((platform.storage.root / "orgs" / LOCAL_ORGANIZATION / "tracks").glob("*"))


async def test_what_is_brought_is_stored_as_webvtt_and_told_of(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    made = await add(client, path, name=" In  English ", kind="captions", default=True)
    said = {"kind": "captions", "language": "en", "name": "In English", "default": True}
    found = {"autoselect": True, "forced": False, "cues": 2, "end_ms": 9000, "size_bytes": len(STORED)}
    assert {name: value for name, value in made.items() if name not in {"id", "url", "created_at"}} == said | found
    assert made["url"] == f"https://video.test/stream/{asset['playback_id']}/{made['id']}/track.vtt"
    whole = await viewer.get(made["url"].removeprefix("https://video.test"))
    assert (whole.text, whole.headers["content-type"]) == (STORED, "text/vtt; charset=utf-8")
    assert whole.headers["cache-control"] == "public, max-age=86400"
    assert whole.headers["access-control-allow-origin"] == "*"
    german = await add(client, path, SRT, language="GER")
    assert (german["language"], german["name"], german["cues"]) == ("de", "de", 1)
    assert (await client.get(path)).json() == {"items": [made, german]}
    assert [file.name for file in files(platform)] == [f"{made['id']}.vtt", f"{german['id']}.vtt"]
    assert files(platform)[1].read_text() == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nGuten <b>Tag</b>\n"
    assert await stored_bytes(client) == made["size_bytes"] + german["size_bytes"]
    events = (await client.get("/api/v1/events", params={"type": "track.ready"})).json()["items"]
    told = {"asset_id": asset["id"], "job_id": None, "track": german["id"], "kind": "text"}
    assert [event["data"] for event in events if event["data"]["track"] == german["id"]] == [
        told | {"language": "de", "name": "de"}
    ]
    outputs = (await client.get(f"/api/v1/assets/{asset['id']}/outputs")).json()["items"]
    assert [one["url"] for one in outputs if one["type"] == "text"] == [made["url"], german["url"]]
    assert not list(platform.deps.incoming.glob("*"))


@pytest.mark.parametrize(
    ("said", "text", "refusal"),
    [
        ({"language": "english!"}, VTT, (422, "language_invalid")),
        ({"language": "en-"}, VTT, (422, "language_invalid")),
        ({"language": ""}, VTT, (422, "invalid_request")),
        ({"name": "x" * 201}, VTT, (422, "invalid_request")),
        ({"kind": "karaoke"}, VTT, (422, "invalid_request")),
        ({"default": "perhaps"}, VTT, (422, "invalid_request")),
        ({"default": True, "autoselect": False}, VTT, (422, "track_flags")),
        ({"kind": "captions", "forced": True}, VTT, (422, "track_flags")),
        ({}, "", (422, "text_track_unknown")),
        ({}, "WEBVTT\n", (422, "text_track_empty")),
        ({}, "WEBVTT\n\n1 --> 2\nx", (422, "text_track_invalid")),
        ({}, VTT + "\ud800", (422, "text_track_encoding")),
        ({}, VTT + " " * 2**21, (413, "body_too_large")),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_of_it_stays(
    client: httpx2.AsyncClient, platform: Platform, path: str, said: Json, text: str, refusal: tuple[int, str]
) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert code(await client.post(path, params={"language": "en", **said}, content=data)) == refusal
    assert (await client.get(path)).json() == {"items": []}
    assert files(platform) == []


async def test_a_text_needs_a_language_and_an_asset(client: httpx2.AsyncClient, path: str) -> None:
    assert code(await client.post(path, content=VTT)) == (422, "invalid_request")
    nowhere = f"/api/v1/assets/{new_id('asset')}/tracks"
    for answer in (
        await client.post(nowhere, params={"language": "en"}, content=VTT),
        await client.get(nowhere),
        await client.patch(f"{nowhere}/{new_id('track')}", json={"name": "x"}),
        await client.delete(f"{nowhere}/{new_id('track')}"),
    ):
        assert code(answer) == (404, "asset_not_found")
    for track_id in (new_id("track"), "x"):
        assert code(await client.patch(f"{path}/{track_id}", json={"name": "x"})) == (404, "track_not_found")
        assert code(await client.delete(f"{path}/{track_id}")) == (404, "track_not_found")


async def test_who_is_elsewhere_sees_none_of_it(client: httpx2.AsyncClient, platform: Platform, path: str) -> None:
    other, secret = new_id("org"), keys.new_secret()

    def work(conn: Connection) -> None:
        conn.execute(insert(schema.organizations).values(id=other, name="other", created_ms=1))
        keys.add_whole(conn, other, "theirs", secret)

    await platform.deps.db.write(work)
    theirs = {"Authorization": f"Bearer {secret}"}
    made = await add(client, path)
    for answer in (
        await client.get(path, headers=theirs),
        await client.post(path, headers=theirs, params={"language": "en"}, content=VTT),
        await client.patch(f"{path}/{made['id']}", headers=theirs, json={"name": "x"}),
        await client.delete(f"{path}/{made['id']}", headers=theirs),
    ):
        assert code(answer) == (404, "asset_not_found")
    assert (await client.get(path)).json() == {"items": [made]}


async def test_players_are_offered_texts_while_the_job_runs(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    await platform.run_until("encode")
    handle = asset["playback_id"]
    before = (await viewer.get(f"/stream/{handle}.m3u8")).text
    assert "SUBTITLES" not in before
    made = await add(client, path, name="English", default=True)
    answer = await viewer.get(f"/stream/{handle}.m3u8")
    master = parse(answer.text)
    (tag,) = [tag for tag in master.all("EXT-X-MEDIA") if tag.attributes["TYPE"] == "SUBTITLES"]
    assert tag.attributes["URI"] == f"{handle}/{made['id']}/index.m3u8"
    assert {variant.tag.attributes["SUBTITLES"] for variant in master.variants} == {"text"}
    playlist = parse((await viewer.get(f"/stream/{handle}/{made['id']}/index.m3u8")).text)
    assert [entry.uri for entry in playlist.segments] == ["0.vtt", "1.vtt", "2.vtt"]
    sound = parse((await viewer.get(f"/stream/{handle}/audio-0/index.m3u8")).text)
    assert [entry.seconds for entry in sound.segments] == [entry.seconds for entry in playlist.segments]
    segments = [await viewer.get(f"/stream/{handle}/{made['id']}/{entry.uri}") for entry in playlist.segments]
    assert {one.headers["cache-control"] for one in segments} == {"public, max-age=86400"}
    assert [one.text.count("-->") for one in segments] == [1, 1, 1]
    assert segments[0].text == (
        "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n00:00:01.000 --> 00:00:03.000\nHello\n"
    )
    for name in ("3.vtt", "00.vtt", "-1.vtt", "0.m4s", "init.mp4", "x.vtt"):
        missing = await viewer.get(f"/stream/{handle}/{made['id']}/{name}")
        assert code(missing) == (404, "segment_not_found")
    for name in ("index.m3u8", "0.vtt", "track.vtt"):
        assert code(await viewer.get(f"/stream/{handle}/{new_id('track')}/{name}")) == (404, "track_not_found")


async def test_a_text_is_not_found_by_another_video(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    made = await add(client, path)
    job = (await client.post("/api/v1/jobs", json={"input": f"{URL}?2"})).json()
    await platform.run_until("encode")
    for name in ("index.m3u8", "0.vtt", "track.vtt"):
        assert (await viewer.get(f"/stream/{asset['playback_id']}/{made['id']}/{name}")).status_code == 200
        elsewhere = await viewer.get(f"/stream/{job['asset']['playback_id']}/{made['id']}/{name}")
        assert code(elsewhere) == (404, "track_not_found")


async def test_the_watch_page_is_told_of_texts_at_another_address(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    await platform.run_until("encode")
    await viewer.get(f"/stream/{asset['playback_id']}.m3u8")  # waits until it can be watched
    await platform.deps.db.write(lambda conn: conn.execute(schema.assets.update().values(status="playable")) and None)

    async def state() -> Json:
        found: Json = (await viewer.get(f"/watch/{asset['playback_id']}/state")).json()
        return found

    plain = await state()
    assert plain["captions"] == []
    assert plain["stream_url"] == f"/stream/{asset['playback_id']}.m3u8?planned=1"
    made = await add(client, path, name="English")
    told = await state()
    url = f"/stream/{asset['playback_id']}/{made['id']}/track.vtt"
    caption = {"id": made["id"], "kind": "subtitles", "language": "en", "name": "English"}
    assert told["captions"] == [{**caption, "default": False, "forced": False, "url": url}]
    assert told["stream_url"].startswith(f"{plain['stream_url']}&texts=")
    assert "SUBTITLES" in (await viewer.get(told["stream_url"])).text
    await client.patch(f"{path}/{made['id']}", json={"default": True})
    assert (await state())["stream_url"] not in {plain["stream_url"], told["stream_url"]}
    await client.delete(f"{path}/{made['id']}")
    assert (await state())["stream_url"] == plain["stream_url"]


@pytest.mark.usefixtures("viewer")
async def test_an_open_watch_page_is_told_of_texts_when_its_video_is_long_done(
    client: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    await platform.finish_all()
    assert (await client.get(f"/api/v1/assets/{asset['id']}")).json()["status"] == "ready"
    async with Stream(platform, f"/watch/{asset['playback_id']}/events") as stream:

        def told() -> list[list[str]]:
            return [[one["name"] for one in json.loads(data)["captions"]] for _, _, data in stream.events()]

        await stream.until(lambda: told() == [[]])
        made = await add(client, path, name="English")
        await stream.until(lambda: told()[-1] == ["English"])
        await client.patch(f"{path}/{made['id']}", json={"name": "Called otherwise"})
        await stream.until(lambda: told()[-1] == ["Called otherwise"])
        await client.delete(f"{path}/{made['id']}")
        await stream.until(lambda: told()[-1] == [])


async def test_what_is_sent_twice_under_one_key_is_added_once(
    client: httpx2.AsyncClient, platform: Platform, path: str
) -> None:
    async def send(text: str) -> httpx2.Response:
        headers = {"Idempotency-Key": "once"}
        return await client.post(path, params={"language": "en"}, content=text.encode(), headers=headers)

    first, second = await send(VTT), await send(VTT)
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (201, "true")
    assert second.json() == first.json()
    assert (await client.get(path)).json() == {"items": [first.json()]}
    assert code(await send(SRT)) == (409, "idempotency_key_reused")
    assert len(files(platform)) == 1


async def test_what_viewers_choose_by_is_changed_and_one_is_the_default(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, path: str
) -> None:
    first, second = await add(client, path, default=True), await add(client, path, SRT, language="de", default=True)
    assert [one["default"] for one in (await client.get(path)).json()["items"]] == [False, True]
    change = {"name": "British", "language": "en-gb", "kind": "captions", "default": True}
    changed = await client.patch(f"{path}/{first['id']}", json=change)
    assert changed.json() == {**first, **change, "language": "en-GB"}
    items = (await client.get(path)).json()["items"]
    assert items == [changed.json(), {**second, "default": False}]
    for wrong, why in (
        ({"language": "x y"}, "language_invalid"),
        ({"autoselect": False}, "track_flags"),
        ({"forced": True}, "track_flags"),
        ({"default": None}, "invalid_request"),
        ({"cues": 3}, "invalid_request"),
    ):
        assert code(await client.patch(f"{path}/{first['id']}", json=wrong)) == (422, why)
    assert (await client.get(path)).json()["items"] == items
    assert (await client.patch(f"{path}/{first['id']}", json={"name": ""})).json()["name"] == "en-GB"
    events = (await client.get("/api/v1/events", params={"type": "track.updated"})).json()["items"]
    assert {event["data"]["track"] for event in events} == {first["id"]}
    whole = await viewer.get(first["url"].removeprefix("https://video.test"))
    assert hashlib.sha256(whole.content).hexdigest() == hashlib.sha256(STORED.encode()).hexdigest()


async def test_a_text_that_is_removed_is_gone_with_its_file(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    made, other = await add(client, path), await add(client, path, SRT, language="de")
    assert (await client.delete(f"{path}/{made['id']}")).status_code == 204
    assert code(await client.delete(f"{path}/{made['id']}")) == (404, "track_not_found")
    assert (await client.get(path)).json() == {"items": [other]}
    assert [file.name for file in files(platform)] == [f"{other['id']}.vtt"]
    assert await stored_bytes(client) == other["size_bytes"]
    gone = await viewer.get(f"/stream/{asset['playback_id']}/{made['id']}/track.vtt")
    assert code(gone) == (404, "track_not_found")
    events = (await client.get("/api/v1/events", params={"type": "track.deleted"})).json()["items"]
    assert [event["data"]["track"] for event in events] == [made["id"]]


async def test_texts_go_with_their_asset_and_come_back_with_it(
    client: httpx2.AsyncClient, platform: Platform, asset: Json, path: str
) -> None:
    made = await add(client, path)
    assert (await client.delete(f"/api/v1/assets/{asset['id']}")).status_code == 204
    assert code(await client.get(path)) == (404, "asset_not_found")
    assert code(await client.post(path, params={"language": "en"}, content=VTT)) == (404, "asset_not_found")
    await client.post(f"/api/v1/assets/{asset['id']}/restore")
    assert (await client.get(path)).json() == {"items": [made]}
    await client.delete(f"/api/v1/assets/{asset['id']}", params={"permanent": True})
    assert files(platform) == []
    assert await stored_bytes(client) == 0


async def test_an_asset_and_an_organization_may_have_so_much(
    client: httpx2.AsyncClient, platform: Platform, path: str
) -> None:
    own = f"/api/v1/organizations/{LOCAL_ORGANIZATION}/quotas"
    await client.patch(own, json={"stored_bytes": len(STORED) + 10})
    await add(client, path)
    full = await client.post(path, params={"language": "de"}, content=VTT)
    assert code(full) == (403, "quota_stored_bytes")
    assert len(files(platform)) == 1
    await client.patch(own, json={"stored_bytes": 0})
    for _ in range(99):
        await add(client, path, SRT)
    assert code(await client.post(path, params={"language": "de"}, content=VTT)) == (409, "text_tracks_full")
    assert len(files(platform)) == 100
