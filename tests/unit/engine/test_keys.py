"""API keys: what they may do, how long, and what the audit log tells of them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from tests.unit.engine.toys import ORG
from vidcompute.db import acting, outbox, schema
from vidcompute.db.acting import Actor
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.services import accounts, audit
from vidcompute.services.accounts import NewKey, Principal, Role, Scope
from vidcompute.services.audit import AuditFilter

READS = frozenset({Scope.ASSETS_READ, Scope.JOBS_READ, Scope.KEYS_READ, Scope.KEYS_WRITE})
OWNER = Principal(ORG, accounts.scopes_of(Role.OWNER, ORG), "owner", key_id="key_owner")
READER = Principal(ORG, READS, "reader", key_id="key_reader")
HOUR_MS = 3_600_000


def make(conn: Connection, *scopes: str, by: Principal = OWNER, expires_ms: int | None = None) -> tuple[str, str]:
    """A key's id and its secret."""
    key, secret = accounts.create_key(conn, by, NewKey("a key", scopes, expires_ms), most=50)
    return key.id, secret


def code_of(work: Callable[[], Any]) -> str:
    with pytest.raises(VidComputeError) as caught:
        work()
    return caught.value.code


def test_a_key_opens_what_it_was_made_for_and_its_secret_is_kept_nowhere(conn: Connection) -> None:
    key_id, secret = make(conn, "jobs:read", "assets:write")
    caller = accounts.authenticate(conn, secret)
    assert (caller.key_id, caller.organization_id) == (key_id, ORG)
    assert caller.scopes == {Scope.JOBS_READ, Scope.ASSETS_WRITE}
    everything = [str(row) for table in schema.metadata.sorted_tables for row in conn.execute(select(table))]
    assert not [row for row in everything if secret in row]
    assert secret.startswith(accounts.get_key(conn, ORG, key_id).prefix)


def test_nobody_makes_a_key_that_may_do_more_than_they_may(conn: Connection) -> None:
    assert code_of(lambda: make(conn, "jobs:write", by=READER)) == "scope_not_granted"
    assert code_of(lambda: make(conn, "*", by=READER)) == "scope_not_granted"
    key_id, _ = make(conn, "jobs:read", "assets:read", by=READER)
    stronger, _ = make(conn, "*")
    rotated, _ = accounts.rotate_key(conn, READER, key_id, overlap_ms=0)
    assert rotated.scopes == ["assets:read", "jobs:read"]
    assert code_of(lambda: accounts.rotate_key(conn, READER, stronger, overlap_ms=0)) == "scope_not_granted"


def test_a_word_that_is_no_scope_any_more_opens_nothing(conn: Connection) -> None:
    assert accounts.scopes_of_key(["gone:write", "jobs:read"], ORG) == {Scope.JOBS_READ}


def test_a_key_ends_when_it_was_told_to(conn: Connection) -> None:
    at = outbox.now_ms()
    assert code_of(lambda: make(conn, "jobs:read", expires_ms=at)) == "expiry_past"
    key_id, secret = make(conn, "jobs:read", expires_ms=at + HOUR_MS)
    assert accounts.authenticate(conn, secret).key_id == key_id
    conn.execute(schema.api_keys.update().values(expires_ms=at - 1))
    assert code_of(lambda: accounts.authenticate(conn, secret)) == "invalid_api_key"
    assert code_of(lambda: accounts.rotate_key(conn, OWNER, key_id, overlap_ms=0)) == "key_dead"


def test_a_key_that_is_replaced_goes_on_for_a_while(conn: Connection) -> None:
    key_id, secret = make(conn, "jobs:read")
    fresh, fresh_secret = accounts.rotate_key(conn, OWNER, key_id, overlap_ms=HOUR_MS)
    assert (fresh.replaces, fresh.scopes) == (key_id, ["jobs:read"])
    assert {accounts.authenticate(conn, text).key_id for text in (secret, fresh_secret)} == {key_id, fresh.id}
    ends = accounts.get_key(conn, ORG, key_id).expires_ms
    assert ends is not None
    assert 0 < ends - outbox.now_ms() <= HOUR_MS
    accounts.rotate_key(conn, OWNER, key_id, overlap_ms=0)
    assert code_of(lambda: accounts.authenticate(conn, secret)) == "invalid_api_key"


def test_a_revoked_key_opens_nothing_and_is_listed_on_request(conn: Connection) -> None:
    key_id, secret = make(conn, "jobs:read")
    kept, _ = make(conn, "jobs:read")
    accounts.revoke_key(conn, ORG, key_id)
    assert accounts.revoke_key(conn, ORG, key_id).revoked_ms
    assert code_of(lambda: accounts.authenticate(conn, secret)) == "invalid_api_key"
    alive = accounts.list_keys(conn, ORG, alive_ms=outbox.now_ms())
    assert [key.id for key in alive.items] == [kept]
    assert {key.id for key in accounts.list_keys(conn, ORG).items} == {key_id, kept}


def test_an_organization_has_so_many_keys_and_no_more(conn: Connection) -> None:
    wanted = NewKey("a key", ("jobs:read",))
    first, _ = accounts.create_key(conn, OWNER, wanted, most=1)
    assert code_of(lambda: accounts.create_key(conn, OWNER, wanted, most=1)) == "keys_full"
    accounts.revoke_key(conn, ORG, first.id)
    accounts.create_key(conn, OWNER, wanted, most=1)


def test_what_somebody_does_stands_in_the_log_and_what_the_platform_does_does_not(conn: Connection) -> None:
    make(conn, "jobs:read")
    acting.bind(conn, Actor("key", "key_owner", "vck_owner", "req_1", "192.0.2.7"))
    key_id, secret = make(conn, "jobs:read")
    outbox.emit(conn, ORG, "task.cancelled", "task_1", {})
    (entry,) = audit.list_entries(conn, ORG, AuditFilter()).items
    assert (entry.action, entry.subject_id, entry.actor_id) == ("key.created", key_id, "key_owner")
    assert (entry.actor, entry.request_id, entry.address) == ("vck_owner", "req_1", "192.0.2.7")
    assert secret not in str(entry)


def test_the_log_is_filtered_paged_kept_apart_and_forgotten_in_time(conn: Connection) -> None:
    other = new_id("org")
    conn.execute(insert(schema.organizations).values(id=other, name="other", created_ms=1))
    acting.bind(conn, Actor("key", "key_a", "a"))
    for number in range(5):
        outbox.emit(conn, ORG, "thing.counted", f"thing_{number}", {"number": number})
    outbox.emit(conn, other, "thing.counted", "thing_theirs", {})
    acting.bind(conn, Actor("person", "person_b", "b"))
    outbox.emit(conn, ORG, "thing.deleted", "thing_1", {})
    first = audit.list_entries(conn, ORG, AuditFilter(), limit=4)
    rest = audit.list_entries(conn, ORG, AuditFilter(), limit=4, cursor=first.next_cursor)
    assert [len(page.items) for page in (first, rest)] == [4, 2]
    assert "thing_theirs" not in {entry.subject_id for page in (first, rest) for entry in page.items}
    for only, count in (
        (AuditFilter(action="thing.deleted"), 1),
        (AuditFilter(actor_id="key_a"), 5),
        (AuditFilter(subject_id="thing_1"), 2),
        (AuditFilter(to_ms=1), 0),
        (AuditFilter(from_ms=1), 6),
    ):
        assert len(audit.list_entries(conn, ORG, only).items) == count
    assert audit.prune(conn, 1) == 0
    assert audit.prune(conn, outbox.now_ms() + 1) == 7
