"""where the library lies, and which servers follow

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "library",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("place", DOCUMENT),
        sa.Column("previous", DOCUMENT),
        sa.Column("candidate", DOCUMENT),
        sa.Column("abandoned", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_library"),
    )
    op.create_table(
        "servers",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("trouble", sa.Text()),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
    )


def downgrade() -> None:
    op.drop_table("servers")
    op.drop_table("library")
