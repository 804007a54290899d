"""deadlines of jobs

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('queued', 'running') AND deadline_ms IS NOT NULL")
QUEUED = sa.text("status = 'queued' AND queue_deadline_ms IS NOT NULL")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("deadline_ms", sa.BigInteger()))
    op.add_column("jobs", sa.Column("queue_deadline_ms", sa.BigInteger()))
    op.create_index("ix_jobs_deadline_ms", "jobs", ["deadline_ms"], sqlite_where=LIVE, postgresql_where=LIVE)
    op.create_index(
        "ix_jobs_queue_deadline_ms", "jobs", ["queue_deadline_ms"], sqlite_where=QUEUED, postgresql_where=QUEUED
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_queue_deadline_ms", "jobs")
    op.drop_index("ix_jobs_deadline_ms", "jobs")
    op.drop_column("jobs", "queue_deadline_ms")
    op.drop_column("jobs", "deadline_ms")
