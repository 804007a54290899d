"""Runs migrations on the connection that `db.migrate` passes, inside its transaction."""

from alembic import context

from vidcompute.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
