"""Every operation of the API, asked for by everybody, on a running platform: the rows of the table, and no more."""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import pytest
from sqlalchemy import Connection, insert, update

from tests.e2e import sweeping
from tests.e2e.sweeping import Operation
from tests.fixtures.platform import Server
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services import accounts
from vidcompute.services.accounts import OPERATIONS, Entry, Scope, keys

T = TypeVar("T")


def in_database(server: Server, step: Callable[[Connection], T]) -> T:
    """Do something to the rows of a running platform."""

    async def work() -> T:
        database = Database.open(server.database_url)
        try:
            return await database.write(step)
        finally:
            await database.close()

    return asyncio.run(work())


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@dataclass(frozen=True)
class World:
    """A running platform with two organizations: what the local one has, and a key of the other one."""

    server: Server
    client: httpx2.Client
    operations: list[Operation]
    ids: dict[str, str]
    stranger: str

    def ask(self, operation: Operation, secret: str, **ids: str) -> sweeping.Told:
        """Ask for something that is not there, so that nothing comes of it."""
        asked = {**sweeping.unknown(), **ids}
        return sweeping.ask(self.client, operation, asked, bearer(secret) if secret else {}, full=bool(ids))


@pytest.fixture(scope="module")
def world(server: Server) -> Generator[World]:
    def other(conn: Connection) -> str:
        organization_id, secret = new_id("org"), keys.new_secret()
        conn.execute(insert(schema.organizations).values(id=organization_id, name="other", created_ms=1))
        keys.add_whole(conn, organization_id, "theirs", secret)
        return secret

    with server.client() as mine:
        made = mine.post("/api/v1/jobs", json={"input": "http://127.0.0.1:9/none.mp4"}).json()
        key = mine.post("/api/v1/keys", json={"name": "mine", "scopes": ["jobs:read"]}).json()
        upload = mine.post("/api/v1/uploads", json={"size_bytes": 9}).json()
        hook = mine.post("/api/v1/webhooks", json={"url": "https://receiver.invalid/"}).json()
        ping = mine.post(f"/api/v1/webhooks/{hook['id']}/ping").json()
        document = mine.get("/openapi.json").json()
        ids = {"job_id": made["id"], "asset_id": made["asset_id"], "key_id": key["id"]}
        ids |= {"upload_id": upload["id"], "webhook_id": hook["id"], "delivery_id": ping["id"]}
        with httpx2.Client(base_url=server.url, timeout=30, trust_env=False) as client:
            found = list(sweeping.operations(document))
            yield World(server, client, found, ids, in_database(server, other))


def test_the_sweep_knows_every_operation_and_identifier(world: World) -> None:
    assert {operation.name for operation in world.operations} <= set(OPERATIONS)
    assert {name for operation in world.operations for name in operation.ids} == set(sweeping.KINDS)
    assert set(world.ids) == set(sweeping.KINDS)
    assert len(world.operations) > 20


def test_nothing_opens_without_a_key_that_lives(world: World, server: Server) -> None:
    with server.client() as mine:
        expired, revoked = (mine.post("/api/v1/keys", json={"name": "x", "scopes": ["*"]}).json() for _ in range(2))
        mine.delete(f"/api/v1/keys/{revoked['id']}")
    ended = update(schema.api_keys).where(schema.api_keys.c.id == expired["id"]).values(expires_ms=1)
    in_database(server, lambda conn: conn.execute(ended) and None)
    for operation in world.operations:
        for secret in ("", "vck_" + "A" * 43, expired["secret"], revoked["secret"]):
            told = world.ask(operation, secret)
            assert (told.status == 401) == (operation.rule is not Entry.PUBLIC), (operation, told)


def test_a_key_with_one_scope_opens_what_stands_in_its_row(world: World, server: Server) -> None:
    for scope in Scope:
        with server.client() as mine:
            key = mine.post("/api/v1/keys", json={"name": scope, "scopes": [scope]}).json()
        for operation in world.operations:
            told = world.ask(operation, key["secret"])
            opens = operation.rule in {scope, Entry.SIGNED_IN, Entry.PUBLIC}
            assert (told.status not in {401, 403}) == opens, (scope, operation, told)
            assert told.status < 500, (scope, operation, told)


def test_others_things_answer_exactly_like_what_is_not_there(world: World) -> None:
    asked = 0
    for operation in world.operations:
        if operation.ids and operation.rule is not Entry.PERSON:
            theirs = world.ask(operation, world.stranger, **{name: world.ids[name] for name in operation.ids})
            nobodys = world.ask(operation, world.stranger, **sweeping.unknown())
            assert theirs == nobodys, operation
            assert theirs.status == 404, (operation, theirs)
            asked += 1
    assert asked > 10


def test_what_was_asked_for_by_others_is_as_it_was(world: World, server: Server) -> None:
    with server.client() as mine:
        assert mine.get(f"/api/v1/assets/{world.ids['asset_id']}").status_code == 200
        assert mine.get(f"/api/v1/keys/{world.ids['key_id']}").json()["revoked_at"] is None
        assert mine.get(f"/api/v1/uploads/{world.ids['upload_id']}").json()["status"] == "uploading"
        assert not [key for key in mine.get("/api/v1/keys").json()["items"] if key["replaces"]]
    lists: dict[str, Any] = {}
    for path in ("assets", "jobs", "audit", "uploads"):
        lists[path] = world.client.get(f"/api/v1/{path}", headers=bearer(world.stranger)).json()["items"]
    assert lists == {"assets": [], "jobs": [], "audit": [], "uploads": []}


def test_the_local_key_may_do_everything(world: World, server: Server) -> None:
    with server.client() as mine:
        me = mine.get("/api/v1/caller").json()
    assert me["organization_id"] == LOCAL_ORGANIZATION
    assert set(me["scopes"]) == set(Scope) == accounts.scopes_of_key([accounts.ALL], LOCAL_ORGANIZATION)
