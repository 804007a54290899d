"""`Idempotency-Key` on POST: a request that is sent twice is carried out once, and answered the same."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header
from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from vidcompute.services import idempotency
from vidcompute.services.accounts import Principal
from vidcompute.services.idempotency import Answer, Request

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A text of your choice, new for each request. Sent again within a day, it gets the same answer.",
    ),
]


def request_of(caller: Principal, key: str | None, *parts: bytes | str) -> Request | None:
    """The request as the service tells it from others: by its method, path and body (`parts`); None without a key."""
    if key is None:
        return None
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return Request(caller.organization_id, key, digest.hexdigest())


def carry_out(conn: Connection, request: Request | None, work: Callable[[Connection], Answer]) -> Answer:
    """What `work` answers, once for each key."""
    return work(conn) if request is None else idempotency.once(conn, request, work)


def response_of(answer: Answer, headers: dict[str, str] | None = None) -> Response:
    """An answer as the response; a repeated one says so."""
    extra: dict[str, Any] = dict(headers or {})
    if answer.replayed:
        extra["Idempotent-Replayed"] = "true"
    return JSONResponse(answer.body, answer.status, extra)
