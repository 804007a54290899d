"""posters that were chosen

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assets", sa.Column("poster_time_ms", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("assets", "poster_time_ms")
