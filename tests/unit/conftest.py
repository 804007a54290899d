"""What the tests of units share."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.fixtures.databases import migrated_sqlite
from vidcompute.db.engine import Database


@pytest.fixture(scope="session", autouse=True)
def _unhurried() -> Iterator[None]:
    """What these tests write outlives none of them, so none waits until it is on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _fd: None)
        yield


@pytest.fixture
def fresh_database() -> Callable[[Path], Database]:
    """Opens a fresh database below a folder."""

    def fresh(folder: Path) -> Database:
        path = shutil.copyfile(migrated_sqlite(), folder / "test.db")
        database = Database.open(f"sqlite:///{path}")
        event.listen(database._dialect.writer, "checkout", _unsynchronized)
        return database

    return fresh


def _unsynchronized(connection: sqlite3.Connection, *_: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
