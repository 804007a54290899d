"""people, where they are members, and how they come in

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROLES = "role IN ('owner', 'admin', 'editor', 'viewer')"


def _person(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_person_id_persons"
    return sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=name, ondelete="CASCADE")


def _organization(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organization_id_organizations"
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=name)


def _text(name: str, length: int, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.add_column("organizations", sa.Column("slug", sa.String(60)))
    op.execute("UPDATE organizations SET slug = 'local' WHERE id = 'org_00000000000000000000000000'")
    op.create_index("ix_organizations_slug", "organizations", ["slug"], unique=True)
    op.create_table(
        "persons",
        _text("id", 40),
        _text("email", 320),
        _text("name", 200),
        _text("password", 200, nullable=True),
        _time("verified_ms", nullable=True),
        _time("created_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_persons"),
        sa.UniqueConstraint("email", name="uq_persons_email"),
    )
    _membership()
    _sessions()
    op.create_table(
        "proofs",
        _text("digest", 64),
        _text("person_id", 40),
        _text("purpose", 16),
        _text("email", 320),
        _time("created_ms"),
        _time("expires_ms"),
        _person("proofs"),
        sa.PrimaryKeyConstraint("digest", name="pk_proofs"),
        sa.CheckConstraint("purpose IN ('verify', 'reset', 'change')", name=op.f("ck_proofs_purpose")),
    )
    op.create_index("ix_proofs_person_id", "proofs", ["person_id", "purpose"])
    op.create_index("ix_proofs_expires_ms", "proofs", ["expires_ms"])


def _membership() -> None:
    op.create_table(
        "memberships",
        _text("organization_id", 40),
        _text("person_id", 40),
        _text("role", 16),
        _time("created_ms"),
        _organization("memberships"),
        _person("memberships"),
        sa.PrimaryKeyConstraint("organization_id", "person_id", name="pk_memberships"),
        sa.CheckConstraint(ROLES, name=op.f("ck_memberships_role")),
    )
    op.create_index("ix_memberships_person_id", "memberships", ["person_id"])
    op.create_table(
        "invitations",
        _text("id", 40),
        _text("organization_id", 40),
        _text("email", 320),
        _text("role", 16),
        _text("digest", 64),
        _text("invited_by", 40),
        _time("created_ms"),
        _time("expires_ms"),
        _time("accepted_ms", nullable=True),
        _time("revoked_ms", nullable=True),
        _organization("invitations"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("digest", name="uq_invitations_digest"),
        sa.CheckConstraint(ROLES, name=op.f("ck_invitations_role")),
    )
    op.create_index("ix_invitations_newest", "invitations", ["organization_id", "id"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        _text("id", 40),
        _text("person_id", 40),
        _text("kind", 16),
        _text("digest", 64, nullable=True),
        _text("agent", 300),
        _text("address", 64),
        _time("created_ms"),
        _time("seen_ms"),
        _time("expires_ms"),
        _time("ended_ms", nullable=True),
        _person("sessions"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("digest", name="uq_sessions_digest"),
        sa.CheckConstraint("kind IN ('browser', 'app')", name=op.f("ck_sessions_kind")),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"])
    op.create_index("ix_sessions_expires_ms", "sessions", ["expires_ms"])
    op.create_table(
        "refresh_tokens",
        _text("digest", 64),
        _text("session_id", 40),
        _time("created_ms"),
        _time("used_ms", nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_refresh_tokens_session_id_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])


def downgrade() -> None:
    for table in ("proofs", "refresh_tokens", "sessions", "invitations", "memberships", "persons"):
        op.drop_table(table)
    op.drop_index("ix_organizations_slug", "organizations")
    op.drop_column("organizations", "slug")
