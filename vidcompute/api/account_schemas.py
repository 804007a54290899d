"""What the API sends and takes about API keys and the audit log: wire models."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken
from vidcompute.pipeline.spec import Instant
from vidcompute.services.accounts import Role, Scope

KEY_ID = "key_01kq3v8a4rj0t5w6x7y8z9abcg"
ORGANIZATION_ID = "org_01kq3v8a4rj0t5w6x7y8z9abch"

DAY_S = 24 * 3600
ScopeWord = Scope | Literal["*"]


class Caller(Sent):
    """Who a request was made by, and what they may do."""

    organization_id: str | None
    """The organization that is worked in; null for a person who is in none."""
    key_id: str | None
    person_id: str | None
    name: str
    """What people know them by: how the key begins, or an e-mail address."""
    role: Role | None
    """A person's role in the organization; null for a key."""
    scopes: list[Scope]


class Key(Sent):
    """An API key, without its secret."""

    id: str
    name: str
    prefix: str
    """How the secret begins."""
    scopes: list[str]
    """What it may do; `*` for everything."""
    replaces: str | None
    """The key that it was made for by rotation."""
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    """Within some minutes; null where it never was."""
    revoked_at: Time | None


class NewKey(Key):
    """An API key with its secret, which is shown this once."""

    secret: str


class KeyPage(Sent):
    """Some keys, newest first."""

    items: list[Key]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class KeyWish(Taken):
    """What an API key is made with."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "shop", "scopes": ["assets:read", "jobs:write"]}})

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """What people call it."""
    scopes: Annotated[list[ScopeWord], Field(min_length=1, max_length=100)]
    """What it may do: never more than its maker. `*` for everything."""
    expires_at: Instant | None = None
    """When it ends; left out, it does not."""


class KeyRotation(Taken):
    """How a key is replaced by a new one."""

    model_config = ConfigDict(json_schema_extra={"example": {"overlap_s": 3600}})

    overlap_s: Annotated[int, Field(ge=0, le=90 * DAY_S)] = DAY_S
    """How long the old one goes on."""
    expires_at: Instant | None = None
    """When the new one ends; left out, it does not."""


class AuditEntry(Sent):
    """Something that somebody did."""

    id: str
    at: Time
    action: str
    """An event's type, such as `asset.deleted`."""
    subject_id: str
    """What it was done to."""
    actor_kind: Literal["key", "person"]
    actor_id: str
    actor: str
    """What people know them by: how the key begins, or an e-mail address."""
    address: str
    """Where the request came from."""
    request_id: str
    data: dict[str, Any]
    """The event's data."""


class AuditPage(Sent):
    """Some entries of the audit log, newest first."""

    items: list[AuditEntry]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""
