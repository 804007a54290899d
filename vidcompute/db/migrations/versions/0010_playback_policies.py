"""who may watch an asset, and the keys that tokens for it are signed with

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Document = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("assets", sa.Column("playback_policy", sa.String(16), nullable=False, server_default="public"))
    op.add_column("assets", sa.Column("password_digest", sa.String(200)))
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("algorithm", sa.String(10), nullable=False),
        sa.Column("public_key", Document, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_signing_keys_organization_id_organizations"
        ),
        sa.CheckConstraint("algorithm IN ('RS256', 'ES256', 'EdDSA')", name="ck_signing_keys_algorithm"),
    )
    op.create_index("ix_signing_keys_organization_id", "signing_keys", ["organization_id", "id"])


def downgrade() -> None:
    op.drop_table("signing_keys")
    op.drop_column("assets", "password_digest")
    op.drop_column("assets", "playback_policy")
