"""The tables of people. Persons belong to no organization: memberships say where they are at home.

Of every secret that is given out (cookies, tokens, links in mails, recovery codes) a row has the SHA-256 alone, in
hexadecimal; that of an authenticator app is derived, and in no row.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from vidcompute.db.schema import Milliseconds, metadata

_ROLES = "'owner', 'admin', 'editor', 'viewer'"

persons = Table(
    "persons",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("email", String(320), nullable=False, unique=True),  # in lower case
    Column("name", String(200), nullable=False),
    Column("password", String(200)),  # as argon2 writes it; nothing for who logs in by other means
    Column("verified_ms", Milliseconds),  # since when the mailbox is known to be theirs
    Column("created_ms", Milliseconds, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    CheckConstraint(f"role IN ({_ROLES})", name="role"),
    Index("ix_memberships_person_id", "person_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("email", String(320), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("invited_by", String(40), nullable=False),  # a person's id or a key's
    Column("created_ms", Milliseconds, nullable=False),
    Column("expires_ms", Milliseconds, nullable=False),
    Column("accepted_ms", Milliseconds),
    Column("revoked_ms", Milliseconds),
    CheckConstraint(f"role IN ({_ROLES})", name="role"),
    Index("ix_invitations_newest", "organization_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("digest", String(64), unique=True),  # of a browser's cookie; apps have tokens
    Column("agent", String(300), nullable=False),  # what the program calls itself
    Column("address", String(64), nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("seen_ms", Milliseconds, nullable=False),  # within some minutes
    Column("expires_ms", Milliseconds, nullable=False),
    Column("ended_ms", Milliseconds),
    CheckConstraint("kind IN ('browser', 'app')", name="kind"),
    Index("ix_sessions_person_id", "person_id"),
    Index("ix_sessions_expires_ms", "expires_ms"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),  # the family it is of
    Column("created_ms", Milliseconds, nullable=False),
    Column("used_ms", Milliseconds),
    Index("ix_refresh_tokens_session_id", "session_id"),
)

proofs = Table(
    "proofs",  # links in mails: who follows one has the mailbox
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("email", String(320), nullable=False),  # the mailbox that it went to
    Column("created_ms", Milliseconds, nullable=False),
    Column("expires_ms", Milliseconds, nullable=False),
    CheckConstraint("purpose IN ('verify', 'reset', 'change')", name="purpose"),
    Index("ix_proofs_person_id", "person_id", "purpose"),
    Index("ix_proofs_expires_ms", "expires_ms"),
)

device_logins = Table(
    "device_logins",  # programs that ask to be logged in, until a person has answered and they have taken note
    metadata,
    Column("digest", String(64), primary_key=True),  # of what the program holds
    Column("code_digest", String(64), nullable=False, unique=True),  # of what a person types
    Column("agent", String(300), nullable=False),  # what the program calls itself
    Column("address", String(64), nullable=False),
    Column("interval_s", Integer, nullable=False),  # how long it is to wait between two questions
    Column("asked_ms", Milliseconds),  # its last question
    Column("answer", String(16)),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE")),  # who answered
    Column("organization_id", ForeignKey("organizations.id", ondelete="CASCADE")),  # where it begins to work
    Column("created_ms", Milliseconds, nullable=False),
    Column("expires_ms", Milliseconds, nullable=False),
    CheckConstraint("answer IN ('allowed', 'denied')", name="answer"),
    Index("ix_device_logins_expires_ms", "expires_ms"),
)

logos = Table(
    "logos",  # small, and made by us: a PNG of nothing but pixels
    metadata,
    Column("organization_id", ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True),
    Column("picture", LargeBinary, nullable=False),
)

identities = Table(
    "identities",  # people as a provider knows them
    metadata,
    Column("issuer", String(300), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Index("ix_identities_person_id", "person_id"),
)

provider_logins = Table(
    "provider_logins",  # log-ins that were begun at a provider, and end once
    metadata,
    Column("digest", String(64), primary_key=True),  # of what the browser holds meanwhile
    Column("expires_ms", Milliseconds, nullable=False),
    Index("ix_provider_logins_expires_ms", "expires_ms"),
)

mail_choices = Table(
    "mail_choices",
    metadata,
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(40), primary_key=True),  # of mail: a template; what has no row is as it is for everybody
    Column("choice", String(16), nullable=False),
    Column("updated_ms", Milliseconds, nullable=False),
    CheckConstraint("choice IN ('off', 'own', 'all')", name="choice"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("salt", String(64), nullable=False),  # the app's secret is derived from it and the server's key
    Column("last_step", BigInteger, nullable=False),  # of the newest code that was taken: no older one is
    Column("created_ms", Milliseconds, nullable=False),
    Column("confirmed_ms", Milliseconds),  # since when a code is asked for
)

recovery_codes = Table(
    "recovery_codes",  # those that were not used yet
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Index("ix_recovery_codes_person_id", "person_id"),
)

begun_logins = Table(
    "begun_logins",  # the password was right; a code is still to come
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("expires_ms", Milliseconds, nullable=False),
    Index("ix_begun_logins_person_id", "person_id"),
    Index("ix_begun_logins_expires_ms", "expires_ms"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("credential", String(1400), nullable=False, unique=True),  # the device's name for it, in base64url
    Column("public_key", Text, nullable=False),  # as COSE has it, in base64url
    Column("sign_count", BigInteger, nullable=False),  # what the device has counted; 0 from one that does not count
    Column("created_ms", Milliseconds, nullable=False),
    Column("used_ms", Milliseconds),
    Index("ix_passkeys_person_id", "person_id"),
)

challenges = Table(
    "challenges",  # what a device has still to sign
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("persons.id", ondelete="CASCADE")),  # who adds a passkey; nobody yet who logs in
    Column("expires_ms", Milliseconds, nullable=False),
    Index("ix_challenges_expires_ms", "expires_ms"),
)
