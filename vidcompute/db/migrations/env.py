"""Runs migrations on the connection that `db.migrate` passes, inside its transaction."""

from alembic import context

from vidcompute.db import schema, schema_outgoing, schema_people, schema_quotas

# All of them declare their tables in the metadata of the first.
PARTS = (schema, schema_outgoing, schema_people, schema_quotas)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=PARTS[0].metadata,
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
