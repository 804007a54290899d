"""captions and subtitles

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

from vidcompute.db import counting

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_tracks",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("organization_id", sa.String(40), nullable=False),
        sa.Column("asset_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("language", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("autoselect", sa.Boolean(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("cues", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("peak_bps", sa.BigInteger(), nullable=False),
        sa.Column("average_bps", sa.BigInteger(), nullable=False),
        sa.Column("storage_key", sa.String(500), nullable=False),
        sa.Column("content_key", sa.String(64)),
        sa.Column("file", sa.String(100)),
        sa.Column("stream", sa.Integer()),
        sa.Column("removed_ms", sa.BigInteger()),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('subtitles', 'captions')", name="ck_text_tracks_kind"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_text_tracks_organization_id_organizations"
        ),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_text_tracks_asset_id_assets"),
        sa.PrimaryKeyConstraint("id", name="pk_text_tracks"),
        sa.UniqueConstraint("storage_key", name="uq_text_tracks_storage_key"),
    )
    op.create_index("ix_text_tracks_asset_id", "text_tracks", ["asset_id", "id"])
    for statement in counting.BEGIN_TEXT_TRACKS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    # What they store is counted no more.
    op.execute("DELETE FROM text_tracks")
    for statement in counting.END_TEXT_TRACKS[op.get_bind().dialect.name]:
        op.execute(statement)
    op.drop_table("text_tracks")
