"""Values of webhooks and of what is sent to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

_SECOND_MS, _MINUTE_MS, _HOUR_MS = 1000, 60_000, 3_600_000


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Webhook:
    """An endpoint of an organization. `events` are patterns of types.

    `disabled_reason` says why the platform switched it off: "failing" or "gone". It is told of events after
    `after_seq`. Until `old_secret_until_ms` the secret before the newest signs as well.
    """

    id: str
    organization_id: str
    url: str
    description: str
    events: tuple[str, ...]
    enabled: bool
    disabled_reason: str | None
    after_seq: int
    secret_version: int
    old_secret_until_ms: int | None
    failing_since_ms: int | None
    created_ms: int
    updated_ms: int


class WebhookChanges(TypedDict, total=False):
    """What to change of a webhook: a field that isn't there stays as it is."""

    url: str
    description: str
    events: list[str]
    enabled: bool


@dataclass(frozen=True)
class Secrets:
    """What an endpoint's deliveries are signed with, as Standard Webhooks writes secrets (`whsec_…`)."""

    secret: str
    old_secret: str | None
    old_secret_until_ms: int | None
    version: int


@dataclass(frozen=True)
class Attempt:
    """One attempt at a delivery: what was sent when, how long it took, and what came back.

    `response_status` is None where no answer came. `response_body` is the beginning of it.
    """

    started_ms: int
    latency_ms: int
    url: str
    request_headers: Mapping[str, str]
    response_status: int | None = None
    response_body: str = ""
    error_code: str | None = None
    error_detail: str | None = None
    retry_after_ms: int = 0


@dataclass(frozen=True)
class Delivery:
    """One message to one endpoint: an event (`seq`), or a ping (None). `id` is its webhook-id."""

    id: str
    webhook_id: str
    seq: int | None
    type: str
    subject_id: str
    body: str
    status: DeliveryStatus
    next_ms: int | None  # of the next attempt, while it waits
    created_ms: int
    ended_ms: int | None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Outgoing:
    """A delivery whose time has come; `secrets` are the keys to sign with, the newest first."""

    id: str
    webhook_id: str
    url: str
    body: str
    secrets: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Round:
    """What there is to be sent now, and when there is more (None: when something happens)."""

    items: tuple[Outgoing, ...]
    next_ms: int | None


@dataclass(frozen=True)
class Matched:
    """Events with the endpoints that want to hear of each (webhook, seq, type, subject, body), up to `seq`."""

    items: tuple[tuple[str, int, str, str, str], ...]
    seq: int
    more: bool = False


@dataclass(frozen=True)
class Replayed:
    """How many deliveries are to be made again, and the cursor of those that follow; None where none do."""

    queued: int
    next_cursor: str | None


@dataclass(frozen=True)
class DeliveryPolicy:
    """How deliveries are made: the waits of the Standard Webhooks specification, each longer by up to `jitter`.

    At most `at_once` are under way, `at_once_each` of them to one endpoint; to one that fails a single one, and to all
    of those half of the places. An endpoint that has failed for `disable_after_ms` without a success is switched off.
    """

    retry_after_ms: tuple[int, ...] = (
        5 * _SECOND_MS,
        5 * _MINUTE_MS,
        30 * _MINUTE_MS,
        2 * _HOUR_MS,
        5 * _HOUR_MS,
        10 * _HOUR_MS,
        14 * _HOUR_MS,
        20 * _HOUR_MS,
        24 * _HOUR_MS,
    )
    jitter: float = 0.1
    longest_wait_ms: int = 24 * _HOUR_MS
    disable_after_ms: int = 3 * 24 * _HOUR_MS
    at_once: int = 64
    at_once_each: int = 4
