"""assets that expire, and that can be restored for a while; how long an organization keeps what it has

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
EXPIRING = sa.text("expires_ms IS NOT NULL AND purge_ms IS NULL")
DELETED = sa.text("purge_ms IS NOT NULL")


def upgrade() -> None:
    op.add_column("organizations", sa.Column("retention", DOCUMENT))
    for name in ("expires_ms", "deleted_ms", "purge_ms"):
        op.add_column("assets", sa.Column(name, sa.BigInteger()))
    op.create_index(
        "ix_assets_expiring",
        "assets",
        ["organization_id", "expires_ms"],
        sqlite_where=EXPIRING,
        postgresql_where=EXPIRING,
    )
    op.create_index(
        "ix_assets_deleted", "assets", ["organization_id", "id"], sqlite_where=DELETED, postgresql_where=DELETED
    )


def downgrade() -> None:
    op.drop_index("ix_assets_deleted", "assets")
    op.drop_index("ix_assets_expiring", "assets")
    for name in ("purge_ms", "deleted_ms", "expires_ms"):
        op.drop_column("assets", name)
    op.drop_column("organizations", "retention")
