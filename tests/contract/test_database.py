"""What every kind of database does for the engine: the stories of the engine's own tests, on each."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, insert, make_url, text

from tests.fixtures.postgresql import PostgresServer
from tests.unit.engine import (
    test_assets,
    test_attempts,
    test_db,
    test_events,
    test_housekeeping,
    test_idempotency,
    test_jobs,
    test_mail,
    test_metering,
    test_people_told_and_erased,
    test_prelude,
    test_quotas,
    test_recording,
    test_text_tracks,
)
from tests.unit.engine.toys import ORG
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db import migrate, outbox, schema
from vidcompute.db.engine import Database, looked_at, try_out
from vidcompute.errors import VidComputeError

_SQLITES_OWN = {
    "test_the_database_is_durable_and_strict",
    "test_data_is_kept_when_the_database_is_opened_again",
    "test_what_is_asked_often_is_answered_from_an_index",
    "test_looking_for_work_goes_along_the_queue_and_sorts_nothing",
    "test_a_full_disk_is_told_and_leaves_no_part_of_what_was_under_way",  # a file of its own is bounded for it
    "test_a_full_disk_refuses_nobody_but_who_needs_room",  # likewise
    "test_an_address_that_is_none_is_refused",  # before any database is asked
}
_TAKES_A_DATABASE = {"conn", "db"}


def _stories() -> dict[str, object]:
    """The engine's tests that are given a connection or a database; here they are given PostgreSQL's."""
    found = {}
    own = (test_assets, test_attempts, test_db, test_events, test_housekeeping, test_idempotency, test_jobs, test_mail)
    more = (test_metering, test_people_told_and_erased, test_prelude, test_quotas, test_recording, test_text_tracks)
    for module in (*own, *more):
        for name, story in vars(module).items():
            if name.startswith("test_") and name not in _SQLITES_OWN and callable(story):
                code = story.__code__
                if _TAKES_A_DATABASE & set(code.co_varnames[: code.co_argcount]):
                    found[name] = story
    return found


globals().update(_stories())


@pytest.fixture
def conn(migrated_postgres_url: str) -> Generator[Connection]:
    """A connection to a fresh database with every table and the built-in organization."""
    engine = create_engine(make_url(migrated_postgres_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        connection.execute(insert(schema.organizations).values(id=ORG, name="local", created_ms=1))
        connection.commit()
        yield connection
    engine.dispose()


@pytest.fixture
async def db(migrated_postgres_url: str) -> AsyncGenerator[Database]:
    """A fresh database with the built-in organization."""
    database = Database.open(migrated_postgres_url)
    await database.write(lambda c: c.execute(insert(schema.organizations).values(id=ORG, name="x", created_ms=1)))
    with database.subscribe() as subscription:
        await subscription.wait(10)  # from now on it listens
    yield database
    await database.close()


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "storage")


async def test_a_database_is_tried_out_by_writing(postgres_url: str, tmp_path: Path) -> None:
    for url in (postgres_url, f"sqlite:///{tmp_path / 'test.db'}"):
        await Database.open(url).close()
        try_out(url)
        with looked_at(url) as connection:
            assert connection.execute(text("SELECT count(*) FROM leases")).scalar() == 0


def test_migrations_make_exactly_the_declared_tables_on_postgresql(postgres_url: str) -> None:
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        migrate.migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


async def test_processes_hear_of_each_others_events_and_never_write_at_once(migrated_postgres_url: str) -> None:
    one, other = Database.open(migrated_postgres_url), Database.open(migrated_postgres_url)
    await one.write(lambda c: c.execute(insert(schema.organizations).values(id=ORG, name="x", created_ms=1)))

    def count_up(conn: Connection) -> None:
        seen = outbox.last_seq(conn)
        conn.execute(text("SELECT pg_sleep(0.001)"))
        outbox.emit(conn, ORG, "thing.counted", str(seen), {})

    with other.subscribe() as subscription:
        await subscription.wait(10)  # it listens
        await one.write(count_up)
        assert await subscription.wait(10)
    await asyncio.gather(*(database.write(count_up) for database in (one, other) for _ in range(20)))
    events = await one.read(outbox.all_since, 0)
    assert [event.subject_id for event in events] == ["0", *(str(event.seq) for event in events[:-1])]
    await one.close()
    await other.close()


async def test_a_server_that_was_killed_is_told_of_and_found_again(
    postgres_server: PostgresServer, migrated_postgres_url: str
) -> None:
    database = Database.open(migrated_postgres_url)
    await database.write(lambda c: c.execute(insert(schema.organizations).values(id=ORG, name="x", created_ms=1)))
    with database.subscribe() as subscription:
        await subscription.wait(10)
        postgres_server.kill()
        calls = [database.write(outbox.emit, ORG, "thing.lost", str(n), {}) for n in range(9)]
        for error in await asyncio.gather(database.read(outbox.last_seq), *calls, return_exceptions=True):
            assert isinstance(error, VidComputeError)
            assert error.code == "database_unavailable"
        await asyncio.to_thread(postgres_server.start)
        await database.write(outbox.emit, ORG, "thing.happened", "it", {})
        assert await subscription.wait(10)
    assert [event.type for event in await database.read(outbox.all_since, 0)] == ["thing.happened"]
    await database.close()


async def test_sessions_that_ended_while_nobody_used_them_are_made_anew_unseen(
    db: Database, migrated_postgres_url: str
) -> None:
    """As when the server is started anew between two requests."""
    await db.read(outbox.last_seq)
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(migrated_postgres_url) as administrator:
        ended = administrator.execute(f"SELECT pg_terminate_backend(pid, 5000) {others}").fetchall()
    assert len(ended) >= 2
    assert await db.read(outbox.last_seq) == 0
    await db.write(outbox.emit, ORG, "thing.happened", "it", {})
    assert [event.type for event in await db.read(outbox.all_since, 0)] == ["thing.happened"]


async def test_a_session_that_is_ended_amid_steps_undoes_them_all_and_says_so(db: Database) -> None:
    def step(conn: Connection, number: int) -> None:
        outbox.emit(conn, ORG, "thing.counted", str(number), {})
        if number == 20:
            conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    outcomes = await asyncio.gather(*(db.write(step, n) for n in range(40)), return_exceptions=True)
    broken = {n for n, outcome in enumerate(outcomes) if outcome is not None}
    assert {getattr(outcomes[n], "code", outcomes[n]) for n in broken} == {"database_unavailable"}
    assert 20 in broken
    kept = {int(event.subject_id) for event in await db.read(outbox.all_since, 0) if event.type == "thing.counted"}
    assert kept == set(range(40)) - broken


@pytest.mark.parametrize("url", ["postgresql://nobody@/nothing?host=/nowhere", "postgresql://127.0.0.1:1/x"])
def test_a_database_that_can_not_be_reached_is_told_of(url: str) -> None:
    for call in (Database.open, lambda it: looked_at(it).__enter__()):
        with pytest.raises(VidComputeError, match="database_unavailable"):
            call(url)
