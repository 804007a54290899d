"""programs that ask to be logged in by a person elsewhere

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_logins",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("code_digest", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(300), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger()),
        sa.Column("answer", sa.String(16)),
        sa.Column("person_id", sa.String(40)),
        sa.Column("organization_id", sa.String(40)),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_device_logins"),
        sa.UniqueConstraint("code_digest", name="uq_device_logins_code_digest"),
        sa.CheckConstraint("answer IN ('allowed', 'denied')", name=op.f("ck_device_logins_answer")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_device_logins_person_id_persons", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_device_logins_organization_id_organizations",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_device_logins_expires_ms", "device_logins", ["expires_ms"])


def downgrade() -> None:
    op.drop_table("device_logins")
