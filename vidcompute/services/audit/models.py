"""What stands in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AuditEntry:
    """One deed: `action` is an event's type, `actor` what people know the key or the person by."""

    id: str
    action: str
    subject_id: str
    data: Mapping[str, Any]
    actor_kind: str
    actor_id: str
    actor: str
    request_id: str
    address: str
    created_ms: int


@dataclass(frozen=True)
class AuditFilter:
    """Which entries: of this action, by this key or person, about this subject, from and to a time."""

    action: str | None = None
    actor_id: str | None = None
    subject_id: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
