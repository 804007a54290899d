"""the tasks that somebody waits for are found behind any queue of the others

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

READY = sa.text("status = 'ready'")


def _replace(*columns: str) -> None:
    op.drop_index("ix_tasks_ready", "tasks")
    op.create_index("ix_tasks_ready", "tasks", list(columns), sqlite_where=READY, postgresql_where=READY)


def upgrade() -> None:
    _replace("organization_id", "background", "priority", "created_ms", "position")


def downgrade() -> None:
    _replace("organization_id", "priority", "created_ms", "position")
