"""limits of organizations, and what they use

Revision ID: 0020
Revises: 0019
"""

import time

import sqlalchemy as sa
from alembic import op

from vidcompute.db import counting

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LIMITS = ("upload_bytes", "stored_bytes", "jobs", "encode_minutes", "requests_per_minute")


def _organization(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organization_id_organizations"
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=name)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("encode_reserved_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "quotas",
        sa.Column("organization_id", sa.String(40), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in LIMITS),
        sa.PrimaryKeyConstraint("organization_id", name="pk_quotas"),
    )
    op.create_table(
        "quota_warnings",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("quota", sa.String(40), nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        _organization("quota_warnings"),
        sa.PrimaryKeyConstraint("organization_id", "quota", "period", name="pk_quota_warnings"),
    )
    op.create_table(
        "stored",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metered_ms", sa.BigInteger(), nullable=False),
        _organization("stored"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_stored"),
    )
    op.create_table(
        "usage",
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("detail", sa.String(100), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        _organization("usage"),
        sa.PrimaryKeyConstraint("organization_id", "kind", "day", "detail", name="pk_usage"),
    )
    connection = op.get_bind()
    connection.execute(sa.text(counting.FIRST_COUNT), {"at_ms": time.time_ns() // 1_000_000})
    for statement in counting.BEGIN[connection.dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for statement in counting.END[op.get_bind().dialect.name]:
        op.execute(statement)
    for table in ("usage", "stored", "quota_warnings", "quotas"):
        op.drop_table(table)
    op.drop_column("jobs", "encode_reserved_ms")
