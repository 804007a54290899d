"""people as a provider knows them, and log-ins that were begun there

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("person_id", sa.String(40), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_identities_person_id_persons", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_identities_person_id", "identities", ["person_id"])
    op.create_table(
        "provider_logins",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_provider_logins"),
    )
    op.create_index("ix_provider_logins_expires_ms", "provider_logins", ["expires_ms"])


def downgrade() -> None:
    op.drop_table("provider_logins")
    op.drop_table("identities")
