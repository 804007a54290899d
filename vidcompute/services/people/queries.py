"""What is read about people."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from vidcompute.db.schema import organizations
from vidcompute.db.schema_people import (
    begun_logins,
    device_logins,
    identities,
    memberships,
    passkeys,
    persons,
    proofs,
    recovery_codes,
    refresh_tokens,
    second_factors,
    sessions,
)
from vidcompute.errors import not_found
from vidcompute.services.accounts import Role
from vidcompute.services.people.models import Membership, Passkey, Person, Session

AnyRow = Row[*tuple[Any, ...]]
_PASSKEY = [passkeys.c[name] for name in Passkey.__annotations__]
_PERSON = [persons.c[name] for name in Person.__annotations__]
_SESSION = [sessions.c[name] for name in Session.__annotations__]


def by_email(conn: Connection, email: str) -> Person | None:
    """The person with this address; None where there is none."""
    row = conn.execute(select(*_PERSON).where(persons.c.email == email)).one_or_none()
    return None if row is None else Person(**row._mapping)


def is_registered(conn: Connection, email: str) -> bool:
    """Whether there is an account of this address."""
    return by_email(conn, email) is not None


def get(conn: Connection, person_id: str) -> Person:
    """The person; `person_not_found`."""
    row = conn.execute(select(*_PERSON).where(persons.c.id == person_id)).one_or_none()
    if row is None:
        raise not_found("person", person_id)
    return Person(**row._mapping)


def memberships_of(conn: Connection, person_id: str) -> list[Membership]:
    """Where a person is a member, the first joined first."""
    query = select(
        organizations.c.id,
        organizations.c.name,
        organizations.c.slug,
        memberships.c.role,
        memberships.c.created_ms,
        organizations.c.logo_digest,
        organizations.c.second_factor_required,
    )
    query = query.join(memberships, memberships.c.organization_id == organizations.c.id)
    query = query.where(memberships.c.person_id == person_id).order_by(memberships.c.created_ms, organizations.c.id)
    return [
        Membership(
            row.id, row.name, row.slug, Role(row.role), row.created_ms, row.logo_digest, row.second_factor_required
        )
        for row in conn.execute(query)
    ]


def living_session(conn: Connection, at_ms: int, *, digest: str = "", session_id: str = "") -> list[AnyRow]:
    """What is asked at each request of the session with this digest or id, a row for each organization of the person.

    No row where the session has ended; one without an organization where the person is in none.
    """
    query = select(
        sessions.c.id,
        sessions.c.kind,
        sessions.c.person_id,
        sessions.c.seen_ms,
        persons.c.email,
        memberships.c.role,
        memberships.c.organization_id,
        organizations.c.slug,
        organizations.c.second_factor_required,
        second_factors.c.confirmed_ms,
    )
    query = query.join(persons, persons.c.id == sessions.c.person_id)
    query = query.outerjoin(memberships, memberships.c.person_id == persons.c.id)
    query = query.outerjoin(organizations, organizations.c.id == memberships.c.organization_id)
    query = query.outerjoin(second_factors, second_factors.c.person_id == sessions.c.person_id)
    query = query.where(sessions.c.digest == digest if digest else sessions.c.id == session_id)
    query = query.where(sessions.c.ended_ms.is_(None), sessions.c.expires_ms > at_ms)
    return list(conn.execute(query.order_by(memberships.c.created_ms, memberships.c.organization_id)))


def sessions_of(conn: Connection, person_id: str, at_ms: int) -> list[Session]:
    """A person's living sessions, the newest first."""
    query = select(*_SESSION).where(
        sessions.c.person_id == person_id, sessions.c.ended_ms.is_(None), sessions.c.expires_ms > at_ms
    )
    return [Session(**row._mapping) for row in conn.execute(query.order_by(sessions.c.id.desc()))]


def refresh_token(conn: Connection, digest: str) -> AnyRow | None:
    """The refresh token with this digest and its session: session_id, used_ms, person_id, expires_ms, ended_ms."""
    query = select(
        refresh_tokens.c.session_id,
        refresh_tokens.c.used_ms,
        sessions.c.person_id,
        sessions.c.expires_ms,
        sessions.c.ended_ms,
    )
    query = query.join(sessions, sessions.c.id == refresh_tokens.c.session_id)
    return conn.execute(query.where(refresh_tokens.c.digest == digest)).one_or_none()


def proof(conn: Connection, digest: str, at_ms: int) -> AnyRow | None:
    """What a link in a mail proves, while it is good: person_id, purpose, email."""
    query = select(proofs.c.person_id, proofs.c.purpose, proofs.c.email)
    return conn.execute(query.where(proofs.c.digest == digest, proofs.c.expires_ms > at_ms)).one_or_none()


def device_login(conn: Connection, *, digest: str = "", code_digest: str = "") -> AnyRow | None:
    """The program that asks to be logged in and holds, or shows, the secret with this digest; all of its row."""
    query = select(device_logins)
    query = query.where(device_logins.c.digest == digest if digest else device_logins.c.code_digest == code_digest)
    return conn.execute(query).one_or_none()


def by_identity(conn: Connection, issuer: str, subject: str) -> Person | None:
    """The person whom a provider knows by this subject; None where it is nobody's."""
    query = select(*_PERSON).join(identities, identities.c.person_id == persons.c.id)
    query = query.where(identities.c.issuer == issuer, identities.c.subject == subject)
    row = conn.execute(query).one_or_none()
    return None if row is None else Person(**row._mapping)


def second_factor(conn: Connection, person_id: str) -> AnyRow | None:
    """What a person's app is known by: salt, last_step, confirmed_ms; None where there is none."""
    query = select(second_factors.c.salt, second_factors.c.last_step, second_factors.c.confirmed_ms)
    return conn.execute(query.where(second_factors.c.person_id == person_id)).one_or_none()


def recovery_codes_left(conn: Connection, person_id: str) -> int:
    """How many recovery codes a person has not used."""
    query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.person_id == person_id)
    return conn.execute(query).scalar_one()


def begun_login(conn: Connection, digest: str, at_ms: int) -> str | None:
    """Who has begun to log in with the ticket of this digest; None where none has, or it has ended."""
    query = select(begun_logins.c.person_id).where(begun_logins.c.digest == digest, begun_logins.c.expires_ms > at_ms)
    return conn.execute(query).scalar()


def passkeys_of(conn: Connection, person_id: str) -> list[Passkey]:
    """A person's passkeys, the newest first."""
    query = select(*_PASSKEY).where(passkeys.c.person_id == person_id).order_by(passkeys.c.id.desc())
    return [Passkey(**row._mapping) for row in conn.execute(query)]


def credentials_of(conn: Connection, person_id: str) -> list[str]:
    """What devices call a person's passkeys, in base64url."""
    return list(conn.execute(select(passkeys.c.credential).where(passkeys.c.person_id == person_id)).scalars())


def passkey_of_credential(conn: Connection, credential: str) -> AnyRow | None:
    """The passkey that a device calls so: person_id, public_key, sign_count; None where there is none."""
    query = select(passkeys.c.person_id, passkeys.c.public_key, passkeys.c.sign_count)
    return conn.execute(query.where(passkeys.c.credential == credential)).one_or_none()
