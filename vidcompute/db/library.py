"""Where the library lies once `vidctl migrate-storage` has moved it: one row, which every server follows.

Each server has a row, too: which change it has taken note of, and that it is there. Places are documents that this
module does not look into. All times are by the database's clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from vidcompute.db.lease import clock_ms
from vidcompute.db.schema import library, servers

ALIVE_MS = 30_000  # a server that was not heard of for so long is gone
_NAME = "library"
_NOTHING_YET = -1

Place = Mapping[str, Any]


@dataclass(frozen=True)
class Library:
    """What is in force. Each change has the next `revision`.

    New objects go to `place` (None: no move was ever made, the settings say where), and while it moves, what has not
    come yet is read from `previous`. `candidate` is a move that servers are to try first: from `before` to `at`, where
    they must find the object with the key `mark`. `abandoned` are the places that it has left.
    """

    revision: int = 0
    place: Place | None = None
    previous: Place | None = None
    candidate: Mapping[str, Any] | None = None
    abandoned: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Server:
    """A server that is there: the newest revision that it follows, and why it can't use that one's candidate."""

    id: str
    name: str
    revision: int
    trouble: str | None


class OvertakenError(Exception):
    """Somebody else has changed it since."""


def current(conn: Connection) -> Library:
    """What is in force now."""
    row = conn.execute(select(library).where(library.c.name == _NAME)).one_or_none()
    if row is None:
        return Library()
    return Library(row.revision, row.place, row.previous, row.candidate, tuple(row.abandoned))


def change(conn: Connection, /, known: Library, **changes: Any) -> Library:
    """Put `known` with these changes in force; raises OvertakenError where that is not what is in force now."""
    if current(conn).revision != known.revision:
        raise OvertakenError
    fresh = replace(known, revision=known.revision + 1, **changes)
    values = {**vars(fresh), "abandoned": list(fresh.abandoned)}
    statement = update(library).where(library.c.name == _NAME) if known.revision else insert(library)
    conn.execute(statement.values(name=_NAME, **values))
    return fresh


def arrive(conn: Connection, server_id: str, name: str) -> Library:
    """A server begins: from now on changes wait for it. What is in force."""
    leave(conn, server_id)
    conn.execute(
        insert(servers).values(id=server_id, name=name, revision=_NOTHING_YET, trouble=None, seen_ms=clock_ms(conn))
    )
    return current(conn)


def note(conn: Connection, server_id: str, name: str, revision: int, trouble: str | None = None) -> None:
    """A server is there, and has taken note of this revision."""
    values = {"name": name, "revision": revision, "trouble": trouble, "seen_ms": clock_ms(conn)}
    if not conn.execute(update(servers).where(servers.c.id == server_id).values(values)).rowcount:
        conn.execute(insert(servers).values(id=server_id, **values))


def leave(conn: Connection, server_id: str) -> None:
    """A server ends."""
    conn.execute(delete(servers).where(servers.c.id == server_id))


def there(conn: Connection) -> list[Server]:
    """The servers that are there, by name."""
    query = select(servers).where(servers.c.seen_ms > clock_ms(conn) - ALIVE_MS).order_by(servers.c.name)
    return [Server(row.id, row.name, row.revision, row.trouble) for row in conn.execute(query)]
