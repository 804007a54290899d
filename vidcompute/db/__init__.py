"""The database: engine, table metadata, migrations, outbox."""
