"""The transaction that does the work keeps that it was done, so that nothing is done twice, whatever is killed when.

Its answer is kept with it where the work gives one (`Answer`), else when the edge has made it. A server that dies in
that moment leaves what was done without its answer, and who asks again is told so.
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
    """An HTTP status, a JSON body (none at all where it `is_empty`), and headers.

    `replayed` says that it was kept from an earlier request; `withheld` that something of it is shown once alone, and
    isn't in here.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False
    replayed: bool = False
    withheld: bool = False


class RepeatedError(Exception):
    """The request was carried out before, and this was its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("repeated")
        self.answer = answer


class Once:
    """What one request asks for under a key of its client's. Implements `db.claims.Claim`.

    It is told from others by what it `cover`s. It `is_answered` where the work gave its answer.
    """

    def __init__(self, organization_id: str, key: str) -> None:
        self.is_open, self.is_done, self.is_answered = True, False, False
        self._organization_id, self._key = organization_id, key
        self._digest = hashlib.sha256()

    @classmethod
    def of_person(cls, person_id: str, key: str) -> "Once":
        """What a person asks for in their own name, wherever they are a member: nobody else has their keys."""
        # Some are in no organization, so these stand in the one that is always there.
        return cls(LOCAL_ORGANIZATION, f"{_begins(person_id)}{hashlib.sha256(key.encode()).hexdigest()}")

    def cover(self, *parts: bytes | str) -> None:
        """Method, path, body, …: with others it is another request."""
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            self._digest.update(len(data).to_bytes(8, "big") + data)

    def recall(self, conn: Connection) -> None:
        """Raise RepeatedError with the answer that was given to this request before, where it is not new.

        `idempotency_key_reused` (conflict) for another request; `idempotency_answer_missing` and
        `idempotency_secret_not_kept` (conflict) for one that was carried out and can't be answered again.
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
        """Carry a step out and keep that it was; raises as `recall` does. Nothing is kept of one that raises."""
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
        """Keep the answer of what was carried out without one."""
        conn.execute(update(idempotency_keys).where(self._unanswered()).values(_row(answer)))

    def release(self, conn: Connection) -> None:
        """Let it be carried out again: it was begun, and failed after all."""
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
