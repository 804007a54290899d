"""what is counted now by an index of its own, and the trace that a job belongs to

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

READY = sa.text("status = 'ready'")
LIVE_JOB = sa.text("status IN ('queued', 'running')")
FAILED_JOB = sa.text("status = 'failed'")
DEAD_TASK = sa.text("status = 'dead'")


def _index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("traceparent", sa.String(55)))
    op.drop_index("ix_tasks_postponed", "tasks")
    _index("ix_tasks_postponed", "tasks", ["priority", "ready_ms"], READY)
    _index("ix_tasks_dead", "tasks", ["stage"], DEAD_TASK)
    _index("ix_jobs_live", "jobs", ["kind", "status"], LIVE_JOB)
    _index("ix_jobs_failed", "jobs", ["error_kind", "kind"], FAILED_JOB)


def downgrade() -> None:
    op.drop_index("ix_jobs_failed", "jobs")
    op.drop_index("ix_jobs_live", "jobs")
    op.drop_index("ix_tasks_dead", "tasks")
    op.drop_index("ix_tasks_postponed", "tasks")
    _index("ix_tasks_postponed", "tasks", ["ready_ms"], READY)
    op.drop_column("jobs", "traceparent")
