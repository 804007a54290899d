"""The tables of what goes out: how far the outbox was followed, webhooks and their deliveries, mails."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from vidcompute.db.schema import Document, Milliseconds, metadata

WAITING = text("status = 'waiting'")

cursors = Table(
    "cursors",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # the newest event that was dealt with
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("description", String(500), nullable=False),
    Column("events", Document, nullable=False),  # patterns: "job.done", "asset.*", "*"
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", String(40)),  # "failing" or "gone" where the platform did it
    Column("after_seq", BigInteger, nullable=False),  # it is told of what came after this event
    Column("secret_version", Integer, nullable=False),  # secrets are derived from the server's key: none is stored
    Column("old_secret_until_ms", Milliseconds),  # the version before signs as well until then
    Column("failing_since_ms", Milliseconds),  # the first failure since the last success
    Column("created_ms", Milliseconds, nullable=False),
    Column("updated_ms", Milliseconds, nullable=False),
    Index("ix_webhooks_organization_id", "organization_id", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),  # what receivers see as webhook-id
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger),  # the event's number; null for a ping
    Column("type", String(60), nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("body", Text, nullable=False),  # as it is sent, each time the same
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),  # since it was made, or replayed: its place in the schedule
    Column("next_ms", Milliseconds, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("ended_ms", Milliseconds),
    CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name="status"),
    UniqueConstraint("webhook_id", "seq"),
    Index("ix_deliveries_newest", "webhook_id", "id"),
    Index("ix_deliveries_due", "webhook_id", "next_ms", "seq", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_deliveries_created_ms", "created_ms"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_ms", Milliseconds, nullable=False),
    Column("latency_ms", BigInteger, nullable=False),
    Column("url", String(2000), nullable=False),
    Column("request_headers", Document, nullable=False),  # without the signature
    Column("response_status", Integer),
    Column("response_body", Text, nullable=False),  # its beginning
    Column("error_code", String(100)),
    Column("error_detail", Text),
)

mails = Table(
    "mails",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id")),  # null for what concerns a person alone
    Column("recipient", String(320), nullable=False),
    Column("template", String(40), nullable=False),
    Column("values", Document),  # what the template is filled with; forgotten when it is sent: links may open things
    Column("unsubscribe", Text),  # the address that ends mails of this kind, as long as the values are kept
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", Milliseconds, nullable=False),
    Column("error_code", String(100)),
    Column("error_detail", Text),
    Column("created_ms", Milliseconds, nullable=False),
    Column("ended_ms", Milliseconds),
    CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
    Index("ix_mails_newest", "organization_id", "id"),
    Index("ix_mails_due", "next_ms", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_mails_created_ms", "created_ms"),
)
