"""Events as everybody outside sees them: one shape for webhooks, lists, streams and brokers."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from vidcompute.db import outbox
from vidcompute.db.outbox import Event
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.services.accounts import Scope
from vidcompute.services.events.catalogue import CATALOGUE, heard_by, parse_patterns

_LARGEST_SEQ = 2**62
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Since:
    """Some events in order, and the cursor of what follows them; it is good for ever after."""

    items: tuple[Event, ...]
    next_cursor: str


def envelope(event: Event) -> dict[str, Any]:
    """An event as plain JSON values. `seq` grows with every event of the installation: it orders, and names."""
    declared = CATALOGUE.get(event.type)
    at = datetime.fromtimestamp(event.created_ms / 1000, UTC)
    return {
        "type": event.type,
        "version": declared.version if declared is not None else 1,
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seq": event.seq,
        "organization_id": event.organization_id,
        "subject_id": event.subject_id,
        "data": dict(event.data),
    }


def as_text(event: Event) -> str:
    """The envelope as the JSON text that is sent and signed."""
    return json.dumps(envelope(event), separators=(",", ":"), ensure_ascii=False)


def parse_cursor(cursor: str | None) -> int:
    """The number that a cursor stands for; 0, which is before every event, for None."""
    if cursor is None:
        return 0
    if not (_NUMBER.fullmatch(cursor) and int(cursor) <= _LARGEST_SEQ):
        raise invalid("invalid_cursor", "This cursor is not one that a list of events gave out.")
    return int(cursor)


def list_events(
    conn: Connection,
    organization_id: str,
    *,
    cursor: int,
    limit: int,
    types: Iterable[str] = (),
    subject_id: str | None = None,
    scopes: Collection[Scope] | None = None,
) -> Since:
    """Events after `cursor`, oldest first; of the types that these patterns name, and of one subject, where given.

    Where `scopes` are given, only of what they may read.

    Raises `events_expired` where some that followed the cursor are not kept any more.
    """
    if 0 < cursor < outbox.oldest_seq(conn) - 1:
        detail = "Events after this cursor were removed since; begin anew without one."
        raise VidComputeError(Kind.NOT_FOUND, "events_expired", detail)
    patterns = list(types)
    names = parse_patterns(patterns) if patterns else None
    if scopes is not None:
        heard = heard_by(scopes)
        names = heard if names is None else names & heard
    subjects = None if subject_id is None else [subject_id]
    last = max(cursor, outbox.last_seq(conn))
    found = outbox.events_since(conn, organization_id, cursor, subjects=subjects, types=names, limit=limit)
    # Where nothing is left out, the cursor goes to the newest event of all: it stays young while nothing happens.
    return Since(tuple(found), str(found[-1].seq if len(found) == limit else last))
