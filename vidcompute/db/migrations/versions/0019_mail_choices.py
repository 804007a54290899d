"""which mails people want, and how one ends them

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_choices",
        sa.Column("person_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("choice", sa.String(16), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_mail_choices_person_id_persons", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "kind", name="pk_mail_choices"),
        sa.CheckConstraint("choice IN ('off', 'own', 'all')", name=op.f("ck_mail_choices_choice")),
    )
    op.add_column("mails", sa.Column("unsubscribe", sa.Text()))


def downgrade() -> None:
    op.drop_column("mails", "unsubscribe")
    op.drop_table("mail_choices")
