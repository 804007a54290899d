"""What the API sends and takes about events and webhooks."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.api.wire import KEPT, Sent, Taken
from vidcompute.pipeline.spec import Instant
from vidcompute.services.events import USUAL
from vidcompute.services.webhooks import DeliveryStatus

WEBHOOK_ID = "hook_01kq3v8a4rj0t5w6x7y8z9abcd"
DELIVERY_ID = "msg_01kq3v8a4rj0t5w6x7y8z9abce"

Patterns = Annotated[
    list[Annotated[str, Field(max_length=60)]],
    Field(min_length=1, max_length=100, examples=[["asset.*", "job.failed"]]),
]


class Event(Sent):
    """Something that happened. Webhooks, lists, streams and brokers tell of it in this shape."""

    type: str
    """What happened: "<subject>.<what>", such as "asset.ready"."""
    version: int
    """Which release of the type's data this is."""
    timestamp: Time
    """When it happened."""
    seq: int
    """Its number, which grows from event to event (0 for a ping): sort by it, and know what you have."""
    organization_id: str
    subject_id: str
    """What it happened to."""
    data: dict[str, Any]
    """What there is to tell of it; `GET /api/v1/event-types` has the schema for each type."""


class EventPage(Sent):
    """Events, oldest first."""

    items: list[Event]
    next_cursor: str
    """Where to go on, now or later: it is always there."""


class EventTypeView(Sent):
    """A type of event."""

    name: str
    summary: str
    version: int
    data_schema: dict[str, Any]
    """JSON Schema of its data."""


class EventTypeList(Sent):
    """Every type of event."""

    items: list[EventTypeView]


class Webhook(Sent):
    """An address that is told of events."""

    id: str
    url: str
    description: str
    events: list[str]
    """Types ("job.done"), all types of a subject ("asset.*"), or all there are ("*")."""
    enabled: bool
    disabled_reason: Literal["failing", "gone"] | None
    """Why the platform switched it off: it failed for days, or answered 410 Gone."""
    failing_since: Time | None
    """The first failure since the last success."""
    created_at: Time
    updated_at: Time


class WebhookPage(Sent):
    """Webhooks, newest first."""

    items: list[Webhook]
    next_cursor: str | None


class WebhookSecret(Sent):
    """What a webhook's messages are signed with, as Standard Webhooks has it."""

    secret: str
    """`whsec_` and base64."""
    old_secret: str | None
    """The secret before, while it signs as well."""
    old_secret_until: Time | None


class CreatedWebhook(Webhook):
    """A new webhook with its secret."""

    secret: str
    """`whsec_` and base64; `POST …/secret` shows it again."""


class DeliveryAttempt(Sent):
    """One attempt at a delivery."""

    started_at: Time
    latency_ms: int
    url: str
    request_headers: dict[str, str]
    """Those of Standard Webhooks, but for the signature."""
    response_status: int | None
    """Null where no answer came."""
    response_body: str
    """The beginning of it."""
    error_code: str | None
    error_detail: str | None


class Delivery(Sent):
    """A message to a webhook."""

    id: str
    """The `webhook-id` of each attempt."""
    webhook_id: str
    seq: int | None
    """The event's number; null for a ping."""
    type: str
    subject_id: str
    status: DeliveryStatus
    next_attempt_at: Time | None
    """While it waits."""
    created_at: Time
    ended_at: Time | None
    request_body: str
    """What is sent, to the letter."""
    attempts: list[DeliveryAttempt]


class DeliveryPage(Sent):
    """Deliveries, newest first."""

    items: list[Delivery]
    next_cursor: str | None


class Replay(Sent):
    """What is sent again."""

    queued: int
    """How many deliveries."""
    next_cursor: str | None
    """There are more: ask again with this cursor."""


class NewWebhook(Taken):
    """An address that is to be told of events."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "https://example.org/hooks/video", "events": ["asset.*", "job.failed"]}}
    )

    url: Annotated[str, Field(max_length=2000, examples=["https://example.org/hooks/video"])]
    """https:// or http://; redirects are not followed, and private addresses are refused."""
    events: Patterns = Field(list(USUAL))
    """Types ("job.done"), all of a subject ("asset.*"), or all ("*"); left out, all but the steps of tasks."""
    description: Annotated[str, Field(max_length=500)] = ""
    enabled: bool = True


class WebhookPatch(Taken):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"events": ["asset.*"], "enabled": True}})

    url: Annotated[str, Field(max_length=2000), KEPT] = ""
    events: Annotated[Patterns, KEPT] = Field(list(USUAL))
    description: Annotated[str, Field(max_length=500), KEPT] = ""
    enabled: Annotated[bool, KEPT] = True


class Rotation(Taken):
    """How a secret is changed."""

    model_config = ConfigDict(json_schema_extra={"example": {"overlap_s": 3600}})

    overlap_s: Annotated[int, Field(ge=0, le=7 * 24 * 3600)] = 24 * 3600
    """How long the secret before signs as well; 0 where it became known to others."""


class ReplaySince(Taken):
    """What to send again."""

    model_config = ConfigDict(json_schema_extra={"example": {"since": "2026-11-21T00:00:00Z"}})

    since: Instant
    """Events from this time on (RFC 3339), as far as they are kept."""
    delivered: bool = False
    """Also what was delivered; left out, what failed or was never sent."""
    cursor: Annotated[str | None, Field(max_length=200)] = None
    """`next_cursor` of the answer before."""


class Mail(Sent):
    """A mail in the log."""

    id: str
    recipient: str
    template: str
    status: Literal["waiting", "sent", "failed"]
    attempts: int
    error_code: str | None
    error_detail: str | None
    created_at: Time
    next_attempt_at: Time | None
    ended_at: Time | None


class MailPage(Sent):
    """Mails, newest first."""

    items: list[Mail]
    next_cursor: str | None
