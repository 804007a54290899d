"""Every table. Times are whole Unix milliseconds; documents are JSON; every row belongs to an organization."""

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Milliseconds = BigInteger

# Conditions of partial indexes. A query uses the very same text: with parameters no database could use the index.
READY = text("status = 'ready'")
LIVE_WITH_DEADLINE = text("status IN ('queued', 'running') AND deadline_ms IS NOT NULL")
QUEUED_WITH_DEADLINE = text("status = 'queued' AND queue_deadline_ms IS NOT NULL")
UNPLANNED = text("status IN ('queued', 'running') AND step IN ('arrived', 'fetched', 'probed')")
LIVE_JOB = text("status IN ('queued', 'running')")
FAILED_JOB = text("status = 'failed'")
DEAD_TASK = text("status = 'dead'")
UNFINISHED_UPLOAD = text("status = 'uploading'")
EXPIRING = text("expires_ms IS NOT NULL AND purge_ms IS NULL")
DELETED = text("purge_ms IS NOT NULL")


def _id(length: int = 40) -> Column[str]:
    return Column("id", String(length), primary_key=True)


def _organization() -> Column[str]:
    return Column("organization_id", ForeignKey("organizations.id"), nullable=False)


def _created() -> Column[int]:
    return Column("created_ms", Milliseconds, nullable=False)


def one_of(column: ColumnElement[str], words: Iterable[str]) -> ColumnElement[bool]:
    """The condition that a column has one of these words of ours, as literals: a list of parameters costs each time."""
    return column.in_([literal_column(f"'{word}'") for word in sorted(words)])


def _one_of(column: str, *words: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)


organizations = Table(
    "organizations",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    Column("slug", String(60)),  # a name for addresses
    Column("logo_digest", String(64)),  # of the picture in `logos`
    Column("second_factor_required", Boolean, nullable=False, server_default=false()),  # of its members
    Column("retention", Document),  # how long it keeps what it has, in seconds by kind; what is not named, for ever
    _created(),
    Index("ix_organizations_slug", "slug", unique=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _organization(),
    Column("name", String(200), nullable=False),
    Column("prefix", String(16), nullable=False),  # shown to people, so that they know which key it is
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the whole key, in hexadecimal
    Column("scopes", Document, nullable=False),  # what it may do: a list of words, or ["*"]
    Column("replaces", String(40)),  # the key that it was made for by rotation
    _created(),
    Column("expires_ms", Milliseconds),
    Column("used_ms", Milliseconds),  # within some minutes
    Column("revoked_ms", Milliseconds),
    Index("ix_api_keys_organization_id", "organization_id", "id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    _id(),
    _organization(),
    Column("name", String(200), nullable=False),
    Column("algorithm", String(10), nullable=False),
    Column("public_key", Document, nullable=False),  # a JSON Web Key; the private half is with its owner alone
    _created(),
    Column("revoked_ms", Milliseconds),
    _one_of("algorithm", "RS256", "ES256", "EdDSA"),
    Index("ix_signing_keys_organization_id", "organization_id", "id"),
)

sources = Table(
    "sources",
    metadata,
    _id(),
    _organization(),
    Column("digest", String(128), nullable=False),  # tree digest over the bytes
    Column("size_bytes", BigInteger, nullable=False),
    Column("storage_key", String(500), nullable=False),
    Column("name", String(1000), nullable=False),  # as the user called it: data, never a path
    _created(),
    Index("ix_sources_digest", "organization_id", "digest"),
    Index("ix_sources_storage_key", "storage_key"),
)

uploads = Table(
    "uploads",
    metadata,
    _id(),
    _organization(),
    Column("status", String(16), nullable=False),
    Column("kind", String(16), nullable=False),  # "partial" and "final" are those that TUS joins
    Column("name", String(1000), nullable=False),  # as the user called it: data, never a path
    Column("size_bytes", BigInteger),  # none as long as the sender has not said it
    Column("max_bytes", BigInteger, nullable=False),
    Column("offset_bytes", BigInteger, nullable=False),  # how many bytes are here for good
    Column("metadata", Text, nullable=False),  # Upload-Metadata as it was sent, to be given back
    Column("concat", Text),  # Upload-Concat of a final one, to be given back
    Column("job", Document),  # options of the job that begins with the last byte; none where none is wanted
    Column("direct", Document),  # of one that goes to the store in parts: where to, by whom, whether all are there
    Column("holder", String(40)),  # the folder that has its bytes while they come through a server
    Column("token_digest", String(64), unique=True),  # SHA-256 of the token in its one-time address
    Column("origin", String(300)),  # the only one whose pages may use that address
    Column("source_id", String(40)),  # no foreign keys: what it became may be deleted
    Column("job_id", String(40)),
    Column("asset_id", String(40)),
    Column("error_code", String(100)),
    Column("error_detail", Text),
    _created(),
    Column("expires_ms", Milliseconds, nullable=False),
    Column("patience_ms", Milliseconds),  # each byte that comes puts the end off until then; none: it is fixed
    Column("ended_ms", Milliseconds),
    _one_of("status", "uploading", "completed", "expired", "cancelled", "failed"),
    _one_of("kind", "whole", "partial", "final"),
    Index("ix_uploads_newest", "organization_id", "id"),
    Index(
        "ix_uploads_unfinished",
        "organization_id",
        "expires_ms",
        sqlite_where=UNFINISHED_UPLOAD,
        postgresql_where=UNFINISHED_UPLOAD,
    ),
    Index("ix_uploads_ended_ms", "ended_ms"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload_id", ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of a whole part of the tree digest, from 0
    Column("sha256", String(64), nullable=False),
    Column("etag", String(200)),  # of the part of the object store that ends here, where we have brought it
)

assets = Table(
    "assets",
    metadata,
    _id(),
    _organization(),
    Column("status", String(16), nullable=False),
    Column("title", String(500)),
    Column("passthrough", Text),
    Column("metadata", Document, nullable=False),
    Column("source_id", ForeignKey("sources.id")),
    Column("job_id", String(40)),  # the job that is at work on it, or was last; no foreign key: the two name each other
    Column("playback_id", String(40), nullable=False, unique=True),
    Column("playback_policy", String(16), nullable=False, server_default="public"),
    Column("password_digest", String(200)),  # argon2id
    Column("links_since_ms", Milliseconds),  # links that were signed before open nothing
    Column("poster_time_ms", BigInteger),  # of the picture that was chosen; none: the one that its job chose
    Column("facts", Document),
    Column("duration_ms", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("frame_rate", Double),
    Column("error_code", String(100)),
    Column("error_detail", Text),
    _created(),
    Column("updated_ms", Milliseconds, nullable=False),
    Column("expires_ms", Milliseconds),  # when it is deleted by itself
    Column("deleted_ms", Milliseconds),  # since when it is deleted; it can be restored
    Column("purge_ms", Milliseconds),  # until then: afterwards it goes for good
    _one_of("status", "preparing", "playable", "ready", "errored"),
    Index("ix_assets_newest", "organization_id", "id"),
    Index("ix_assets_source_id", "source_id"),
    Index("ix_assets_expiring", "organization_id", "expires_ms", sqlite_where=EXPIRING, postgresql_where=EXPIRING),
    Index("ix_assets_deleted", "organization_id", "id", sqlite_where=DELETED, postgresql_where=DELETED),
)

text_tracks = Table(
    "text_tracks",
    metadata,
    _id(),
    _organization(),
    Column("asset_id", ForeignKey("assets.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("language", String(63), nullable=False),  # BCP 47
    Column("name", String(200), nullable=False),  # what viewers choose it by
    Column("is_default", Boolean, nullable=False),
    Column("autoselect", Boolean, nullable=False),
    Column("forced", Boolean, nullable=False),
    Column("cues", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),  # of the stored WebVTT
    Column("end_ms", BigInteger, nullable=False),  # when the last text ends
    Column("peak_bps", BigInteger, nullable=False),
    Column("average_bps", BigInteger, nullable=False),
    Column("storage_key", String(500), nullable=False, unique=True),  # where its file lies, unless an artifact has it
    Column("content_key", String(64)),  # of the artifact that has its file, where a job took it out of the source
    Column("file", String(100)),  # its name there
    Column("stream", Integer),  # which of the source's streams it is
    Column("removed_ms", Milliseconds),  # since when somebody does without it, so that no job brings it again
    _created(),
    _one_of("kind", "subtitles", "captions"),
    Index("ix_text_tracks_asset_id", "asset_id", "id"),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _organization(),
    Column("asset_id", ForeignKey("assets.id"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("priority", Integer, nullable=False),  # rank: 0 low, 1 normal, 2 high
    Column("step", String(16), nullable=False),  # how far it is on the way to a plan
    Column("resume_from", String(40)),  # the stage that is made again, with what depends on it, once there is a plan
    Column("spec", Document, nullable=False),
    Column("plan", Document),
    Column("passthrough", Text),
    Column("error_kind", String(40)),
    Column("error_code", String(100)),
    Column("error_detail", Text),
    _created(),
    Column("deadline_ms", Milliseconds),  # when it fails unless it is done
    Column("queue_deadline_ms", Milliseconds),  # when it fails unless it has begun
    Column("started_ms", Milliseconds),
    Column("ended_ms", Milliseconds),
    Column("traceparent", String(55)),  # W3C trace context of the request that it came with, where that is traced
    Column("encode_reserved_ms", BigInteger, nullable=False, server_default="0"),  # of media, all renditions added up
    _one_of("status", "queued", "running", "done", "failed", "cancelled"),
    _one_of("step", "arrived", "fetching", "fetched", "probing", "probed", "planned"),
    Index("ix_jobs_newest", "organization_id", "id"),
    Index("ix_jobs_status", "organization_id", "status", "id"),
    Index("ix_jobs_asset_id", "asset_id"),
    Index(
        "ix_jobs_unplanned",
        "organization_id",
        "priority",
        "created_ms",
        sqlite_where=UNPLANNED,
        postgresql_where=UNPLANNED,
    ),
    Index("ix_jobs_deadline_ms", "deadline_ms", sqlite_where=LIVE_WITH_DEADLINE, postgresql_where=LIVE_WITH_DEADLINE),
    Index(
        "ix_jobs_queue_deadline_ms",
        "queue_deadline_ms",
        sqlite_where=QUEUED_WITH_DEADLINE,
        postgresql_where=QUEUED_WITH_DEADLINE,
    ),
    Index("ix_jobs_live", "kind", "status", sqlite_where=LIVE_JOB, postgresql_where=LIVE_JOB),
    Index("ix_jobs_failed", "error_kind", "kind", sqlite_where=FAILED_JOB, postgresql_where=FAILED_JOB),
)

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _organization(),
    Column("content_key", String(64), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("label", String(100), nullable=False),  # the plan node's id, such as "encode/3"
    Column("version", Integer, nullable=False),
    Column("options", Document, nullable=False),
    Column("encoder", String(40), nullable=False),
    Column("inputs", Document, nullable=False),  # [[name, ["source:<digest>" or a content key, …]], …]
    Column("needs", Document, nullable=False),
    Column("timeout_s", Double, nullable=False),
    Column("background", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False),  # the highest rank of its active interests
    Column("position", Integer, nullable=False),  # in the plan that made it: breaks ties
    Column("attempt", Integer, nullable=False),  # number of the newest attempt: the fencing token
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("waits_for", Text),  # in plain words, why it was not placed when the dispatcher last looked
    Column("error_kind", String(40)),
    Column("error_code", String(100)),
    Column("error_detail", Text),
    _created(),
    Column("ready_ms", Milliseconds),  # since when it may start (in the future: it waits to be tried again)
    Column("started_ms", Milliseconds),
    Column("ended_ms", Milliseconds),
    _one_of("status", "waiting", "ready", "placed", "running", "done", "dead", "cancelled"),
    UniqueConstraint("organization_id", "content_key"),
    Index(
        "ix_tasks_ready",
        "organization_id",
        "background",
        "priority",
        "created_ms",
        "position",
        sqlite_where=READY,
        postgresql_where=READY,
    ),
    Index("ix_tasks_postponed", "priority", "ready_ms", sqlite_where=READY, postgresql_where=READY),
    Index("ix_tasks_dead", "stage", sqlite_where=DEAD_TASK, postgresql_where=DEAD_TASK),
)

task_dependencies = Table(
    "task_dependencies",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("needs_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_task_dependencies_needs_id", "needs_id"),
)

interests = Table(
    "interests",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("plan_node_id", String(100), primary_key=True),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # of the node in the job's plan
    Column("active", Boolean, nullable=False),  # the job still wants it to run
    Index("ix_interests_task_id", "task_id"),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _organization(),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("node", String(200), nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("started_ms", Milliseconds),
    Column("ended_ms", Milliseconds),
    Column("outcome", String(16)),
    Column("error_kind", String(40)),
    Column("error_code", String(100)),
    Column("error_detail", Text),
    Column("progress", Document),
    Column("metrics", Document),
    Column("logs_key", String(500), nullable=False),
    _one_of("outcome", "ok", "failed", "lost", "cancelled"),
    UniqueConstraint("task_id", "number"),
    Index(
        "ix_attempts_live",
        "task_id",
        unique=True,  # one live attempt per task, held by the database itself
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("content_key", String(64), primary_key=True),
    Column("attempt_id", String(40), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("storage_prefix", String(500), nullable=False),
    Column("facts", Document, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("digest", String(128), nullable=False),
    _created(),
)

events = Table(
    "events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _organization(),
    Column("type", String(60), nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("data", Document, nullable=False),
    _created(),
    Index("ix_events_subject", "subject_id", "seq"),
    sqlite_autoincrement=True,  # numbers are never used again, so that Last-Event-ID stays true
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("organization_id", ForeignKey("organizations.id")),  # nothing: what a person did to their own account
    Column("action", String(60), nullable=False),  # an event's type
    Column("subject_id", String(40), nullable=False),
    Column("data", Document, nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", String(40), nullable=False),
    Column("actor", String(320), nullable=False),  # as people know it: a key's prefix, an e-mail address
    Column("request_id", String(128), nullable=False),
    Column("address", String(64), nullable=False),
    _created(),
    _one_of("actor_kind", "key", "person"),
    Index("ix_audit_newest", "organization_id", "id"),
    Index("ix_audit_created_ms", "created_ms"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("epoch", BigInteger, nullable=False),  # grows by one each time that somebody takes it
    Column("expires_ms", Milliseconds, nullable=False),  # by the database's clock
)

timers = Table(
    "timers",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("fired_ms", Milliseconds, nullable=False),  # the newest instant that was served
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),  # what servers sign with for each other; never an API key
    _created(),
)

library = Table(
    "library",
    metadata,
    Column("name", String(40), primary_key=True),  # there is one row
    Column("revision", BigInteger, nullable=False),  # grows by one with each change
    Column("place", Document),  # where new objects go
    Column("previous", Document),  # while it moves, where those lie that have not come yet
    Column("candidate", Document),  # a move that every server is to try first: {"at", "before", "mark"}
    Column("abandoned", Document, nullable=False),  # the places that it has left
)

servers = Table(
    "servers",
    metadata,
    _id(),  # of its installation
    Column("name", String(500), nullable=False),  # as people know it
    Column("revision", BigInteger, nullable=False),  # of the library, that it follows
    Column("trouble", Text),  # why it can't use the candidate
    Column("seen_ms", Milliseconds, nullable=False),  # by the database's clock
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),  # HTTP status of the answer
    Column("response", Document),
    _created(),
    Index("ix_idempotency_keys_created_ms", "created_ms"),
)
