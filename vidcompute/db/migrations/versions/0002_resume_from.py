"""the stage that a job does over again

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("resume_from", sa.String(length=40)))


def downgrade() -> None:
    op.drop_column("jobs", "resume_from")
