"""uploads that can be resumed

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNFINISHED = sa.text("status = 'uploading'")


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(1000), nullable=False),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("max_bytes", sa.BigInteger(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("concat", sa.Text()),
        sa.Column("job", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
        sa.Column("token_digest", sa.String(64)),
        sa.Column("origin", sa.String(300)),
        sa.Column("source_id", sa.String(40)),
        sa.Column("job_id", sa.String(40)),
        sa.Column("asset_id", sa.String(40)),
        sa.Column("error_code", sa.String(100)),
        sa.Column("error_detail", sa.Text()),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("patience_ms", sa.BigInteger()),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.CheckConstraint(
            "status IN ('uploading', 'completed', 'expired', 'cancelled', 'failed')",
            name=op.f("ck_uploads_status"),
        ),
        sa.CheckConstraint("kind IN ('whole', 'partial', 'final')", name=op.f("ck_uploads_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_uploads_organization_id_organizations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.UniqueConstraint("token_digest", name="uq_uploads_token_digest"),
    )
    op.create_index("ix_uploads_newest", "uploads", ["organization_id", "id"])
    op.create_index(
        "ix_uploads_unfinished",
        "uploads",
        ["organization_id", "expires_ms"],
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_index("ix_uploads_ended_ms", "uploads", ["ended_ms"])
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name="fk_upload_parts_upload_id_uploads", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("upload_id", "number", name="pk_upload_parts"),
    )


def downgrade() -> None:
    op.drop_table("upload_parts")
    op.drop_table("uploads")
