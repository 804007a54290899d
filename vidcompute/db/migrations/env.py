"""Runs migrations on the connection that `db.migrate` passes, inside its transaction."""

from alembic import context

from vidcompute.db import schema_outgoing

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema_outgoing.webhooks.metadata,
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
