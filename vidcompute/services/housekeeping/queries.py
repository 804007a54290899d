"""What rows say of places in storage."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from vidcompute.db.schema import artifacts, attempts, sources
from vidcompute.services.assets.queries import object_in_use
from vidcompute.services.tasks.moves import batches


def at_work_since(conn: Connection, before_ms: int) -> int:
    """How many attempts are under way that were made before then."""
    query = select(func.count()).select_from(attempts)
    return int(conn.execute(query.where(attempts.c.outcome.is_(None), attempts.c.created_ms < before_ms)).scalar_one())


def sources_named(conn: Connection) -> list[str]:
    """Where the bytes of all sources lie."""
    return list(conn.execute(select(sources.c.storage_key).distinct()).scalars())


def named(conn: Connection, places: Sequence[str], attempt_ids: Sequence[str]) -> set[str]:
    """Those of these places that rows name, and the identifiers of those of these attempts that are under way."""
    found: set[str] = set()
    for batch in batches(list(places)):
        found.update(
            conn.execute(select(artifacts.c.storage_prefix).where(artifacts.c.storage_prefix.in_(batch))).scalars()
        )
        found.update(conn.execute(select(attempts.c.logs_key).where(attempts.c.logs_key.in_(batch))).scalars())
        found.update(conn.execute(select(sources.c.storage_key).where(sources.c.storage_key.in_(batch))).scalars())
    found.update(place for place in places if place not in found and object_in_use(conn, place))
    for batch in batches(list(attempt_ids)):
        query = select(attempts.c.id).where(attempts.c.id.in_(batch), attempts.c.outcome.is_(None))
        found.update(conn.execute(query).scalars())
    return found
