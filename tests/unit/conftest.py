"""What the tests of units share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vidcompute.db.engine import Database


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
        return Database.open(f"sqlite:///{path}")

    return fresh
