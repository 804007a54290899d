"""Webhooks: endpoints that are told of events, signed as the Standard Webhooks specification says."""

from vidcompute.services.webhooks.delivering import CURSOR, due, enqueue, purge, record
from vidcompute.services.webhooks.models import (
    Attempt,
    Delivery,
    DeliveryPolicy,
    DeliveryStatus,
    Matched,
    Outgoing,
    Replayed,
    Round,
    Secrets,
    Webhook,
    WebhookChanges,
)
from vidcompute.services.webhooks.queries import get, get_delivery, list_deliveries, list_webhooks, matched, waiting
from vidcompute.services.webhooks.service import (
    change,
    create,
    ping,
    remove,
    replay,
    replay_since,
    rotate,
    secret_of,
    secrets_of,
)
from vidcompute.services.webhooks.signing import headers

__all__ = [
    "CURSOR",
    "Attempt",
    "Delivery",
    "DeliveryPolicy",
    "DeliveryStatus",
    "Matched",
    "Outgoing",
    "Replayed",
    "Round",
    "Secrets",
    "Webhook",
    "WebhookChanges",
    "change",
    "create",
    "due",
    "enqueue",
    "get",
    "get_delivery",
    "headers",
    "list_deliveries",
    "list_webhooks",
    "matched",
    "ping",
    "purge",
    "record",
    "remove",
    "replay",
    "replay_since",
    "rotate",
    "secret_of",
    "secrets_of",
    "waiting",
]
