"""Databases for tests of the engine."""

from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from vidcompute.db.engine import Database
from vidcompute.services import accounts


@pytest.fixture
def conn() -> Generator[Connection]:
    """A connection to a fresh in-memory database."""
    connection = toys.memory_connection()
    yield connection
    connection.close()


@pytest.fixture
async def db(tmp_path: Path, fresh_database: Callable[[Path], Database]) -> AsyncGenerator[Database]:
    """A fresh database in a file, with the built-in organization; in the end its events are as declared."""
    database = fresh_database(tmp_path)
    await database.write(accounts.ensure_local, tmp_path)
    yield database
    await database.read(toys.check_events)
    await database.close()
