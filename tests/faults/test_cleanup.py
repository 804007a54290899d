"""A clean-up that is killed again and again: what goes is what was said, and nothing that is referred to."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from tests.faults.incarnation import Doom, GoneError, Incarnation, Place
from tests.faults.invariants import _assert_artifacts_are_stored, _assert_files_have_rows
from tests.fixtures import crowd
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db import schema
from vidcompute.db.engine import Database, looked_at
from vidcompute.db.outbox import now_ms
from vidcompute.services import accounts, retention
from vidcompute.services.retention import Position, Taken, What, Work

POINTS = ("cleanup.taken", "cleanup.removed")
PATIENCE_S = 300.0
_LOGS_OF_OTHERS = "orgs/*/logs/*"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database and an empty folder."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url")
    return Place(url, tmp_path)


async def _with_database(place: Place, step: Callable[[Database], Awaitable[None]]) -> None:
    database = Database.open(place.url)
    try:
        await step(database)
    finally:
        await database.close()


def fill(place: Place, count: int, seed: int) -> None:
    """Make a library, and say how long its things are kept."""

    def work(conn: Connection) -> None:
        accounts.ensure_local(conn, place.folder)
        crowd.make(conn, place.storage, count, seed=seed, now_ms=now_ms())
        retention.change_retention(conn, crowd.ORG, vars(crowd.KEPT))

    asyncio.run(_with_database(place, lambda database: database.write(work)))


def said(place: Place) -> list[Taken]:
    """What a clean-up would take."""
    found: list[Taken] = []

    async def look(database: Database) -> None:
        work, since = Work(database, FolderStorage(place.storage), crowd.ORG, 0), Position(now_ms())
        while True:
            items, then = await retention.look(work, since, 100)
            found.extend(items)
            if then is None:
                return
            since = then

    asyncio.run(_with_database(place, look))
    return found


def of(items: list[Taken], what: What) -> set[str]:
    return {item.subject_id for item in items if item.what is what}


def kept(place: Place) -> dict[str, set[str]]:
    """What rows there are, by table."""
    with looked_at(place.url) as conn:
        living = select(schema.assets.c.id).where(schema.assets.c.purge_ms.is_(None))
        return {
            "sources": set(conn.execute(select(schema.sources.c.id)).scalars()),
            "artifacts": set(conn.execute(select(schema.artifacts.c.content_key)).scalars()),
            "assets": set(conn.execute(select(schema.assets.c.id)).scalars()),
            "living": set(conn.execute(living).scalars()),
        }


def killed(place: Place, chance: random.Random, longest_s: float) -> None:
    """Begin a clean-up, and kill it: at a point in its code, or at any moment."""
    doom = Doom(chance.choice(POINTS), chance.randint(1, 6)) if chance.random() < 0.5 else None
    with closing(Incarnation(place, doom=doom, patience_s=PATIENCE_S)) as incarnation:
        if doom is None:
            incarnation.ask_and_kill("clean", chance.uniform(0, longest_s))
            return
        try:
            incarnation.ask("clean")
        except GoneError:
            assert incarnation.was_doomed


def live_through(place: Place, count: int, *, kills: int, seed: int, longest_s: float) -> None:
    """Make a library, clean it up over some kills, and look at what is left."""
    fill(place, count, seed)
    promised, before, held = said(place), kept(place), crowd.held_bytes(place.storage)
    assert {item.what for item in promised} == set(What)
    chance = random.Random(seed)
    for _ in range(kills):
        killed(place, chance, longest_s)
    with closing(Incarnation(place, patience_s=PATIENCE_S)) as incarnation:
        incarnation.ask("clean")
        incarnation.ask("collect")
        incarnation.stop()
    after = kept(place)
    assert held - crowd.held_bytes(place.storage) == sum(item.size_bytes for item in promised)
    assert before["assets"] - after["assets"] == of(promised, What.ASSET)
    assert before["living"] - after["living"] == of(promised, What.EXPIRY)
    assert of(promised, What.SOURCE) <= before["sources"] - after["sources"]
    assert of(promised, What.FRAMES) <= before["artifacts"] - after["artifacts"]
    assert said(place) == []
    with looked_at(place.url) as conn:
        _assert_artifacts_are_stored(conn, place)
        _assert_files_have_rows(conn, place)
        _assert_logs_are_of_attempts(conn, place)


def _assert_logs_are_of_attempts(conn: Connection, place: Place) -> None:
    named = set(conn.execute(select(schema.attempts.c.logs_key)).scalars())
    assert {path.relative_to(place.storage).as_posix() for path in place.storage.glob(_LOGS_OF_OTHERS)} <= named


def test_a_clean_up_that_is_killed_takes_what_was_said_and_nothing_else(place: Place) -> None:
    live_through(place, 150, kills=6, seed=20_261_121, longest_s=0.5)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_assets_are_cleaned_up_over_kills(place: Place, seed: int) -> None:
    live_through(place, 10_000, kills=60, seed=seed, longest_s=10.0)
