"""The guard: who makes a request, and whether they may. It stands before every route of the API.

What an operation asks for stands in one table (`services.accounts.access`). A request may bring an API key, as a Bearer
token or as the password of HTTP Basic; an app's access token, as a Bearer token; or a browser's cookie. People say by
`X-Organization` where they work.
"""

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request

from vidcompute import scrubbing
from vidcompute.api import cookies
from vidcompute.api.deps import Deps, Given
from vidcompute.api.pace import Pace
from vidcompute.api.problems import request_id_of
from vidcompute.db import acting
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.services import accounts, people
from vidcompute.services.accounts import OPERATIONS, Entry, Principal, Rule
from vidcompute.services.visitors import Visitor

_NOTED_MS = 5 * 60 * 1000  # a key's last use is known so closely; noting it at each request would be a write for each


def rule_of(request: Request) -> Rule | None:
    """What the operation asks for that the request came to; None where the table has no row for it."""
    return OPERATIONS.get(getattr(request.scope.get("route"), "operation_id", None) or "")


async def guard(request: Request, deps: Given) -> Principal | None:
    """Who makes the request; None where nobody is asked.

    Raises what `_identify` does; `scope_missing`, `person_required` or `second_factor_required` (403),
    `organization_not_found`, and `quota_requests` (429).
    """
    rule = rule_of(request)
    if rule is Entry.PUBLIC:
        return None
    caller = await _identify(request, deps)
    accounts.require(rule, caller.scopes, person=bool(caller.person_id), lacks_second_factor=caller.lacks_second_factor)
    kind, own_id = ("person", caller.person_id) if caller.person_id else ("key", caller.key_id)
    who = visitor_of(request)
    acting.become(acting.Actor(kind, own_id, caller.name, who.request_id, who.address))
    cast(Uses, request.app.state.uses).note(deps.db, caller)
    await cast(Pace, request.app.state.pace).hold(caller.organization_id)
    return caller


def visitor_of(request: Request) -> Visitor:
    """Where a request came from."""
    address = request.client.host if request.client else ""
    page = request.headers.get("referer") or request.headers.get("origin") or ""
    agent = request.headers.get("user-agent", "")
    return Visitor(address, agent, request_id_of(request), _host_of(page))


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a header may hold anything
        return ""


CameFrom = Annotated[Visitor, Depends(visitor_of)]


async def _identify(request: Request, deps: Deps) -> Principal:
    """Who the key, the token or the cookie stands for.

    `api_key_missing`, `invalid_api_key`, `invalid_token`, `token_expired`, `session_ended` (401), `cross_site` (403).
    """
    organization = request.headers.get("x-organization", "")
    secret, key_id = _secret(request.headers.get("authorization", ""))
    cookie = request.cookies.get(cookies.name_of(deps)) or ""
    scrubbing.hide_here(secret, cookie)
    if secret.count(".") == 2 and not key_id:
        return await deps.db.read(people.by_token, secret, organization)
    if secret:
        return await _by_key(deps, secret, organization, key_id)
    if cookie:
        cookies.check_site(request, deps)
        if accounts.is_key(cookie):
            return await _by_key(deps, cookie, organization)
        return await deps.db.read(people.by_cookie, cookie, organization)
    raise VidComputeError(Kind.UNAUTHENTICATED, "api_key_missing", "Send an API key: `Authorization: Bearer <key>`.")


async def _by_key(deps: Deps, secret: str, organization: str, key_id: str = "") -> Principal:
    """Who a key stands for; the id and the organization are those that the request names, if it does."""
    found = await deps.db.read(accounts.authenticate, secret)
    if key_id not in {"", found.key_id}:
        raise accounts.unknown_key()
    if organization not in {"", found.organization_id}:
        raise not_found("organization", organization)
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


async def _standing(caller: Caller, deps: Given) -> Callable[[], Awaitable[bool]]:
    async def stands() -> bool:
        if caller.key_id:
            now = await deps.db.read(accounts.scopes_now, caller.organization_id, caller.key_id)
        else:
            now = await deps.db.read(people.scopes_now, caller.organization_id, caller.session_id)
        return caller.scopes <= now

    return stands


Standing = Annotated[Callable[[], Awaitable[bool]], Depends(_standing)]
"""Whether who began something that goes on may still do all that they might then: asked again and again."""


class Uses:
    """Notes when keys and sessions were used: at times, and in no request's way."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def note(self, db: Database, caller: Principal) -> None:
        """Write this use down, unless one of the last minutes is."""
        own_id = caller.key_id or caller.session_id
        if own_id in self._under_way or now_ms() - caller.noted_ms < _NOTED_MS:
            return
        task = asyncio.create_task(self._note(db, caller), name="use")
        self._under_way[own_id] = task
        task.add_done_callback(lambda _: self._under_way.pop(own_id, None))

    async def _note(self, db: Database, caller: Principal) -> None:
        with contextlib.suppress(VidComputeError):  # a database that is away has more to lose than this
            if caller.key_id:
                await db.write(accounts.note_use, caller.key_id)
            else:
                await db.write(people.note_use, caller.session_id)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)


def unlisted(routers: Iterable[APIRouter]) -> list[str]:
    """The routes of these routers that the table of operations does not name."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return [f"{min(route.methods or '-')} {route.path}" for route in routes if route.operation_id not in OPERATIONS]
