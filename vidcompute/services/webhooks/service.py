"""Endpoints: made, changed, deleted by their organization; their secrets; pings and replays."""

from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import all_since, emit, last_seq, now_ms
from vidcompute.db.schema_outgoing import webhooks
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import new_id
from vidcompute.services.events import as_text, names_of, parse_cursor, parse_patterns
from vidcompute.services.webhooks import delivering, queries, signing
from vidcompute.services.webhooks.models import Delivery, DeliveryStatus, Replayed, Secrets, Webhook, WebhookChanges

_REPLAYED_AT_ONCE = 500
_LONGEST_URL = 2000


def create(
    conn: Connection,
    organization_id: str,
    *,
    url: str,
    events: list[str],
    description: str = "",
    enabled: bool = True,
    at_most: int,
) -> Webhook:
    """A new endpoint that is told of what happens from now on.

    Raises `webhook_url_invalid`, `event_type_unknown`; `too_many_webhooks` (conflict) beyond `at_most`.
    """
    if queries.count_of(conn, organization_id) >= at_most:
        detail = f"An organization may have {at_most} webhooks; delete one first."
        raise VidComputeError(Kind.CONFLICT, "too_many_webhooks", detail, extra={"limit": at_most})
    _check_url(url)
    parse_patterns(events)
    signing.ensure_key(conn)
    at = now_ms()
    webhook_id = new_id("hook")
    emit(conn, organization_id, "webhook.created", webhook_id, {"webhook_id": webhook_id, "url": url})
    values = {
        "id": webhook_id,
        "organization_id": organization_id,
        "url": url,
        "description": description,
        "events": events,
        "enabled": enabled,
        "after_seq": last_seq(conn),
        "secret_version": 1,
        "created_ms": at,
        "updated_ms": at,
    }
    conn.execute(insert(webhooks).values(values))
    return queries.get(conn, organization_id, webhook_id)


def change(conn: Connection, organization_id: str, webhook_id: str, changes: WebhookChanges) -> Webhook:
    """Change what is named. Switched on again, it is told of what happens from now on, and of what waited."""
    before = queries.get(conn, organization_id, webhook_id)
    if "url" in changes:
        _check_url(changes["url"])
    if "events" in changes:
        parse_patterns(changes["events"])
    if not changes:
        return before
    values: dict[str, Any] = {**changes}
    if changes.get("enabled") and not before.enabled:
        values |= {"disabled_reason": None, "failing_since_ms": None, "after_seq": last_seq(conn)}
    _write(conn, before, values, sorted(changes))
    return queries.get(conn, organization_id, webhook_id)


def _write(conn: Connection, webhook: Webhook, values: dict[str, Any], fields: list[str]) -> None:
    conn.execute(update(webhooks).where(webhooks.c.id == webhook.id).values(**values, updated_ms=now_ms()))
    data = {"webhook_id": webhook.id, "url": values.get("url", webhook.url), "fields": fields}
    emit(conn, webhook.organization_id, "webhook.updated", webhook.id, data)


def remove(conn: Connection, organization_id: str, webhook_id: str) -> None:
    """Delete an endpoint, with the log of what was sent to it."""
    webhook = queries.get(conn, organization_id, webhook_id)
    conn.execute(delete(webhooks).where(webhooks.c.id == webhook_id))
    data = {"webhook_id": webhook_id, "url": webhook.url}
    emit(conn, organization_id, "webhook.deleted", webhook_id, data)


def _check_url(url: str) -> None:
    """Its form; which addresses may be connected to is decided at each attempt, when they are known."""
    try:
        parts = urlsplit(url)
        port = parts.port
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    except ValueError:
        fine = False
    odd = any(not letter.isprintable() or letter.isspace() for letter in url)
    if not fine or odd or "@" in parts.netloc or parts.fragment or len(url) > _LONGEST_URL:
        detail = "The URL must be http:// or https://, without a name, a password or a fragment."
        raise invalid("webhook_url_invalid", detail)


# -- secrets -------------------------------------------------------------------------------------------------------


def secrets_of(conn: Connection, organization_id: str, webhook_id: str) -> Secrets:
    """What its deliveries are signed with now."""
    webhook = queries.get(conn, organization_id, webhook_id)
    version = webhook.secret_version
    until_ms = webhook.old_secret_until_ms
    if until_ms is not None and until_ms <= now_ms():
        until_ms = None
    older = secret_of(conn, webhook_id, version - 1)
    return Secrets(secret_of(conn, webhook_id, version), older if until_ms is not None else None, until_ms, version)


def secret_of(conn: Connection, webhook_id: str, version: int) -> str:
    """What it was given as its secret of this version."""
    return signing.as_text(signing.derive(signing.known_key(conn), webhook_id, version))


def rotate(conn: Connection, organization_id: str, webhook_id: str, *, overlap_ms: int) -> Secrets:
    """Give it a new secret; for `overlap_ms` the one before signs as well."""
    webhook = queries.get(conn, organization_id, webhook_id)
    values = {
        "secret_version": webhook.secret_version + 1,
        "old_secret_until_ms": now_ms() + overlap_ms if overlap_ms else None,
    }
    _write(conn, webhook, values, ["secret"])
    return secrets_of(conn, organization_id, webhook_id)


# -- pings and replays ---------------------------------------------------------------------------------------------


def ping(conn: Connection, organization_id: str, webhook_id: str) -> Delivery:
    """Send it a test, once; `webhook_disabled` (conflict) for one that is switched off."""
    webhook = queries.get(conn, organization_id, webhook_id)
    _require_enabled(webhook)
    delivery_id = delivering.add_ping(conn, webhook)
    return queries.get_delivery(conn, organization_id, webhook_id, delivery_id)


def replay(conn: Connection, organization_id: str, webhook_id: str, delivery_id: str) -> Delivery:
    """Make one delivery again, under its id, whatever came of it; `webhook_disabled` (conflict) as for pings."""
    _require_enabled(queries.get(conn, organization_id, webhook_id))
    queries.get_delivery(conn, organization_id, webhook_id, delivery_id)
    delivering.again(conn, [delivery_id])
    return queries.get_delivery(conn, organization_id, webhook_id, delivery_id)


def replay_since(
    conn: Connection,
    organization_id: str,
    webhook_id: str,
    *,
    since_ms: int,
    delivered: bool = False,
    cursor: str | None = None,
) -> Replayed:
    """Make the deliveries of events from a time on: those that failed or never were made, with `delivered` all.

    Some hundred events at a time: `next_cursor` goes on. Events that are not kept any more are left out.
    """
    webhook = queries.get(conn, organization_id, webhook_id)
    _require_enabled(webhook)
    seq = parse_cursor(cursor) if cursor is not None else queries.first_seq_since(conn, since_ms) - 1
    found = all_since(conn, seq, limit=_REPLAYED_AT_ONCE)
    names = names_of(webhook.events)
    wanted = [event for event in found if event.organization_id == organization_id and event.type in names]
    made = queries.made_for(conn, [webhook_id], [event.seq for event in wanted])
    repeated = {DeliveryStatus.FAILED.value} | ({DeliveryStatus.DELIVERED.value} if delivered else set())
    old = [row.id for row in made.values() if row.status in repeated and row.seq in {event.seq for event in wanted}]
    fresh = [
        (webhook_id, event.seq, event.type, event.subject_id, as_text(event))
        for event in wanted
        if (webhook_id, event.seq) not in made
    ]
    delivering.again(conn, old)
    delivering.add(conn, fresh, {webhook_id: organization_id})
    more = len(found) == _REPLAYED_AT_ONCE
    return Replayed(len(old) + len(fresh), str(found[-1].seq) if more else None)


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise VidComputeError(Kind.CONFLICT, "webhook_disabled", "The webhook is switched off; enable it first.")
