"""Deliveries: made from events, each once for each endpoint; what is due; what became of each attempt."""

import random
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db import cursors
from vidcompute.db.outbox import Event, emit, now_ms, wake
from vidcompute.db.schema_outgoing import deliveries, delivery_attempts, webhooks
from vidcompute.ids import new_id
from vidcompute.services.events import PING, as_text
from vidcompute.services.tasks.moves import batches
from vidcompute.services.webhooks import queries, signing
from vidcompute.services.webhooks.models import (
    Attempt,
    DeliveryPolicy,
    DeliveryStatus,
    Matched,
    Outgoing,
    Round,
    Webhook,
)
from vidcompute.services.webhooks.queries import AnyRow

CURSOR = "webhooks"
GONE = "gone"
FAILING = "failing"
_HTTP_GONE = 410


def enqueue(conn: Connection, found: Matched) -> None:
    """Make the deliveries of these events, and record that they were dealt with: both happen, or none."""
    pairs = {(webhook_id, seq) for webhook_id, seq, *_ in found.items}
    ids = {webhook_id for webhook_id, _ in pairs}
    owners = queries.owners(conn, ids)
    made = queries.made_for(conn, ids, [seq for _, seq in pairs])  # by a replay that was faster
    add(conn, [item for item in found.items if item[0] in owners and item[:2] not in made], owners)
    cursors.advance(conn, CURSOR, found.seq)


def add(conn: Connection, items: Iterable[tuple[str, int, str, str, str]], owners: Mapping[str, str]) -> None:
    """Make deliveries of events (webhook, seq, type, subject, body) that are due at once."""
    at = now_ms()
    rows = [
        _row(webhook_id, owners[webhook_id], at, seq=seq, kind=kind, subject_id=subject_id, body=body)
        for webhook_id, seq, kind, subject_id, body in items
    ]
    if rows:
        conn.execute(insert(deliveries), rows)
        wake(conn)


def _row(
    webhook_id: str, organization_id: str, at_ms: int, *, seq: int | None, kind: str, subject_id: str, body: str
) -> dict[str, object]:
    return {
        "id": new_id("msg"),
        "organization_id": organization_id,
        "webhook_id": webhook_id,
        "seq": seq,
        "type": kind,
        "subject_id": subject_id,
        "body": body,
        "status": DeliveryStatus.WAITING.value,
        "attempts": 0,
        "next_ms": at_ms,
        "created_ms": at_ms,
    }


def add_ping(conn: Connection, webhook: Webhook) -> str:
    """Make the delivery of a test; its identifier. It has no number: nothing has happened."""
    at = now_ms()
    ping = Event(0, webhook.organization_id, PING.name, webhook.id, {"webhook_id": webhook.id}, at)
    body = as_text(ping)
    row = _row(webhook.id, webhook.organization_id, at, seq=None, kind=PING.name, subject_id=webhook.id, body=body)
    conn.execute(insert(deliveries), [row])
    wake(conn)
    return str(row["id"])


def again(conn: Connection, delivery_ids: Sequence[str]) -> None:
    """Make these deliveries again from the beginning of the schedule, under their ids."""
    fresh = {"status": DeliveryStatus.WAITING.value, "attempts": 0, "next_ms": now_ms(), "ended_ms": None}
    for batch in batches(delivery_ids):
        conn.execute(update(deliveries).where(deliveries.c.id.in_(batch)).values(fresh))
    wake(conn)


# -- what is due ---------------------------------------------------------------------------------------------------


def due(conn: Connection, at_ms: int, under_way: Mapping[str, str], policy: DeliveryPolicy, turn: str) -> Round:
    """What is to be sent now beside what is `under_way` (the webhook of each delivery), beginning behind `turn`."""
    heads = queries.heads(conn)
    key = signing.known_key(conn)
    failing = {head.id for head in heads if head.failing_since_ms is not None}
    room = policy.at_once - len(under_way)
    room_failing = policy.at_once // 2 - sum(webhook_id in failing for webhook_id in under_way.values())
    items: list[Outgoing] = []
    later = [head.head_ms for head in heads if head.head_ms > at_ms]
    for head in sorted((head for head in heads if head.head_ms <= at_ms), key=lambda head: (head.id <= turn, head.id)):
        fails = head.id in failing
        most = min(1, room_failing) if fails else policy.at_once_each
        mine = [delivery_id for delivery_id, webhook_id in under_way.items() if webhook_id == head.id]
        free = min(most - len(mine), room)
        if free > 0:
            found = queries.due_of(conn, head.id, at_ms, free + len(mine))
            chosen = [row for row in found if row.id not in mine][:free]
            items += [_outgoing(head, row, key, at_ms) for row in chosen]
            room -= len(chosen)
            room_failing -= len(chosen) if fails else 0
        next_ms = queries.next_after(conn, head.id, at_ms)
        later += [] if next_ms is None else [next_ms]
    return Round(tuple(items), min(later, default=None))


def _outgoing(head: AnyRow, row: AnyRow, key: bytes, at_ms: int) -> Outgoing:
    versions = [head.secret_version]
    if head.old_secret_until_ms is not None and at_ms < head.old_secret_until_ms:
        versions.append(head.secret_version - 1)
    secrets = tuple(signing.derive(key, head.id, version) for version in versions)
    return Outgoing(row.id, head.id, head.url, row.body, secrets)


# -- what came of it -----------------------------------------------------------------------------------------------


def record(conn: Connection, delivery_id: str, attempt: Attempt, policy: DeliveryPolicy) -> None:
    """Write an attempt down, and what follows: delivered, tried again later, given up, the endpoint switched off."""
    row = queries.with_webhook(conn, delivery_id)
    if row is None:  # deleted meanwhile
        return
    _log(conn, delivery_id, attempt)
    at_ms = attempt.started_ms + attempt.latency_ms
    if attempt.error_code is None:
        _set(conn, delivery_id, status=DeliveryStatus.DELIVERED.value, ended_ms=at_ms)
        if row.failing_since_ms is not None:
            conn.execute(update(webhooks).where(webhooks.c.id == row.webhook_id).values(failing_since_ms=None))
        return
    if row.status != DeliveryStatus.WAITING:
        return
    if row.seq is None or row.attempts >= len(policy.retry_after_ms) or attempt.response_status == _HTTP_GONE:
        _set(conn, delivery_id, status=DeliveryStatus.FAILED.value, ended_ms=at_ms)
    else:
        wait_ms = policy.retry_after_ms[row.attempts] * random.uniform(1, 1 + policy.jitter)
        asked_ms = min(attempt.retry_after_ms, policy.longest_wait_ms)
        _set(conn, delivery_id, attempts=row.attempts + 1, next_ms=at_ms + max(round(wait_ms), asked_ms))
    if row.seq is not None:
        _judge(conn, row, attempt, at_ms, policy)


def _set(conn: Connection, delivery_id: str, **values: object) -> None:
    conn.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))


def _log(conn: Connection, delivery_id: str, attempt: Attempt) -> None:
    conn.execute(
        insert(delivery_attempts).values(
            delivery_id=delivery_id,
            number=queries.attempts_made(conn, delivery_id) + 1,
            started_ms=attempt.started_ms,
            latency_ms=attempt.latency_ms,
            url=attempt.url,
            request_headers=dict(attempt.request_headers),
            response_status=attempt.response_status,
            response_body=attempt.response_body,
            error_code=attempt.error_code,
            error_detail=attempt.error_detail,
        )
    )


def _judge(conn: Connection, row: AnyRow, attempt: Attempt, at_ms: int, policy: DeliveryPolicy) -> None:
    """Remember since when an endpoint fails, and switch it off where that is too long, or it says that it is gone."""
    since_ms = row.failing_since_ms if row.failing_since_ms is not None else attempt.started_ms
    if row.failing_since_ms is None:
        conn.execute(update(webhooks).where(webhooks.c.id == row.webhook_id).values(failing_since_ms=since_ms))
    if not row.enabled:
        return
    if attempt.response_status == _HTTP_GONE:
        _switch_off(conn, row, GONE)
    elif at_ms - since_ms >= policy.disable_after_ms:
        _switch_off(conn, row, FAILING)


def _switch_off(conn: Connection, row: AnyRow, reason: str) -> None:
    """What waits for it goes on waiting, for the day when it is switched on again."""
    values = {"enabled": False, "disabled_reason": reason, "updated_ms": now_ms()}
    conn.execute(update(webhooks).where(webhooks.c.id == row.webhook_id).values(values))
    data = {"webhook_id": row.webhook_id, "url": row.url, "reason": reason}
    emit(conn, row.organization_id, "webhook.disabled", row.webhook_id, data)


def purge(conn: Connection, before_ms: int) -> int:
    """Remove what has ended, or waits for an endpoint that is switched off, from before a time; how many deliveries."""
    over = (deliveries.c.status != DeliveryStatus.WAITING.value) | deliveries.c.webhook_id.in_(queries.switched_off())
    return conn.execute(delete(deliveries).where(deliveries.c.created_ms < before_ms, over)).rowcount
