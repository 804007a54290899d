"""queues of each organization, and what tasks wait for

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

READY = sa.text("status = 'ready'")
UNPLANNED = sa.text("status IN ('queued', 'running') AND step IN ('arrived', 'fetched', 'probed')")


def _replace(jobs: list[str], tasks: list[str]) -> None:
    op.drop_index("ix_jobs_unplanned", "jobs")
    op.drop_index("ix_tasks_ready", "tasks")
    op.create_index("ix_jobs_unplanned", "jobs", jobs, sqlite_where=UNPLANNED, postgresql_where=UNPLANNED)
    op.create_index("ix_tasks_ready", "tasks", tasks, sqlite_where=READY, postgresql_where=READY)


def upgrade() -> None:
    op.add_column("tasks", sa.Column("waits_for", sa.Text()))
    _replace(
        ["organization_id", "priority", "created_ms"],
        ["organization_id", "priority", "created_ms", "position"],
    )


def downgrade() -> None:
    _replace(["priority", "created_ms"], ["priority", "created_ms", "position"])
    op.drop_column("tasks", "waits_for")
