"""uploads that we bring to the store in parts, and the folders that hold what is not there yet

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload_parts", sa.Column("etag", sa.String(200)))
    op.add_column("uploads", sa.Column("holder", sa.String(40)))


def downgrade() -> None:
    op.drop_column("uploads", "holder")
    op.drop_column("upload_parts", "etag")
