"""what keys may do, until when, and who did what

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("scopes", DOCUMENT, nullable=False, server_default="[]"))
    op.execute("UPDATE api_keys SET scopes = '[\"*\"]'")  # those that were there before could do everything
    op.add_column("api_keys", sa.Column("replaces", sa.String(40)))
    op.add_column("api_keys", sa.Column("expires_ms", sa.BigInteger()))
    op.add_column("api_keys", sa.Column("used_ms", sa.BigInteger()))
    op.create_index("ix_api_keys_organization_id", "api_keys", ["organization_id", "id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("organization_id", sa.String(40)),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject_id", sa.String(40), nullable=False),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.Column("actor_kind", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(320), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_audit_organization_id_organizations"
        ),
        sa.CheckConstraint("actor_kind IN ('key', 'person')", name=op.f("ck_audit_actor_kind")),
    )
    op.create_index("ix_audit_newest", "audit", ["organization_id", "id"])
    op.create_index("ix_audit_created_ms", "audit", ["created_ms"])


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_index("ix_api_keys_organization_id", "api_keys")
    for name in ("used_ms", "expires_ms", "replaces", "scopes"):
        op.drop_column("api_keys", name)
