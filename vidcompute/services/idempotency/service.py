"""One transaction does the work and keeps its answer, so there is no state in between to recover from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import idempotency_keys
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services.idempotency import queries

LIFETIME_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Request:
    """A request under a key of the client's; `digest` is a SHA-256 over method, path and body."""

    organization_id: str
    key: str
    digest: str


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body. `replayed` says that it was kept from an earlier request."""

    status: int
    body: Any
    replayed: bool = False


def recall(conn: Connection, request: Request) -> Answer | None:
    """The answer that was given to this request before; `idempotency_key_reused` (conflict) for another request."""
    row = queries.stored(conn, request.organization_id, request.key, now_ms() - LIFETIME_MS)
    if row is None:
        return None
    if row.request_digest != request.digest:
        detail = "This Idempotency-Key was used for another request; use a new key for a new request."
        raise VidComputeError(Kind.CONFLICT, "idempotency_key_reused", detail)
    return Answer(row.status, row.response, replayed=True)


def once(conn: Connection, request: Request, work: Callable[[Connection], Answer]) -> Answer:
    """The kept answer, or that of `work`, which is kept with what it did; nothing is kept when `work` raises."""
    kept = recall(conn, request)
    if kept is not None:
        return kept
    answer = work(conn)
    table = idempotency_keys
    conn.execute(delete(table).where(table.c.organization_id == request.organization_id, table.c.key == request.key))
    conn.execute(
        insert(table).values(
            organization_id=request.organization_id,
            key=request.key,
            request_digest=request.digest,
            status=answer.status,
            response=answer.body,
            created_ms=now_ms(),
        )
    )
    return answer


def purge(conn: Connection) -> int:
    """Forget keys that are past their lifetime; how many there were."""
    gone = delete(idempotency_keys).where(idempotency_keys.c.created_ms <= now_ms() - LIFETIME_MS)
    return conn.execute(gone).rowcount
