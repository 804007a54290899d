"""Events by page and as a stream, webhooks and the log of mails, as the API has them."""

import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from tests.unit.api.conftest import Platform, Stream
from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import outbox
from vidcompute.services import mail
from vidcompute.services.events import CATALOGUE, USUAL
from vidcompute.services.mail import Mail

EVENTS, HOOKS = "/api/v1/events", "/api/v1/webhooks"
URL = "https://receiver.test/hook"


async def happen(platform: Platform) -> None:
    await platform.deps.db.write(toys.submit)
    await platform.deps.db.write(toys.run_everything)


async def create(client: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(HOOKS, json={"url": URL, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


# -- events --------------------------------------------------------------------------------------------------------


async def test_events_are_read_by_page_and_by_type(platform: Platform, client: httpx2.AsyncClient) -> None:
    await happen(platform)
    first = (await client.get(EVENTS, params={"limit": 2})).json()
    assert [event["type"] for event in first["items"]] == ["asset.created", "job.created"]
    rest = (await client.get(EVENTS, params={"cursor": first["next_cursor"], "limit": 500})).json()
    seqs = [event["seq"] for event in (*first["items"], *rest["items"])]
    assert seqs == sorted(set(seqs))
    again = (await client.get(EVENTS, params={"cursor": rest["next_cursor"]})).json()
    assert again == {"items": [], "next_cursor": rest["next_cursor"]}
    jobs = (await client.get(EVENTS, params={"type": ["job.*", "asset.ready"]})).json()["items"]
    assert {event["type"] for event in jobs} >= {"job.created", "job.done", "asset.ready"}
    assert not [event for event in jobs if event["type"].startswith("task.")]
    subject = jobs[0]["subject_id"]
    mine = (await client.get(EVENTS, params={"subject_id": subject})).json()["items"]
    assert {event["subject_id"] for event in mine} == {subject}


async def test_what_is_asked_wrongly_is_told(platform: Platform, client: httpx2.AsyncClient) -> None:
    for path in (EVENTS, f"{EVENTS}/stream"):
        for query, status, code in (
            ({"cursor": "yesterday"}, 400, "invalid_cursor"),
            ({"type": "job.exploded"}, 422, "event_type_unknown"),
        ):
            answer = await client.get(path, params=query)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
    await happen(platform)
    last = await platform.deps.db.read(outbox.last_seq)
    await platform.deps.db.write(outbox.prune, outbox.now_ms() + 1)
    for path in (EVENTS, f"{EVENTS}/stream"):
        answer = await client.get(path, params={"cursor": "1"})
        assert (answer.status_code, answer.json()["code"]) == (410, "events_expired")
    assert (await client.get(EVENTS, params={"cursor": str(last)})).status_code == 200


async def test_a_stream_goes_on_where_it_broke_and_nothing_is_missing(platform: Platform) -> None:
    async with Stream(platform, f"{EVENTS}/stream") as stream:
        await stream.until(lambda: bool(stream.events()))
        await happen(platform)
        await stream.until(lambda: "asset.ready" in [kind for _, kind, _ in stream.events()])
        before = stream.events()
    assert before[0][1] == "cursor"
    every = await platform.deps.db.read(outbox.events_since, ORG, int(before[0][0]))
    numbers = [int(number) for number, kind, _ in before if kind != "cursor"]
    middle = numbers[len(numbers) // 2]
    async with Stream(platform, f"{EVENTS}/stream", last_event_id=str(middle)) as stream:
        await stream.until(lambda: str(every[-1].seq) in [number for number, _, _ in stream.events()])
        after = [int(number) for number, kind, _ in stream.events() if kind != "cursor"]
    assert [n for n in numbers if n <= middle] + after == [event.seq for event in every]
    data = json.loads(before[1][2])
    assert data["seq"] == int(before[1][0])
    assert data["type"] == before[1][1]


async def test_a_stream_begins_at_a_cursor_and_with_what_was_chosen(platform: Platform) -> None:
    await happen(platform)
    async with Stream(platform, f"{EVENTS}/stream", "cursor=0&type=job.*") as stream:
        await stream.until(lambda: "job.done" in [kind for _, kind, _ in stream.events()])
    assert {kind.partition(".")[0] for _, kind, _ in stream.events()} == {"cursor", "job"}


async def test_every_type_of_event_is_listed_with_its_schema(client: httpx2.AsyncClient) -> None:
    items = (await client.get("/api/v1/event-types")).json()["items"]
    assert [item["name"] for item in items] == list(CATALOGUE)
    assert all(item["data_schema"]["type"] == "object" for item in items)


def test_the_document_declares_every_message_under_webhooks(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == {*CATALOGUE, "webhook.ping"}
    for name, item in document["webhooks"].items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        own = schema["allOf"][1]["properties"]
        assert own["type"]["const"] == name
        assert own["version"]["const"] >= 1
        assert own["data"]["$ref"].rpartition("/")[2] in document["components"]["schemas"]


# -- webhooks ------------------------------------------------------------------------------------------------------


async def test_a_webhook_is_made_read_changed_and_deleted(client: httpx2.AsyncClient) -> None:
    made = await create(client)
    assert made["events"] == list(USUAL)
    assert made["secret"].startswith("whsec_")
    path = f"{HOOKS}/{made['id']}"
    read = (await client.get(path)).json()
    assert read == {name: value for name, value in made.items() if name != "secret"}
    changed = await client.patch(path, json={"events": ["job.done"], "description": "Ours", "enabled": False})
    assert changed.json() | {"updated_at": ""} == read | {
        "events": ["job.done"],
        "description": "Ours",
        "enabled": False,
        "updated_at": "",
    }
    assert (await client.get(HOOKS)).json()["items"] == [changed.json()]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["code"] == "webhook_not_found"
    assert (await client.get(HOOKS)).json() == {"items": [], "next_cursor": None}


async def test_a_webhook_is_made_once_for_each_key(client: httpx2.AsyncClient) -> None:
    answers = [await client.post(HOOKS, json={"url": URL}, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[0].headers["location"] == f"{HOOKS}/{answers[0].json()['id']}"
    assert answers[1].headers["idempotent-replayed"] == "true"


async def test_secrets_come_again_with_an_answer_that_comes_again_and_are_not_kept_with_it(
    platform: Platform, client: httpx2.AsyncClient
) -> None:
    made = [await client.post(HOOKS, json={"url": URL}, headers={"Idempotency-Key": "make"}) for _ in range(2)]
    path = f"{HOOKS}/{made[0].json()['id']}"
    changed = [await client.post(f"{path}/secret/rotate", headers={"Idempotency-Key": "change"}) for _ in range(2)]
    assert (await client.post(f"{path}/secret/rotate")).status_code == 200
    assert (await client.delete(path)).status_code == 204
    made.append(await client.post(HOOKS, json={"url": URL}, headers={"Idempotency-Key": "make"}))
    assert made[0].json() == made[1].json() == made[2].json()
    assert changed[0].json() == changed[1].json()
    assert changed[0].json()["old_secret"] == made[0].json()["secret"] != changed[0].json()["secret"]

    def kept(conn: Connection) -> str:
        return str(conn.exec_driver_sql("SELECT * FROM idempotency_keys").all())

    rows = await platform.deps.db.read(kept)
    assert "old_secret_until" in rows
    assert "whsec_" not in rows


async def test_its_secret_is_shown_and_changed(client: httpx2.AsyncClient) -> None:
    made = await create(client)
    path = f"{HOOKS}/{made['id']}/secret"
    shown = await client.post(path)
    assert shown.json() == {"secret": made["secret"], "old_secret": None, "old_secret_until": None}
    assert shown.headers["cache-control"] == "no-store"
    changed = (await client.post(f"{path}/rotate")).json()
    assert changed["old_secret"] == made["secret"] != changed["secret"]
    assert (await client.post(path)).json() == changed
    at_once = (await client.post(f"{path}/rotate", json={"overlap_s": 0})).json()
    assert (at_once["old_secret"], at_once["old_secret_until"]) == (None, None)


async def test_a_ping_is_in_the_log_and_a_delivery_is_made_again(client: httpx2.AsyncClient) -> None:
    made = await create(client)
    path = f"{HOOKS}/{made['id']}"
    sent = await client.post(f"{path}/ping")
    assert sent.status_code == 202
    delivery = sent.json()
    assert (delivery["type"], delivery["status"], delivery["seq"]) == ("webhook.ping", "waiting", None)
    assert json.loads(delivery["request_body"])["type"] == "webhook.ping"
    assert (await client.get(f"{path}/deliveries")).json()["items"] == [delivery]
    assert (await client.get(f"{path}/deliveries", params={"status": "failed"})).json()["items"] == []
    assert (await client.get(f"{path}/deliveries/{delivery['id']}")).json() == delivery
    again = await client.post(f"{path}/deliveries/{delivery['id']}/replay")
    assert (again.status_code, again.json()["id"]) == (202, delivery["id"])


async def test_events_since_a_time_are_sent_again(platform: Platform, client: httpx2.AsyncClient) -> None:
    await happen(platform)
    made = await create(client, events=["job.done"])
    path = f"{HOOKS}/{made['id']}"
    done = await client.post(f"{path}/replay", json={"since": "2020-01-01T00:00:00Z"})
    assert done.json() == {"queued": 1, "next_cursor": None}
    (delivery,) = (await client.get(f"{path}/deliveries")).json()["items"]
    assert (delivery["type"], delivery["status"]) == ("job.done", "waiting")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"url": "ftp://x"}, "webhook_url_invalid"),
        ({"url": URL, "events": []}, "invalid_request"),
        ({"url": URL, "events": ["job.exploded"]}, "event_type_unknown"),
        ({"url": URL, "secret": "whsec_mine"}, "invalid_request"),
        ({"url": URL, "organization_id": "org_other"}, "invalid_request"),
        ({"url": URL, "enabled": "perhaps"}, "invalid_request"),
    ],
)
async def test_a_wrong_body_is_told(client: httpx2.AsyncClient, body: dict[str, Any], code: str) -> None:
    answer = await client.post(HOOKS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_what_does_not_exist_is_not_found(client: httpx2.AsyncClient) -> None:
    made = await create(client)
    unknown = "hook_00000000000000000000000000"
    calls = [
        ("GET", f"{HOOKS}/{unknown}"),
        ("PATCH", f"{HOOKS}/{unknown}"),
        ("DELETE", f"{HOOKS}/{unknown}"),
        ("POST", f"{HOOKS}/{unknown}/secret"),
        ("POST", f"{HOOKS}/{unknown}/secret/rotate"),
        ("POST", f"{HOOKS}/{unknown}/ping"),
        ("GET", f"{HOOKS}/{unknown}/deliveries"),
        ("GET", f"{HOOKS}/{unknown}/deliveries/msg_1"),
        ("POST", f"{HOOKS}/{unknown}/deliveries/msg_1/replay"),
        ("GET", f"{HOOKS}/{made['id']}/deliveries/msg_1"),
        ("POST", f"{HOOKS}/{made['id']}/deliveries/msg_1/replay"),
    ]
    for method, path in calls:
        answer = await client.request(method, path, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, path
        assert answer.json()["code"] in {"webhook_not_found", "delivery_not_found"}


async def test_webhooks_are_limited(platform: Platform, client: httpx2.AsyncClient) -> None:
    for _ in range(platform.deps.limits.max_webhooks):
        await create(client)
    answer = await client.post(HOOKS, json={"url": URL})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (409, "too_many_webhooks", 20)


async def test_the_log_of_mails_says_what_came_of_each_and_not_what_they_say(
    platform: Platform, client: httpx2.AsyncClient
) -> None:
    values = {"limit": "Stored bytes", "organization": "local", "used": "9 GB", "most": "10 GB"}
    await platform.deps.db.write(mail.queue, Mail("ann@example.org", "quota_near", values, ORG))
    reset = {"name": "Bob", "link": "https://video.test/reset/secret", "valid_for": "an hour"}
    await platform.deps.db.write(mail.queue, Mail("bob@example.org", "reset", reset))
    (logged,) = (await client.get("/api/v1/mails")).json()["items"]
    assert (logged["recipient"], logged["template"], logged["status"]) == ("ann@example.org", "quota_near", "waiting")
    assert "10 GB" not in json.dumps(logged)
