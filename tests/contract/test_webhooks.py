"""Webhooks: who is told of what, signed how, tried again when, switched off when, and made again on demand."""

import base64
import json
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert
from standardwebhooks import Webhook as Verifier

from tests.contract.hooks import URL, Bench, Clock
from tests.fixtures.attempts import PATIENCE_S, eventually
from tests.fixtures.receiving import InProcess
from tests.unit.engine.toys import ORG, check_events
from vidcompute.db import cursors, outbox, schema
from vidcompute.db.engine import Database
from vidcompute.dispatch.leading import Leading
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.webhooks import Answer
from vidcompute.services import accounts, webhooks
from vidcompute.services.webhooks import DeliveryPolicy, DeliveryStatus

SECOND_MS, HOUR_MS = 1000, 3_600_000


on_both = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Database]:
    """A fresh database: SQLite, unless a test asks for another."""
    elsewhere = getattr(request, "param", "sqlite") == "postgresql"
    database = Database.open(request.getfixturevalue("migrated_postgres_url" if elsewhere else "sqlite_url"))
    await database.write(accounts.ensure_local, tmp_path)
    yield database
    await database.read(check_events)
    await database.close()


@pytest.fixture
async def bench(db: Database) -> Bench:
    lead = Leading(db, "one", lease_s=60.0)
    assert await lead.take() is None
    return Bench(db, InProcess(), Clock(), lead, DeliveryPolicy())


@on_both
async def test_an_endpoint_is_told_of_what_it_chose_and_of_nothing_else(bench: Bench) -> None:
    await bench.happen()  # before it was there
    chosen = await bench.create(events=["asset.deleted"])
    other = await bench.create("https://other.test/", events=["job.*"])
    async with bench.at_work():
        (seq,) = await bench.happen()
        (delivery,) = await bench.until(chosen, "delivered")
    (message,) = bench.receivers.seen
    assert message.event["seq"] == delivery.seq == seq
    assert message.event["type"] == "asset.deleted"
    assert message.event["data"] == {"asset_id": "asset_1", "job_ids": []}
    assert message.body == delivery.body
    assert await bench.deliveries(other) == []


async def test_other_organizations_hear_nothing(bench: Bench) -> None:
    hook = await bench.create(events=["*"])

    def elsewhere(conn: Connection) -> None:
        conn.execute(insert(schema.organizations).values(id="org_x", name="x", created_ms=1))
        outbox.emit(conn, "org_x", "asset.deleted", "asset_x", {"asset_id": "asset_x", "job_ids": []})

    async with bench.at_work():
        await bench.db.write(elsewhere)
        await bench.happen()
        await bench.until(hook, "delivered")
    assert [message.event["subject_id"] for message in bench.receivers.seen] == ["asset_1"]
    with pytest.raises(VidComputeError, match="webhook_not_found"):
        await bench.db.read(webhooks.get, "org_x", hook.id)


async def test_messages_are_signed_as_standard_webhooks_says(bench: Bench) -> None:
    hook = await bench.create()
    secrets = await bench.db.read(webhooks.secrets_of, ORG, hook.id)
    assert secrets.secret.startswith("whsec_")
    assert len(base64.b64decode(secrets.secret.removeprefix("whsec_"))) == 32
    async with bench.at_work():
        await bench.happen()
        (delivery,) = await bench.until(hook, "delivered")
    (message,) = bench.receivers.seen
    assert Verifier(secrets.secret).verify(message.body, dict(message.headers)) == message.event
    assert message.id == delivery.id
    assert abs(int(message.headers["webhook-timestamp"]) - bench.clock.at_ms // 1000) <= 1
    with pytest.raises(Exception, match=r"[Nn]o matching signature"):
        Verifier(secrets.secret).verify(message.body + " ", dict(message.headers))


async def test_for_a_time_both_secrets_sign_after_a_rotation(bench: Bench) -> None:
    hook = await bench.create()
    before = await bench.db.read(webhooks.secrets_of, ORG, hook.id)
    after = await bench.db.write(webhooks.rotate, ORG, hook.id, overlap_ms=HOUR_MS)
    assert after.old_secret == before.secret != after.secret
    async with bench.at_work():
        await bench.happen()
        await bench.until(hook, "delivered")
        await bench.pass_time(2 * HOUR_MS)
        await bench.happen()
        await bench.until(hook, "delivered", "delivered")
    during, later = bench.receivers.seen
    assert len(during.headers["webhook-signature"].split()) == 2
    for secret in (before.secret, after.secret):
        Verifier(secret).verify(during.body, dict(during.headers))
    assert len(later.headers["webhook-signature"].split()) == 1


async def test_a_secret_that_became_known_is_replaced_at_once(bench: Bench) -> None:
    hook = await bench.create()
    before = await bench.db.read(webhooks.secrets_of, ORG, hook.id)
    after = await bench.db.write(webhooks.rotate, ORG, hook.id, overlap_ms=0)
    assert (after.old_secret, after.old_secret_until_ms) == (None, None)
    assert after.secret != before.secret


async def test_no_secret_is_in_the_rows(bench: Bench) -> None:
    hook = await bench.create()
    secret = (await bench.db.read(webhooks.secrets_of, ORG, hook.id)).secret.removeprefix("whsec_")
    async with bench.at_work():
        await bench.happen()
        await bench.until(hook, "delivered")

    def everything(conn: Connection) -> str:
        names = ("webhooks", "deliveries", "delivery_attempts", "events", "secrets")
        return "".join(str(conn.exec_driver_sql(f"SELECT * FROM {name}").all()) for name in names)

    rows = await bench.db.read(everything)
    assert secret not in rows
    assert bench.receivers.seen[0].headers["webhook-signature"] not in rows


async def test_the_schedule_of_the_specification_is_kept_with_jitter(bench: Bench) -> None:
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: 500
    bench.policy = DeliveryPolicy(disable_after_ms=30 * 24 * HOUR_MS)
    waits_s = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    jitters = set()
    async with bench.at_work():
        await bench.happen()
        for number, wait_s in enumerate(waits_s, 1):
            delivery = await bench.until_attempts(hook, number)
            ended_ms = delivery.attempts[-1].started_ms + delivery.attempts[-1].latency_ms
            assert delivery.next_ms is not None
            waits_ms = delivery.next_ms - ended_ms
            assert wait_s * SECOND_MS <= waits_ms <= 1.1 * wait_s * SECOND_MS + 1
            jitters.add(round(waits_ms / wait_s))
            await bench.pass_time(wait_s * SECOND_MS - 1)
            assert (await bench.db.read(bench.looked)).items == ()  # not yet
            bench.clock.at_ms = delivery.next_ms
            await bench.pass_time(0)
        (delivery,) = await bench.until(hook, "failed")
    assert len(delivery.attempts) == 10
    assert len(jitters) > 1
    assert {message.id for message in bench.receivers.seen} == {delivery.id}
    assert {message.body for message in bench.receivers.seen} == {delivery.body}


async def test_a_receiver_that_asks_for_time_gets_it(bench: Bench) -> None:
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: Answer(503, "busy", retry_after_s=3600)
    async with bench.at_work():
        await bench.happen()
        delivery = await bench.until_attempts(hook, 1)
    assert delivery.next_ms is not None
    assert delivery.next_ms - bench.clock.at_ms >= HOUR_MS
    assert delivery.attempts[0].response_body == "busy"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (lambda: 302, 302, "webhook_refused"),
        (lambda: 404, 404, "webhook_refused"),
        (lambda: VidComputeError(Kind.TIMEOUT, "url_timeout", "Slow."), None, "url_timeout"),
        (lambda: VidComputeError(Kind.REFUSED, "url_address_refused", "Inside."), None, "url_address_refused"),
    ],
)
async def test_what_is_no_success_is_logged_and_tried_again(
    bench: Bench, answer: Callable[[], Any], status: int | None, code: str
) -> None:
    hook = await bench.create()
    answers = [answer(), 200]
    bench.receivers.answers[URL] = lambda _m: answers.pop(0)
    async with bench.at_work():
        await bench.happen()
        delivery = await bench.until_attempts(hook, 1)
        assert (delivery.attempts[0].response_status, delivery.attempts[0].error_code) == (status, code)
        assert (await bench.read(hook)).failing_since_ms is not None
        await bench.pass_time(6 * SECOND_MS)
        (delivery,) = await bench.until(hook, "delivered")
    assert [attempt.error_code for attempt in delivery.attempts] == [code, None]
    assert bench.heard.told == [("webhook", code), ("webhook", "delivered")]
    assert "webhook-signature" not in delivery.attempts[0].request_headers
    assert (await bench.read(hook)).failing_since_ms is None


async def test_a_receiver_that_is_gone_is_told_nothing_more(bench: Bench) -> None:
    hook = await bench.create(events=["asset.*", "webhook.*"])
    bench.receivers.answers[URL] = lambda _m: 410
    async with bench.at_work():
        await bench.happen()
        await bench.until(hook, "failed")
        await bench.happen()
    now = await bench.read(hook)
    assert (now.enabled, now.disabled_reason) == (False, "gone")
    assert [e.type for e in await bench.db.read(outbox.events_since, ORG, 0) if e.subject_id == hook.id] == [
        "webhook.created",
        "webhook.disabled",
    ]
    assert len(bench.receivers.seen) == 1


@on_both
async def test_after_days_of_failure_it_is_switched_off_and_goes_on_where_it_was(bench: Bench) -> None:
    bench.policy = DeliveryPolicy(disable_after_ms=10 * HOUR_MS)
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: 500
    async with bench.at_work():
        (first,) = await bench.happen()
        await bench.until_attempts(hook, 1)
        await bench.pass_time(11 * HOUR_MS)
        await bench.until_attempts(hook, 2)
        now = await bench.read(hook)
        assert (now.enabled, now.disabled_reason) == (False, "failing")
        (missed,) = await bench.happen()
        del bench.receivers.answers[URL]
        await bench.db.write(webhooks.change, ORG, hook.id, {"enabled": True})
        await bench.pass_time(HOUR_MS)
        await bench.until(hook, "delivered")  # what waited; what happened meanwhile is replayed on demand
        done = await bench.db.write(webhooks.replay_since, ORG, hook.id, since_ms=0)
        await bench.until(hook, "delivered", "delivered")
    assert done.queued == 1
    assert [message.event["seq"] for message in bench.receivers.seen[-2:]] == [first, missed]
    now = await bench.read(hook)
    assert (now.enabled, now.disabled_reason, now.failing_since_ms) == (True, None, None)


async def test_one_that_hangs_holds_up_nobody_else(bench: Bench) -> None:
    bench.policy = DeliveryPolicy(at_once=8, at_once_each=2)
    hanging = [await bench.create(f"https://hangs{number}.test/") for number in range(3)]
    for hook in hanging:
        bench.receivers.answers[hook.url] = lambda _m: None
    well = await bench.create()
    async with bench.at_work():
        await bench.happen(20)
        await bench.until(well, *["delivered"] * 20)
        assert bench.receivers.hanging == 6
        assert [message.event["seq"] for message in bench.receivers.of(URL)] == sorted(
            message.event["seq"] for message in bench.receivers.of(URL)
        )
        bench.receivers.let_go.set()
        for hook in hanging:
            await bench.until(hook, *["delivered"] * 20)


async def test_one_that_fails_is_tried_by_one_attempt_at_a_time(bench: Bench) -> None:
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: 500
    async with bench.at_work():
        await bench.happen()
        await bench.until_attempts(hook, 1)
        bench.receivers.answers[URL] = lambda _m: None
        await bench.happen(5)
        await eventually(lambda: bench.receivers.hanging == 1)
        await bench.pass_time(1)
        assert bench.receivers.hanging == 1
        bench.receivers.let_go.set()


@on_both
async def test_nothing_is_lost_and_ids_stay_over_a_change_of_the_leader(bench: Bench) -> None:
    hook = await bench.create()
    seqs = await bench.happen(3)
    bench.receivers.answers[URL] = lambda _m: None
    async with bench.at_work():
        await eventually(lambda: bench.receivers.hanging == 3)
        seqs += await bench.happen(700)  # more than one look finds
    del bench.receivers.answers[URL]
    seqs += await bench.happen(2)  # while nobody leads
    async with bench.at_work():
        await eventually(lambda: len({message.id for message in bench.receivers.seen}) == len(seqs))
    by_id = {message.id: message.event["seq"] for message in bench.receivers.seen}
    assert sorted(by_id.values()) == seqs  # each event has one id, and has it still when it is sent again
    assert await bench.db.read(cursors.read, webhooks.CURSOR) == seqs[-1]
    del hook


@on_both
async def test_one_that_ends_while_the_next_ones_are_looked_up_is_not_sent_again(bench: Bench) -> None:
    """In what is read it waits still; it has to count as under way, as it was when that was read."""
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: None
    looking, ended = threading.Event(), threading.Event()

    def hold(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "head_ms" in statement and not looking.is_set():
            looking.set()
            assert ended.wait(PATIENCE_S)

    async with bench.at_work():
        (first,) = await bench.happen()
        await eventually(lambda: bench.receivers.hanging == 1)
        event.listen(bench.db._dialect.reader, "after_cursor_execute", hold)
        await bench.pass_time(0)
        await eventually(looking.is_set)  # now its rows are those of this moment
        bench.receivers.let_go.set()
        await bench.until(hook, "delivered")
        await bench.db.write(lambda _conn: None)  # who waited for the write before this one has gone on
        ended.set()
        (second,) = await bench.happen()
        await bench.until(hook, "delivered", "delivered")
    assert [message.event["seq"] for message in bench.receivers.seen] == [first, second]


async def test_a_leader_that_leads_no_more_records_nothing(bench: Bench) -> None:
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: None
    async with bench.at_work():
        await bench.happen()
        await eventually(lambda: bench.receivers.hanging == 1)
        other = Leading(bench.db, "one", lease_s=60.0)  # the same installation, started again
        assert await other.take() is None
        bench.receivers.let_go.set()
        await eventually(lambda: bench.receivers.hanging == 0)
        (delivery,) = await bench.deliveries(hook)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.WAITING, ())


async def test_a_ping_is_sent_once_and_says_nothing_of_health(bench: Bench) -> None:
    hook = await bench.create(events=["job.done"])
    bench.receivers.answers[URL] = lambda _m: 500
    async with bench.at_work():
        sent = await bench.db.write(webhooks.ping, ORG, hook.id)
        (delivery,) = await bench.until(hook, "failed")
    assert (delivery.id, delivery.seq, delivery.type) == (sent.id, None, "webhook.ping")
    assert json.loads(delivery.body)["data"] == {"webhook_id": hook.id}
    assert (await bench.read(hook)).failing_since_ms is None
    await bench.db.write(webhooks.change, ORG, hook.id, {"enabled": False})
    with pytest.raises(VidComputeError, match="webhook_disabled"):
        await bench.db.write(webhooks.ping, ORG, hook.id)


async def test_one_delivery_or_all_since_a_time_are_made_again_under_their_ids(bench: Bench) -> None:
    hook = await bench.create()
    async with bench.at_work():
        await bench.happen(2)
        first, second = await bench.until(hook, "delivered", "delivered")
        await bench.db.write(webhooks.replay, ORG, hook.id, first.id)
        await eventually(lambda: len(bench.receivers.seen) == 3)
        await bench.until(hook, "delivered", "delivered")
        nothing = await bench.db.write(webhooks.replay_since, ORG, hook.id, since_ms=first.created_ms - HOUR_MS)
        every = await bench.db.write(
            webhooks.replay_since, ORG, hook.id, since_ms=first.created_ms - HOUR_MS, delivered=True
        )
        later = await bench.db.write(webhooks.replay_since, ORG, hook.id, since_ms=outbox.now_ms() + HOUR_MS)
        await eventually(lambda: len(bench.receivers.seen) == 5)
        await bench.until(hook, "delivered", "delivered")
    assert (nothing.queued, every.queued, later.queued) == (0, 2, 0)
    assert {message.id for message in bench.receivers.seen} == {first.id, second.id}


async def test_a_replay_of_many_goes_on_by_cursor_and_makes_none_twice(bench: Bench) -> None:
    hook = await bench.create()
    await bench.happen(600)
    first = await bench.db.write(webhooks.replay_since, ORG, hook.id, since_ms=0)
    rest = await bench.db.write(webhooks.replay_since, ORG, hook.id, since_ms=0, cursor=first.next_cursor)
    assert rest.next_cursor is None
    assert first.queued + rest.queued == 600
    async with bench.at_work():  # which finds the same events in the outbox
        await eventually(lambda: len(bench.receivers.seen) >= 600)
        await bench.happen()
        await eventually(lambda: len({message.event["seq"] for message in bench.receivers.seen}) == 601)
    assert len({message.id for message in bench.receivers.seen}) == 601


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.test/hook",
        "ftp://receiver.test/",
        "file:///etc/passwd",
        "https://",
        "https://user:pass@receiver.test/",
        "https://receiver.test/#part",
        "https://receiver.test:0/",
        "https://receiver.test:99999/",
        "https://receiver.test/\r\nX-Header: 1",
        "https://receiver test/",
        "https://[::1/",
        "https://receiver.test/" + "a" * 2000,
    ],
)
async def test_an_address_of_another_form_is_refused(bench: Bench, url: str) -> None:
    with pytest.raises(VidComputeError, match="webhook_url_invalid"):
        await bench.create(url)
    hook = await bench.create()
    with pytest.raises(VidComputeError, match="webhook_url_invalid"):
        await bench.db.write(webhooks.change, ORG, hook.id, {"url": url})


async def test_types_that_do_not_exist_and_too_many_webhooks_are_refused(bench: Bench) -> None:
    with pytest.raises(VidComputeError, match="event_type_unknown"):
        await bench.create(events=["asset.exploded"])
    await bench.create()
    with pytest.raises(VidComputeError, match="too_many_webhooks") as told:
        await bench.create(at_most=1)
    assert told.value.extra == {"limit": 1}


@on_both
async def test_what_ended_long_ago_is_removed_and_what_is_on_its_way_stays(bench: Bench) -> None:
    well, off, failing = await bench.create(), await bench.create("https://off.test/"), await bench.create("https://x/")
    bench.receivers.answers["https://x/"] = lambda _m: 500
    bench.receivers.answers["https://off.test/"] = lambda _m: 500
    async with bench.at_work():
        await bench.happen()
        await bench.until(well, "delivered")
        await bench.until_attempts(off, 1)
        await bench.until_attempts(failing, 1)
    await bench.db.write(webhooks.change, ORG, off.id, {"enabled": False})
    assert await bench.db.write(webhooks.purge, outbox.now_ms() - HOUR_MS) == 0
    assert await bench.db.write(webhooks.purge, outbox.now_ms() + HOUR_MS) == 2
    assert len(await bench.deliveries(failing)) == 1


async def test_a_webhook_that_is_deleted_while_a_message_is_under_way_is_gone(bench: Bench) -> None:
    hook = await bench.create()
    bench.receivers.answers[URL] = lambda _m: None
    async with bench.at_work():
        await bench.happen()
        await eventually(lambda: bench.receivers.hanging == 1)
        await bench.db.write(webhooks.remove, ORG, hook.id)
        bench.receivers.let_go.set()
        await eventually(lambda: bench.receivers.hanging == 0)
        other = await bench.create("https://other.test/")
        await bench.happen()
        await bench.until(other, "delivered")


async def test_where_nobody_listens_events_cost_no_writes(bench: Bench) -> None:
    def has_cursor(conn: Connection) -> bool:
        return cursors.read(conn, webhooks.CURSOR) is not None

    async with bench.at_work():
        await bench.happen()
        seq = await bench.db.read(outbox.last_seq)
        await eventually(lambda: bench.db.read(has_cursor))
        before = await bench.db.read(cursors.read, webhooks.CURSOR)
        await bench.happen(10)
        hook = await bench.create()
        await bench.happen()
        await bench.until(hook, "delivered")
    assert before is not None
    assert before <= seq
    assert len(bench.receivers.seen) == 1
