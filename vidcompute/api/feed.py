"""An organization's events: by page, or as they happen; and the types that there are."""

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from sqlalchemy import Connection
from starlette.responses import Response

from vidcompute.api import event_schemas as schemas
from vidcompute.api import sse
from vidcompute.api.auth import Caller, Standing
from vidcompute.api.declared import problems
from vidcompute.api.deps import Deps, Given
from vidcompute.db import outbox
from vidcompute.services import events
from vidcompute.services.accounts import Principal
from vidcompute.services.events import Since

router = APIRouter(prefix="/api/v1", tags=["events"])

_LOOK_S = 1.0  # how soon the end of the server is noticed
_BATCH = 500

Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of an earlier page; sends what followed.")
]
Types = Annotated[
    list[str] | None,
    Query(
        alias="type",
        max_length=100,
        description='Only these types: "job.done", "asset.*"; may be repeated. Left out: all.',
        examples=[["asset.*"]],
    ),
]
Subject = Annotated[
    str | None, Query(alias="subject_id", max_length=100, description="Only events of this asset, job, task, ….")
]


@dataclass(frozen=True)
class _Wanted:
    types: tuple[str, ...]
    subject_id: str | None

    def after(self, conn: Connection, caller: Principal, seq: int, limit: int) -> Since:
        return events.list_events(
            conn,
            caller.organization_id,
            cursor=seq,
            limit=limit,
            types=self.types,
            subject_id=self.subject_id,
            scopes=caller.scopes,
        )


async def _wanted(types: Types = None, subject_id: Subject = None) -> _Wanted:
    return _Wanted(tuple(types or ()), subject_id)


@router.get("/events", operation_id="list_events", summary="List events", responses=problems(400, 401, 410, 422))
async def list_events(
    caller: Caller,
    deps: Given,
    wanted: Annotated[_Wanted, Depends(_wanted)],
    limit: Annotated[int, Query(ge=1, le=_BATCH, description="How many items to send at most.")] = 100,
    cursor: Cursor = None,
) -> schemas.EventPage:
    """What happened, oldest first, from the oldest that is kept or from a cursor on. Come back with `next_cursor`."""
    found = await deps.db.read(wanted.after, caller, events.parse_cursor(cursor), limit)
    items = [schemas.Event.model_validate(events.envelope(event)) for event in found.items]
    return schemas.EventPage(items=items, next_cursor=found.next_cursor)


@router.get(
    "/events/stream",
    operation_id="follow_events",
    summary="Follow events",
    response_class=Response,
    responses=problems(
        400,
        401,
        410,
        422,
        own={
            200: {
                "description": "Server-sent events: `id` is the event's number, `event` its type, `data` the event as "
                "`GET /api/v1/events` has it. The type `cursor` only tells a number to come back with.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": 'id: 17\nevent: job.started\ndata: {"type":"job.started","version":1,"seq":17}\n\n',
                    }
                },
            }
        },
    ),
)
async def follow_events(
    caller: Caller,
    deps: Given,
    wanted: Annotated[_Wanted, Depends(_wanted)],
    standing: Standing,
    cursor: Cursor = None,
    *,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="Number of the last event that you have; sends what followed."),
    ] = None,
) -> Response:
    """Every event of the organization as it happens: from now on, or from what you have. None is left out."""
    given = last_event_id or cursor
    seq = await deps.db.read(outbox.last_seq) if given is None else events.parse_cursor(given)
    await deps.db.read(wanted.after, caller, seq, 1)  # what is wrong is told as a problem
    return sse.EventStream(_stream(deps, caller, wanted, seq), standing)


async def _stream(deps: Deps, caller: Principal, wanted: _Wanted, seq: int) -> AsyncGenerator[bytes]:
    yield sse.event("cursor", {"seq": seq}, seq)
    told, sent_s, look = seq, time.monotonic(), True
    with deps.db.subscribe() as subscription:
        while not deps.closing.is_set():
            if look:
                found = await deps.db.read(wanted.after, caller, seq, _BATCH)
                for event in found.items:
                    yield sse.event(event.type, events.envelope(event), event.seq)
                    told, sent_s = event.seq, time.monotonic()
                seq = int(found.next_cursor)
                if len(found.items) == _BATCH:
                    continue
            if time.monotonic() - sent_s >= sse.HEARTBEAT_S:
                # The number keeps what the client has young, while nothing happens that it wants to hear of.
                yield sse.HEARTBEAT if told == seq else sse.event("cursor", {"seq": seq}, seq)
                told, sent_s = seq, time.monotonic()
            look = await subscription.wait(_LOOK_S)


@router.get("/event-types", operation_id="list_event_types", summary="List types of events", responses=problems(401))
async def list_event_types(caller: Caller) -> schemas.EventTypeList:
    """Every type of event that there is, with the schema of its data."""
    del caller
    items = [
        schemas.EventTypeView(
            name=kind.name, summary=kind.summary, version=kind.version, data_schema=kind.data.model_json_schema()
        )
        for kind in events.CATALOGUE.values()
    ]
    return schemas.EventTypeList(items=items)
