"""Requests with an Idempotency-Key: the transaction that does the work also records that it was done.

So nothing is done twice, whenever a server is killed. The answer is recorded in the same transaction where the work
returns one (`Answer`), else by the edge once it has made the response. A server that is killed between the two leaves
a record without an answer, and a repetition is told so.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, insert, update

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import idempotency_keys
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services.idempotency import queries

T = TypeVar("T")
LIFETIME_MS = 24 * 3600 * 1000
_UNANSWERED = 0  # in the place of the status


@dataclass(frozen=True)
class Answer:
    """A response: HTTP status, JSON body (no bytes at all where it `is_empty`), and headers.

    `replayed` says that it was recorded for an earlier request; `withheld` that a secret, which is shown only once, was
    taken out of it.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False
    replayed: bool = False
    withheld: bool = False


class RepeatedError(Exception):
    """Ends a request that was carried out before; `answer` is what it was answered then."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("repeated")
        self.answer = answer


class KeyedRequest:
    """A request with an Idempotency-Key. Implements `db.claims.Claim`.

    A fingerprint over all that it `cover`s tells it from another request with the same key. It `is_answered` where the
    work returned its answer, so that the edge has none to record.
    """

    def __init__(self, organization_id: str, key: str) -> None:
        self.is_open, self.is_done, self.is_answered = True, False, False
        self._organization_id, self._key = organization_id, key
        self._digest = hashlib.sha256()

    @classmethod
    def of_person(cls, person_id: str, key: str) -> "KeyedRequest":
        """A request that a person makes in their own name, not in that of an organization: their keys are their own."""
        # Some are in no organization, so these stand in the one that is always there.
        return cls(LOCAL_ORGANIZATION, f"{_begins(person_id)}{hashlib.sha256(key.encode()).hexdigest()}")

    def cover(self, *parts: bytes | str) -> None:
        """Add parts of the request (method, path, body, …) to its fingerprint, before it is recorded."""
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            self._digest.update(len(data).to_bytes(8, "big") + data)

    def recall(self, conn: Connection) -> None:
        """Do nothing for a new request; raise RepeatedError, with the answer, for one that was carried out before.

        Raises `idempotency_key_reused` (conflict) where the key was used for another request, and
        `idempotency_answer_missing` or `idempotency_secret_not_kept` (conflict) where the same one was carried out and
        can't be answered again.
        """
        row = queries.stored(conn, self._organization_id, self._key, now_ms() - LIFETIME_MS)
        if row is None:
            return
        if row.request_digest != self._digest.hexdigest():
            detail = "This Idempotency-Key was used for another request; use a new key for a new request."
            raise VidComputeError(Kind.CONFLICT, "idempotency_key_reused", detail)
        if row.status == _UNANSWERED:
            detail = "This was carried out, and its answer isn't there: ask again soon, or look at what there is."
            raise VidComputeError(Kind.CONFLICT, "idempotency_answer_missing", detail)
        answer = Answer(row.status, replayed=True, **row.response)
        if answer.withheld:
            detail = "This was carried out; its answer had a secret, which is shown once. `answer` is what else it had."
            raise VidComputeError(Kind.CONFLICT, "idempotency_secret_not_kept", detail, extra={"answer": answer.body})
        raise RepeatedError(answer)

    def within(self, conn: Connection, step: Callable[[Connection], T]) -> T:
        """Run `step`, and record the request and, where `step` returns one, its answer. Raises as `recall` does."""
        self.recall(conn)
        outcome = step(conn)
        answer = outcome if isinstance(outcome, Answer) else None
        self._keep(conn, answer)
        self.is_answered = answer is not None
        return outcome

    def _keep(self, conn: Connection, answer: Answer | None) -> None:
        conn.execute(delete(idempotency_keys).where(self._mine()))  # one that is over
        conn.execute(
            insert(idempotency_keys).values(
                organization_id=self._organization_id,
                key=self._key,
                request_digest=self._digest.hexdigest(),
                **({"status": _UNANSWERED} if answer is None else _row(answer)),
                created_ms=now_ms(),
            )
        )

    def answer(self, conn: Connection, answer: Answer) -> None:
        """Record the answer of a request that was recorded without one."""
        conn.execute(update(idempotency_keys).where(self._unanswered()).values(_row(answer)))

    def release(self, conn: Connection) -> None:
        """Remove the record, unless it has an answer: the request failed after its first transaction."""
        conn.execute(delete(idempotency_keys).where(self._unanswered()))

    def _mine(self) -> ColumnElement[bool]:
        table = idempotency_keys
        return (table.c.organization_id == self._organization_id) & (table.c.key == self._key)

    def _unanswered(self) -> ColumnElement[bool]:
        table = idempotency_keys
        same = table.c.request_digest == self._digest.hexdigest()
        return self._mine() & same & (table.c.status == _UNANSWERED)


def _row(answer: Answer) -> dict[str, Any]:
    told = {"headers": dict(answer.headers), "is_empty": answer.is_empty, "withheld": answer.withheld}
    return {"status": answer.status, "response": {**told, "body": answer.body}}


def _begins(person_id: str) -> str:
    return f"{person_id}:"


def forget(conn: Connection, person_id: str, addresses: Iterable[str]) -> int:
    """Forget the answers to a person, and all that name one of these addresses; how many there were."""
    mine = idempotency_keys.c.key.startswith(_begins(person_id), autoescape=True)
    return conn.execute(delete(idempotency_keys).where(mine | queries.naming(addresses))).rowcount


def purge(conn: Connection) -> int:
    """Forget keys that are past their lifetime; how many there were."""
    gone = delete(idempotency_keys).where(idempotency_keys.c.created_ms <= now_ms() - LIFETIME_MS)
    return conn.execute(gone).rowcount
