"""Random histories of kills at every transition, over each database: nothing is lost, nothing happens twice."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.incarnation import Place
from tests.faults.schedules import POINTS, tell, tell_of_a_stop
from tests.fixtures.databases import migrated_sqlite
from tests.fixtures.postgresql import PostgresServer

ROUNDS = 11  # of the long suite, on each database: every point is aimed at in each
_MORE_TRIES = 9  # at a point that a history came by without reaching it
_SEED = os.environ.get("SEED") or None  # of a history to be lived through again, and nothing else
_TIMES = 20  # so often, for its requests and kills are the same each time, and the kernel's choices are not

MakePlace = Callable[[Path], Place]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_place(request: pytest.FixtureRequest) -> Iterator[MakePlace]:
    """Makes places for histories, each with a database of its own."""
    if request.param == "sqlite":
        yield lambda folder: Place(f"sqlite:///{shutil.copy(migrated_sqlite(), folder / 'vidcompute.db')}", folder)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url: str = request.getfixturevalue("postgres_template")
        yield lambda folder: Place(server.make_database(template=url), folder)


def live_through(make_place: MakePlace, folder: Path, first_seed: int) -> None:
    """A history for each point, and more for those that were not reached; all of them sound."""
    if _SEED is not None:
        for time in range(_TIMES):
            (folder / str(time)).mkdir()
            tell(make_place(folder / str(time)), int(_SEED))
        return
    missing = set(POINTS)
    for tries in range(_MORE_TRIES):
        for number, point in enumerate(POINTS):
            if point in missing or not tries:
                seed = first_seed + tries * 1000 * len(POINTS) + number
                home = folder / str(seed)
                home.mkdir()
                try:
                    missing -= tell(make_place(home), seed)
                except BaseException as error:
                    error.add_note(f"the history of seed {seed}: `make faults SEED={seed}` lives through it again")
                    raise
                shutil.rmtree(home)
    assert not missing, f"never killed at {sorted(missing)}"


def test_a_kill_at_every_point_loses_nothing(make_place: MakePlace, tmp_path: Path) -> None:
    live_through(make_place, tmp_path, 0)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(1, ROUNDS if _SEED is None else 2))
def test_random_kills_lose_nothing(make_place: MakePlace, tmp_path: Path, number: int) -> None:
    live_through(make_place, tmp_path, number * len(POINTS))


@pytest.fixture
def shared_place(postgres_server: PostgresServer, postgres_template: str, tmp_path: Path) -> Place:
    """A place for several servers."""
    return Place(postgres_server.make_database(template=postgres_template), tmp_path)


@pytest.mark.parametrize("seed", range(2))
def test_a_leader_that_was_stopped_changes_nothing_when_it_wakes(shared_place: Place, seed: int) -> None:
    tell_of_a_stop(shared_place, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 40))
def test_leaders_that_were_stopped_change_nothing_when_they_wake(shared_place: Place, seed: int) -> None:
    tell_of_a_stop(shared_place, seed)
