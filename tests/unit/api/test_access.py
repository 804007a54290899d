"""The tables of who may do what, and the guard before every route."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from tests.unit.api.conftest import Platform
from vidcompute.api import app, auth
from vidcompute.api.app import create_app
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services import accounts
from vidcompute.services.accounts import OPERATIONS, ROLES, Entry, Role, Scope


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Method, path and name of each operation in the document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation["operationId"]


def test_every_operation_has_a_row_and_every_row_an_operation(document: dict[str, Any]) -> None:
    assert {name for _, _, name in operations(document)} == set(OPERATIONS)


def test_a_route_without_a_row_does_not_start() -> None:
    router = APIRouter()

    @router.get("/api/v1/things", operation_id="list_things")
    async def things() -> None: ...

    @router.delete("/api/v1/things")
    async def nameless() -> None: ...

    assert auth.unlisted([router]) == ["GET /api/v1/things", "DELETE /api/v1/things"]


def test_every_route_below_api_is_guarded_and_says_so(document: dict[str, Any]) -> None:
    for method, path, name in operations(document):
        secured = document["paths"][path][method.lower()]["security"]
        assert bool(secured) == (OPERATIONS[name] is not Entry.PUBLIC), (method, path)
    apart = [route for router in (*app._PUBLIC, *app._APART) for route in router.routes if isinstance(route, APIRoute)]
    assert apart
    assert not [route.path for route in apart if route.path.startswith("/api/")]


def test_what_changes_something_wants_to_write_and_what_reads_does_not(document: dict[str, Any]) -> None:
    for method, path, name in operations(document):
        rule = OPERATIONS[name]
        if isinstance(rule, Scope):
            assert rule.value.endswith(":read" if method == "GET" else ":write"), (method, path)


def test_roles_grow_and_a_viewer_changes_nothing() -> None:
    granted = [ROLES[role] for role in sorted(Role, key=lambda role: role.rank)]
    assert all(less <= more for less, more in pairwise(granted))
    assert not [scope for scope in ROLES[Role.VIEWER] if scope.value.endswith(":write")]
    assert accounts.scopes_of(Role.OWNER, LOCAL_ORGANIZATION) == set(Scope)
    assert set(OPERATIONS.values()) >= set(Scope), "a scope that opens nothing"


def test_what_concerns_the_installation_is_for_those_who_run_it() -> None:
    elsewhere = accounts.scopes_of(Role.OWNER, new_id("org"))
    assert elsewhere == set(Scope) - accounts.INSTALLATION
    assert accounts.scopes_of_key([accounts.ALL], new_id("org")) == elsewhere


async def test_a_route_that_the_table_does_not_know_is_open_to_nobody(platform: Platform) -> None:
    router = APIRouter()

    @router.get("/api/v1/things", operation_id="list_things")
    async def things(caller: auth.Caller) -> str:
        return caller.name

    transport = httpx2.ASGITransport(create_app(platform.deps, [router]))
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        answer = await client.get("/api/v1/things")
    assert (answer.status_code, answer.json()["code"]) == (403, "operation_unlisted")


@pytest.mark.parametrize("rule", [Entry.PERSON, Scope.KEYS_WRITE, None])
def test_a_key_passes_where_its_scopes_lead_and_nowhere_else(rule: accounts.Rule | None) -> None:
    with pytest.raises(Exception, match=r"scope_missing|person_required|operation_unlisted"):
        accounts.require(rule, frozenset({Scope.KEYS_READ}), person=False)
    accounts.require(Scope.KEYS_READ, frozenset({Scope.KEYS_READ}), person=False)
    accounts.require(Entry.SIGNED_IN, frozenset(), person=False)
    accounts.require(Entry.PERSON, frozenset(), person=True)
