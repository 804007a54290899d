"""What one kind of database is to the engine."""

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError


class Dialect(Protocol):
    """An opened database. Transactions of `writer` never overlap, in this process or another."""

    writer: Engine
    reader: Engine

    def tell(self, connection: Connection) -> None:
        """Let other processes know, with the commit, that events were emitted; nothing follows in this transaction."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """From now on call `heard`, from any thread, after commits of other processes that emitted events.

        Called again, nothing changes.
        """
        ...

    def is_away(self, error: DBAPIError) -> bool:
        """Whether the database could not be reached, or went away."""
        ...

    def is_full(self, error: DBAPIError) -> bool:
        """Whether its disk had no room left."""
        ...

    def dispose(self) -> None:
        """Close every connection."""
        ...
