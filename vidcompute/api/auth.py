"""The guard: who makes a request, and whether they may. It stands before every route of the API.

What an operation asks for stands in one table (`services.accounts.access`). A request may bring an API key, as a Bearer
token or as the password of HTTP Basic.
"""

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Iterable
from typing import Annotated, cast

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request

from vidcompute.api.deps import Deps, Given
from vidcompute.api.problems import request_id_of
from vidcompute.db import acting
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import accounts
from vidcompute.services.accounts import OPERATIONS, Entry, Principal, Rule

_NOTED_MS = 5 * 60 * 1000  # a key's last use is known so closely; noting it at each request would be a write for each


def rule_of(request: Request) -> Rule | None:
    """What the operation asks for that the request came to; None where the table has no row for it."""
    return OPERATIONS.get(getattr(request.scope.get("route"), "operation_id", None) or "")


async def guard(request: Request, deps: Given) -> Principal | None:
    """Who makes the request; None where nobody is asked.

    Raises `api_key_missing` or `invalid_api_key` (401), `scope_missing` or `person_required` (403).
    """
    rule = rule_of(request)
    if rule is Entry.PUBLIC:
        return None
    caller = await _identify(request, deps)
    accounts.require(rule, caller.scopes, person=bool(caller.person_id))
    address = request.client.host if request.client else ""
    kind, own_id = ("person", caller.person_id) if caller.person_id else ("key", caller.key_id)
    acting.become(acting.Actor(kind, own_id, caller.name, request_id_of(request), address))
    cast(Uses, request.app.state.uses).note(deps.db, caller)
    return caller


async def _identify(request: Request, deps: Deps) -> Principal:
    secret, key_id = _secret(request.headers.get("authorization", ""))
    if not secret:
        raise VidComputeError(
            Kind.UNAUTHENTICATED, "api_key_missing", "Send an API key: `Authorization: Bearer <key>`."
        )
    found = await deps.db.read(accounts.authenticate, secret)
    if key_id not in {"", found.key_id}:
        raise accounts.unknown_key()
    return found


def _secret(header: str) -> tuple[str, str]:
    """The key that a header carries, and the id that came with it; empty where there is none."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(), ""
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    # Some tools can only send a user: the key alone, as `curl -u "$KEY:"` does, is fine too.
    return (password, user) if password else (user, "")


async def _caller(found: Annotated[Principal | None, Depends(guard)]) -> Principal:
    if found is None:
        raise RuntimeError("a public operation asked for its caller")
    return found


Caller = Annotated[Principal, Depends(_caller)]


class Uses:
    """Notes when keys were used: at times, and in no request's way."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def note(self, db: Database, caller: Principal) -> None:
        """Write this use down, unless one of the last minutes is."""
        if caller.key_id in self._under_way or now_ms() - caller.noted_ms < _NOTED_MS:
            return
        task = asyncio.create_task(self._note(db, caller.key_id), name="key-use")
        self._under_way[caller.key_id] = task
        task.add_done_callback(lambda _: self._under_way.pop(caller.key_id, None))

    async def _note(self, db: Database, key_id: str) -> None:
        with contextlib.suppress(VidComputeError):  # a database that is away has more to lose than this
            await db.write(accounts.note_use, key_id)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)


def unlisted(routers: Iterable[APIRouter]) -> list[str]:
    """The routes of these routers that the table of operations does not name."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return [f"{min(route.methods or '-')} {route.path}" for route in routes if route.operation_id not in OPERATIONS]
