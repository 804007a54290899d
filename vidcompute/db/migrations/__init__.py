"""Alembic's environment; the revisions are in `versions`."""
