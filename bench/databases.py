"""Fresh databases of each kind, to measure on."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.fixtures.postgresql import PostgresServer


@contextmanager
def _sqlite(work: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=work) as folder:
        yield f"sqlite:///{folder}/vidcompute.db"


@contextmanager
def _postgresql(_work: Path) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="vidcompute-postgres-"))
    server = PostgresServer(folder)
    server.start()
    try:
        yield server.make_database()
    finally:
        server.stop()
        shutil.rmtree(folder)


DATABASES: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {"SQLite": _sqlite, "PostgreSQL": _postgresql}
"""By name: a context with the URL of an empty database, which is gone after it."""
