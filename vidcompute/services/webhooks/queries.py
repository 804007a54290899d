"""What is read about webhooks and deliveries."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select

from vidcompute.db import outbox
from vidcompute.db.schema import events
from vidcompute.db.schema_outgoing import WAITING, deliveries, delivery_attempts, webhooks
from vidcompute.errors import not_found
from vidcompute.services.events import as_text, names_of
from vidcompute.services.paging import Page, page_of, parse_cursor
from vidcompute.services.webhooks.models import (
    Attempt,
    Delivery,
    DeliveryStatus,
    Matched,
    Webhook,
)

AnyRow = Row[*tuple[Any, ...]]
_BATCH = 500


def _webhook(row: AnyRow) -> Webhook:
    return Webhook(**{**row._mapping, "events": tuple(row.events)})


def get(conn: Connection, organization_id: str, webhook_id: str) -> Webhook:
    """One webhook; `webhook_not_found` for any that isn't the organization's."""
    query = select(webhooks).where(webhooks.c.organization_id == organization_id, webhooks.c.id == webhook_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("webhook", webhook_id)
    return _webhook(row)


def list_webhooks(conn: Connection, organization_id: str, *, limit: int, cursor: str | None) -> Page[Webhook]:
    """An organization's webhooks, newest first."""
    after = parse_cursor("hook", cursor)
    query = select(webhooks).where(webhooks.c.organization_id == organization_id)
    if after is not None:
        query = query.where(webhooks.c.id < after)
    found = [_webhook(row) for row in conn.execute(query.order_by(webhooks.c.id.desc()).limit(limit + 1))]
    return page_of(found, [webhook.id for webhook in found], limit)


def count_of(conn: Connection, organization_id: str) -> int:
    """How many webhooks an organization has."""
    query = select(func.count()).select_from(webhooks).where(webhooks.c.organization_id == organization_id)
    return int(conn.execute(query).scalar_one())


# -- from events to deliveries -------------------------------------------------------------------------------------


def matched(conn: Connection, seq: int) -> Matched:
    """The next events after `seq` with the endpoints that want to hear of each."""
    if not conn.execute(select(exists().where(webhooks.c.enabled))).scalar():
        return Matched((), max(seq, outbox.last_seq(conn)))
    found = outbox.all_since(conn, seq, limit=_BATCH)
    if not found:
        return Matched((), seq)
    wanted = _wanted(conn, {event.organization_id for event in found})
    items = []
    for event in found:
        for webhook, names in wanted.get(event.organization_id, ()):
            if event.type in names and event.seq > webhook.after_seq:
                items.append((webhook.id, event.seq, event.type, event.subject_id, as_text(event)))
    return Matched(tuple(items), found[-1].seq, more=len(found) == _BATCH)


def _wanted(conn: Connection, organization_ids: Iterable[str]) -> Mapping[str, list[tuple[Webhook, frozenset[str]]]]:
    query = select(webhooks).where(webhooks.c.enabled, webhooks.c.organization_id.in_(list(organization_ids)))
    by_organization: dict[str, list[tuple[Webhook, frozenset[str]]]] = {}
    for webhook in map(_webhook, conn.execute(query)):
        by_organization.setdefault(webhook.organization_id, []).append((webhook, names_of(webhook.events)))
    return by_organization


def owners(conn: Connection, webhook_ids: Collection[str]) -> dict[str, str]:
    """Those of these webhooks that are switched on, with their organizations."""
    query = select(webhooks.c.id, webhooks.c.organization_id)
    query = query.where(webhooks.c.enabled, webhooks.c.id.in_(list(webhook_ids)))
    return {row.id: row.organization_id for row in conn.execute(query)}


def made_for(conn: Connection, webhook_ids: Collection[str], seqs: Collection[int]) -> dict[tuple[str, int], AnyRow]:
    """The deliveries (id, status) of these events to these webhooks, by webhook and number."""
    if not seqs:
        return {}
    query = select(deliveries.c.id, deliveries.c.webhook_id, deliveries.c.seq, deliveries.c.status).where(
        deliveries.c.webhook_id.in_(list(webhook_ids)), deliveries.c.seq.between(min(seqs), max(seqs))
    )
    return {(row.webhook_id, row.seq): row for row in conn.execute(query)}


def first_seq_since(conn: Connection, since_ms: int) -> int:
    """The number of the first event from this time on; one more than the newest where there is none."""
    query = select(events.c.seq).where(events.c.created_ms >= since_ms).order_by(events.c.seq).limit(1)
    seq = conn.execute(query).scalar()
    return outbox.last_seq(conn) + 1 if seq is None else int(seq)


# -- what is due ---------------------------------------------------------------------------------------------------


def heads(conn: Connection) -> list[AnyRow]:
    """Every webhook that is switched on and has something to send, with when that is due, by identifier."""
    head = (
        select(func.min(deliveries.c.next_ms))
        .where(deliveries.c.webhook_id == webhooks.c.id, WAITING)
        .scalar_subquery()
        .label("head_ms")
    )
    columns = (webhooks.c.id, webhooks.c.url, webhooks.c.secret_version, webhooks.c.old_secret_until_ms)
    query = select(*columns, webhooks.c.failing_since_ms, head).where(webhooks.c.enabled).order_by(webhooks.c.id)
    return [row for row in conn.execute(query) if row.head_ms is not None]


def due_of(conn: Connection, webhook_id: str, at_ms: int, limit: int) -> list[AnyRow]:
    """Up to `limit` deliveries (id, body) to a webhook whose time has come, in order."""
    query = select(deliveries.c.id, deliveries.c.body).where(deliveries.c.webhook_id == webhook_id, WAITING)
    query = query.where(deliveries.c.next_ms <= at_ms)
    return list(conn.execute(query.order_by(deliveries.c.next_ms, deliveries.c.seq).limit(limit)))


def next_after(conn: Connection, webhook_id: str, at_ms: int) -> int | None:
    """When the next delivery to a webhook is due after a time."""
    query = select(func.min(deliveries.c.next_ms)).where(deliveries.c.webhook_id == webhook_id, WAITING)
    return conn.execute(query.where(deliveries.c.next_ms > at_ms)).scalar()


def with_webhook(conn: Connection, delivery_id: str) -> AnyRow | None:
    """A delivery with what its webhook is like; None where it was deleted."""
    query = (
        select(
            deliveries.c.seq,
            deliveries.c.status,
            deliveries.c.attempts,
            deliveries.c.webhook_id,
            webhooks.c.organization_id,
            webhooks.c.url,
            webhooks.c.enabled,
            webhooks.c.failing_since_ms,
        )
        .join_from(deliveries, webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(deliveries.c.id == delivery_id)
    )
    return conn.execute(query).one_or_none()


def attempts_made(conn: Connection, delivery_id: str) -> int:
    """How many attempts at a delivery are in its log."""
    query = select(func.max(delivery_attempts.c.number)).where(delivery_attempts.c.delivery_id == delivery_id)
    return conn.execute(query).scalar() or 0


def switched_off() -> Select[tuple[str]]:
    """The webhooks that are switched off, as a part of another statement."""
    return select(webhooks.c.id).where(webhooks.c.enabled.is_(False))


# -- the log -------------------------------------------------------------------------------------------------------


def _delivery(row: AnyRow, attempts: tuple[Attempt, ...] = ()) -> Delivery:
    status = DeliveryStatus(row.status)
    return Delivery(
        id=row.id,
        webhook_id=row.webhook_id,
        seq=row.seq,
        type=row.type,
        subject_id=row.subject_id,
        body=row.body,
        status=status,
        next_ms=row.next_ms if status is DeliveryStatus.WAITING else None,
        created_ms=row.created_ms,
        ended_ms=row.ended_ms,
        attempts=attempts,
    )


def list_deliveries(
    conn: Connection,
    organization_id: str,
    webhook_id: str,
    *,
    limit: int,
    cursor: str | None,
    status: DeliveryStatus | None = None,
) -> Page[Delivery]:
    """What was, and is to be, sent to a webhook, newest first, with every attempt."""
    get(conn, organization_id, webhook_id)
    after = parse_cursor("msg", cursor)
    query = select(deliveries).where(deliveries.c.webhook_id == webhook_id)
    if after is not None:
        query = query.where(deliveries.c.id < after)
    if status is not None:
        query = query.where(deliveries.c.status == status.value)
    rows = list(conn.execute(query.order_by(deliveries.c.id.desc()).limit(limit + 1)))
    attempts = _attempts_of(conn, [row.id for row in rows[:limit]])
    found = [_delivery(row, attempts.get(row.id, ())) for row in rows]
    return page_of(found, [delivery.id for delivery in found], limit)


def get_delivery(conn: Connection, organization_id: str, webhook_id: str, delivery_id: str) -> Delivery:
    """One delivery with every attempt; `delivery_not_found` for any that isn't this webhook's."""
    get(conn, organization_id, webhook_id)
    query = select(deliveries).where(deliveries.c.webhook_id == webhook_id, deliveries.c.id == delivery_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise not_found("delivery", delivery_id)
    return _delivery(row, _attempts_of(conn, [delivery_id]).get(delivery_id, ()))


def _attempts_of(conn: Connection, delivery_ids: list[str]) -> dict[str, tuple[Attempt, ...]]:
    query = select(delivery_attempts).where(delivery_attempts.c.delivery_id.in_(delivery_ids))
    found: dict[str, tuple[Attempt, ...]] = {}
    for row in conn.execute(query.order_by(delivery_attempts.c.delivery_id, delivery_attempts.c.number)):
        values = {name: value for name, value in row._mapping.items() if name not in {"delivery_id", "number"}}
        found[row.delivery_id] = (*found.get(row.delivery_id, ()), Attempt(**values))
    return found


def waiting(conn: Connection) -> int:
    """How many deliveries wait for an attempt."""
    return int(conn.execute(select(func.count()).select_from(deliveries).where(WAITING)).scalar_one())
