"""Brings a database to the newest schema, through Alembic, in the transaction that is given."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0029"  # the newest revision; a test holds it to what Alembic finds
MIGRATIONS = Path(__file__).parent / "migrations"


def current_revision(conn: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(conn: Connection) -> None:
    """Run every migration that is missing. Where none is, Alembic isn't even imported (it costs start-up time)."""
    if current_revision(conn) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": conn})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
