"""What the tests of units share."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from vidcompute.db.engine import Database


@pytest.fixture(scope="session", autouse=True)
def _unhurried() -> Iterator[None]:
    """What these tests write outlives none of them, so none waits until it is on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _fd: None)
        yield


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database of SQLite without a row: going through the migrations for each test would take longest."""
    path = tmp_path_factory.mktemp("migrated") / "test.db"
    Database.open(f"sqlite:///{path}")._dialect.dispose()
    return path


@pytest.fixture
def fresh_database(_migrated: Path) -> Callable[[Path], Database]:
    """Opens a fresh database below a folder."""

    def fresh(folder: Path) -> Database:
        path = shutil.copyfile(_migrated, folder / "test.db")
        database = Database.open(f"sqlite:///{path}")
        event.listen(database._dialect.writer, "checkout", _unsynchronized)
        return database

    return fresh


def _unsynchronized(connection: sqlite3.Connection, *_: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
