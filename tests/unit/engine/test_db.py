"""The database: transactions, wake-ups, the outbox, migrations."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, insert, inspect, select, text

from tests.unit.engine.toys import ORG
from vidcompute.db import migrate, outbox, schema
from vidcompute.db.engine import Database, Subscription, may_be_written
from vidcompute.errors import Kind, VidComputeError


def add_organization(conn: Connection, name: str, *, broken: bool = False) -> str:
    conn.execute(insert(schema.organizations).values(id=f"org_{name}", name=name, created_ms=1))
    outbox.emit(conn, ORG, "organization.created", f"org_{name}", {"name": name})
    if broken:
        raise RuntimeError("broken")
    return threading.current_thread().name


def names(conn: Connection) -> set[str]:
    return set(conn.execute(select(schema.organizations.c.name)).scalars())


async def test_a_write_is_one_transaction_on_the_writers_thread(db: Database) -> None:
    threads = {await db.write(add_organization, name) for name in ("a", "b")}
    assert len(threads) == 1
    assert {"a", "b"} <= await db.read(names)


async def test_a_failed_write_leaves_nothing_and_wakes_nobody(db: Database) -> None:
    with db.subscribe() as subscription:
        with pytest.raises(RuntimeError, match="broken"):
            await db.write(add_organization, "a", broken=True)
        assert not await subscription.wait(0.05)
    assert "a" not in await db.read(names)
    assert await db.read(outbox.events_since, ORG, 0) == []


async def test_subscribers_are_woken_by_commits_that_emitted_and_by_no_others(db: Database) -> None:
    with db.subscribe() as subscription:
        await db.write(lambda conn: conn.execute(text("SELECT 1")).scalar())
        assert not await subscription.wait(0.05)
        await db.write(add_organization, "a")
        assert await subscription.wait(5)
        assert not await subscription.wait(0.05)
    await db.write(add_organization, "b")
    assert not await subscription.wait(0.05)


async def test_reads_go_on_while_a_write_is_under_way(db: Database) -> None:
    inside, let_go = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        add_organization(conn, "slow")
        inside.set()
        assert let_go.wait(10)

    writing = asyncio.create_task(db.write(slow))
    assert await asyncio.to_thread(inside.wait, 10)
    assert "slow" not in await db.read(names)
    let_go.set()
    await writing
    assert "slow" in await db.read(names)


async def test_reads_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await db.read(add_organization, "a")


async def test_the_database_is_durable_and_strict(tmp_path: Path) -> None:
    def pragmas(conn: Connection) -> list[object]:
        wanted = ("journal_mode", "synchronous", "foreign_keys")
        return [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted]

    database = Database.open(f"sqlite:///{tmp_path / 'durable.db'}")
    try:
        assert await database.write(pragmas) == ["wal", 2, 1]
    finally:
        await database.close()


async def test_events_come_in_order_by_subject_and_from_a_number_on(db: Database) -> None:
    for name in ("a", "b", "c"):
        await db.write(add_organization, name)
    every = await db.read(outbox.events_since, ORG, 0)
    assert [e.subject_id for e in every] == ["org_a", "org_b", "org_c"]
    assert [e.seq for e in every] == sorted({e.seq for e in every})
    assert await db.read(outbox.events_since, ORG, every[0].seq, limit=1) == every[1:2]
    assert await db.read(outbox.events_since, ORG, 0, subjects=["org_c", "org_a"]) == [every[0], every[2]]
    assert await db.read(outbox.events_since, "org_other", 0) == []
    assert await db.read(outbox.last_seq) == every[-1].seq


async def test_numbers_of_events_are_never_used_again(db: Database) -> None:
    for name in ("a", "b"):
        await db.write(add_organization, name)
    last = await db.read(outbox.last_seq)
    assert await db.write(outbox.prune, outbox.now_ms() + 1) == 1  # the newest stays
    await db.write(add_organization, "c")
    assert [e.seq for e in await db.read(outbox.all_since, 0)] == [last, last + 1]


async def test_data_is_kept_when_the_database_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'new.db'}"
    first = Database.open(url)
    await first.write(lambda conn: conn.execute(insert(schema.organizations).values(id=ORG, name="x", created_ms=1)))
    await first.close()
    again = Database.open(url)
    assert await again.read(names) == {"x"}
    await again.close()


@pytest.mark.parametrize("url", ["sqlite://", "mysql://localhost/x"])
def test_a_database_that_cannot_be_used_is_refused_by_name(url: str) -> None:
    with pytest.raises(VidComputeError, match="database_url_unusable"):
        Database.open(url)


def test_migrations_make_exactly_the_tables_that_the_code_declares() -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with create_engine("sqlite://").begin() as conn:
        migrate.migrate(conn)
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        for table in schema.metadata.tables.values():
            declared = {i.name for i in table.indexes}
            assert {i["name"] for i in inspect(conn).get_indexes(table.name)} >= declared


def test_migrating_twice_changes_nothing_and_the_newest_revision_is_known() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD
    with create_engine("sqlite://").begin() as conn:
        assert migrate.current_revision(conn) is None
        migrate.migrate(conn)
        migrate.migrate(conn)
        assert migrate.current_revision(conn) == migrate.HEAD


def test_every_migration_can_be_undone() -> None:
    from alembic import command
    from alembic.config import Config

    with create_engine("sqlite://").begin() as conn:
        migrate.migrate(conn)
        config = Config(attributes={"connection": conn})
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        command.downgrade(config, "base")
        assert set(inspect(conn).get_table_names()) == {"alembic_version"}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT 1 FROM tasks WHERE status = 'ready' AND organization_id = 'o' AND background = 0 AND priority = 1",
            "SEARCH tasks USING INDEX ix_tasks_ready",
        ),
        (
            "SELECT min(organization_id) FROM tasks WHERE status = 'ready' AND organization_id > 'o'",
            "SEARCH tasks USING INDEX ix_tasks_ready",
        ),
        (
            f"SELECT id FROM jobs WHERE {schema.UNPLANNED} AND organization_id = 'o' AND priority = 2",
            "SEARCH jobs USING INDEX ix_jobs_unplanned",
        ),
        (
            "SELECT ready_ms FROM tasks WHERE status = 'ready' AND priority = 1 AND ready_ms > 5 ORDER BY ready_ms",
            "ix_tasks_postponed",
        ),
        ("SELECT id FROM jobs WHERE organization_id = 'o' AND id < 'j' ORDER BY id DESC", "ix_jobs_newest"),
        ("SELECT id FROM attempts WHERE outcome IS NULL", "ix_attempts_live"),
    ],
)
def test_what_is_asked_often_is_answered_from_an_index(conn: Connection, query: str, index: str) -> None:
    plan = " ".join(str(row) for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert index in plan
    assert "TEMP B-TREE" not in plan


async def test_steps_that_wait_together_are_durable_together_and_undone_alone(db: Database) -> None:
    def step(conn: Connection, number: int) -> int:
        outbox.emit(conn, ORG, "thing.counted", str(number), {})
        if number % 3 == 1:
            raise ValueError(number)
        return number

    with db.subscribe() as subscription:
        outcomes = await asyncio.gather(*(db.write(step, n) for n in range(50)), return_exceptions=True)
        assert await subscription.wait(5)
    good = [n for n in range(50) if n % 3 != 1]
    assert [o for o in outcomes if isinstance(o, int)] == good
    assert [o.args for o in outcomes if isinstance(o, ValueError)] == [(n,) for n in range(50) if n % 3 == 1]
    events = await db.read(outbox.all_since, 0)
    assert [event.subject_id for event in events if event.type == "thing.counted"] == list(map(str, good))


def bound(conn: Connection, pages: int | None = None) -> None:
    """Let the database have so many pages at most; as many as it has where none are given."""
    here = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    conn.exec_driver_sql(f"PRAGMA max_page_count = {pages or here}")


def write_much(conn: Connection, number: int) -> int:
    for part in range(2):
        outbox.emit(conn, ORG, "thing.counted", str(number), {"text": "x" * 20_000, "part": part})
    return number


async def test_a_full_disk_is_told_and_leaves_no_part_of_what_was_under_way(db: Database) -> None:
    await db.write(bound)
    outcomes = await asyncio.gather(*(db.write(write_much, n) for n in range(9)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if not isinstance(outcome, int)]
    assert refused
    assert all(isinstance(error, VidComputeError) and error.code == "storage_full" for error in refused)
    await db.write(bound, 2**30)
    after = await asyncio.gather(*(db.write(write_much, n) for n in range(100, 105)))
    kept = [n for n in outcomes if isinstance(n, int)] + after
    events = await db.read(outbox.all_since, 0)
    told = [event.subject_id for event in events if event.type == "thing.counted"]
    assert sorted(told) == sorted(str(n) for n in kept for _ in range(2))


async def test_a_full_disk_refuses_nobody_but_who_needs_room(db: Database) -> None:
    def echo(conn: Connection, number: int) -> int:
        return int(conn.exec_driver_sql(f"SELECT {number}").scalar_one())

    await db.write(bound)
    writes = [db.write(step, n) for n in range(9) for step in (write_much, echo)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert any(isinstance(outcome, VidComputeError) for outcome in outcomes[::2])
    assert outcomes[1::2] == list(range(9))


async def test_what_only_broken_steps_emitted_wakes_nobody(db: Database) -> None:
    def broken(conn: Connection) -> None:
        outbox.emit(conn, ORG, "thing.broken", "it", {})
        raise ValueError

    with db.subscribe() as subscription:
        await asyncio.gather(*(db.write(broken) for _ in range(9)), return_exceptions=True)
        assert not await subscription.wait(0.05)


async def test_events_of_a_block_are_recorded_at_its_end_and_none_of_one_that_breaks(db: Database) -> None:
    def numbers(conn: Connection) -> list[str]:
        return [event.subject_id for event in outbox.all_since(conn, 0) if event.type == "thing.counted"]

    def count(conn: Connection, *subjects: str) -> None:
        for subject in subjects:
            outbox.emit(conn, ORG, "thing.counted", subject, {})

    def broken(conn: Connection) -> None:
        with outbox.together(conn):
            count(conn, "4")
            raise ValueError("4")

    def step(conn: Connection) -> list[list[str]]:
        with outbox.together(conn):
            count(conn, "1")
            with outbox.together(conn):
                count(conn, "2", "3")
            during = numbers(conn)
        with pytest.raises(ValueError, match="4"):
            broken(conn)
        count(conn, "5")
        return [during, numbers(conn)]

    with db.subscribe() as subscription:
        assert await db.write(step) == [[], ["1", "2", "3", "5"]]
        assert await subscription.wait(5)


async def test_who_came_first_is_woken_first(db: Database) -> None:
    order: list[int] = []

    async def follow(number: int, subscription: Subscription) -> None:
        await subscription.wait(5)
        order.append(number)

    subscriptions = [db.subscribe() for _ in range(20)]
    following = [asyncio.create_task(follow(number, one)) for number, one in enumerate(subscriptions)]
    await db.write(outbox.emit, ORG, "thing.counted", "it", {})
    await asyncio.gather(*following)
    assert order == list(range(20))
    for one in subscriptions:
        one.close()


async def test_one_that_hears_of_some_events_is_woken_by_them_and_by_what_is_none(db: Database) -> None:
    with db.subscribe(hears=lambda kind: kind == "thing.made") as choosy, db.subscribe() as other:
        await db.write(outbox.emit, ORG, "thing.counted", "it", {})
        assert await other.wait(5)
        assert not await choosy.wait(0.0)
        await db.write(outbox.wake)
        assert await choosy.wait(5)

        def both(conn: Connection) -> None:
            for kind in ("thing.counted", "thing.made"):
                outbox.emit(conn, ORG, kind, "it", {})

        await db.write(both)
        assert await choosy.wait(5)
        await asyncio.gather(*(db.write(outbox.emit, ORG, kind, "it", {}) for kind in ("thing.made", "thing.counted")))
        assert await choosy.wait(5)


async def test_one_that_has_patience_is_woken_later(db: Database) -> None:
    with db.subscribe(3600.0) as patient, db.subscribe(0.01) as less_patient, db.subscribe() as eager:
        await db.write(outbox.emit, ORG, "thing.counted", "it", {})
        assert await eager.wait(5)
        assert await less_patient.wait(5)
        assert not await patient.wait(0.0)
        patient.wake()
        assert await patient.wait(5)


def test_what_is_cut_off_may_be_written_and_what_is_refused_is_not() -> None:
    lost = VidComputeError(Kind.UNAVAILABLE, "database_unavailable", "It went away.")
    assert [may_be_written(error) for error in (asyncio.CancelledError(), lost)] == [True, True]
    full = VidComputeError(Kind.UNAVAILABLE, "storage_full", "It is full.")
    assert [may_be_written(error) for error in (full, RuntimeError("broken"))] == [False, False]
