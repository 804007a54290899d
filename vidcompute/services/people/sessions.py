"""Sessions: what a browser's cookie or an app's tokens stand for, until they end.

A session of an app is a family of refresh tokens of which one is good at a time. One that comes back was stolen, or its
answer was: nobody can tell which, so the whole family ends.
"""

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db import acting
from vidcompute.db.acting import Actor, Deed
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import begun_logins, refresh_tokens, sessions
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.ids import new_id, new_secret
from vidcompute.services.accounts import Principal, Role, Scope, scopes_of
from vidcompute.services.people import queries, tokens
from vidcompute.services.people.models import Person, Policy, SessionKind, Started, Tokens
from vidcompute.services.people.queries import AnyRow
from vidcompute.services.visitors import Visitor

_AGENT = 300  # characters


def start(conn: Connection, person: Person, kind: SessionKind, visitor: Visitor, policy: Policy) -> Started:
    """Begin a session: a browser's has a secret for its cookie, an app's a pair of tokens."""
    session_id, at = new_id("ses"), now_ms()
    cookie = new_secret() if kind == "browser" else None
    expires_ms = at + policy.session_ms
    conn.execute(
        insert(sessions).values(
            id=session_id,
            person_id=person.id,
            kind=kind,
            digest=tokens.digest_of(cookie) if cookie else None,
            agent=visitor.agent[:_AGENT],
            address=visitor.address[:64],
            created_ms=at,
            seen_ms=at,
            expires_ms=expires_ms,
        )
    )
    acting.bind(conn, Actor("person", person.id, person.email, visitor.request_id, visitor.address))
    tell(conn, person.id, "session.started", session_id, {"kind": kind})
    pair = None if cookie else _pair(conn, tokens.Access(person.id, session_id), policy)
    return Started(session_id, person.id, expires_ms, cookie, pair)


def by_cookie(conn: Connection, cookie: str, organization: str) -> Principal:
    """Who a browser's cookie stands for, in the organization that is named by id or slug, else the first of theirs.

    `session_ended` (kind unauthenticated), `organization_not_found`.
    """
    return _principal(queries.living_session(conn, now_ms(), digest=tokens.digest_of(cookie)), organization)


def by_token(conn: Connection, token: str, organization: str) -> Principal:
    """Who an app's access token stands for. As `by_cookie`; `invalid_token`, `token_expired`."""
    access = tokens.verify(conn, token)
    rows = queries.living_session(conn, now_ms(), session_id=access.session_id)
    if rows and (rows[0].person_id, rows[0].kind) != (access.person_id, "app"):
        raise tokens.invalid_token()
    return _principal(rows, organization)


def scopes_now(conn: Connection, organization_id: str, session_id: str) -> frozenset[Scope]:
    """What a session may do in an organization at this moment; nothing where it has ended, or the person has left."""
    rows = queries.living_session(conn, now_ms(), session_id=session_id)
    here = [row for row in rows if row.organization_id == organization_id]
    return _principal(here, organization_id).scopes if here else frozenset()


def _principal(rows: list[AnyRow], organization: str) -> Principal:
    if not rows:
        detail = "This session has ended; log in again."
        raise VidComputeError(Kind.UNAUTHENTICATED, "session_ended", detail)
    found = [row for row in rows if not organization or organization in {row.organization_id, row.slug}]
    if not found:
        raise not_found("organization", organization)
    row = found[0]
    role = Role(row.role) if row.role else None
    lacks_second_factor = bool(row.second_factor_required) and row.confirmed_ms is None
    return Principal(
        row.organization_id or "",
        scopes_of(role, row.organization_id) if role and not lacks_second_factor else frozenset(),
        row.email,
        person_id=row.person_id,
        session_id=row.id,
        role=role,
        noted_ms=row.seen_ms,
        lacks_second_factor=lacks_second_factor,
    )


def note_use(conn: Connection, session_id: str) -> None:
    """Write down that a session was used just now."""
    conn.execute(update(sessions).where(sessions.c.id == session_id).values(seen_ms=now_ms()))


def refresh(conn: Connection, token: str, policy: Policy) -> Started | VidComputeError:
    """The next pair of tokens; the one that was given is good for nothing any more.

    `invalid_token`, or `refresh_token_reused`, which ends the session: it comes back as a value, to be raised when that
    is committed.
    """
    digest, at = tokens.digest_of(token), now_ms()
    row = queries.refresh_token(conn, digest)
    if row is None or row.ended_ms is not None or row.expires_ms <= at:
        return tokens.invalid_token()
    if row.used_ms is not None:
        _end(conn, row.session_id)
        tell(conn, row.person_id, "session.token_reused", row.session_id, {})
        detail = "This token was used before, so somebody else may have it: the session has ended; log in again."
        return VidComputeError(Kind.UNAUTHENTICATED, "refresh_token_reused", detail)
    conn.execute(update(refresh_tokens).where(refresh_tokens.c.digest == digest).values(used_ms=at))
    pair = _pair(conn, tokens.Access(row.person_id, row.session_id), policy)
    return Started(row.session_id, row.person_id, row.expires_ms, tokens=pair)


def end(conn: Connection, person_id: str, session_id: str) -> None:
    """End one of a person's sessions; done twice it is done. `session_not_found`."""
    if session_id not in {session.id for session in queries.sessions_of(conn, person_id, now_ms())}:
        raise not_found("session", session_id)
    _end(conn, session_id)
    tell(conn, person_id, "session.ended", session_id, {})


def end_all(conn: Connection, person_id: str, *, but: str = "") -> int:
    """End all of a person's sessions, but one, and the log-ins that were begun; how many sessions there were."""
    conn.execute(delete(begun_logins).where(begun_logins.c.person_id == person_id))
    found = [session.id for session in queries.sessions_of(conn, person_id, now_ms()) if session.id != but]
    for session_id in found:
        _end(conn, session_id)
        tell(conn, person_id, "session.ended", session_id, {})
    return len(found)


def purge(conn: Connection) -> int:
    """Forget sessions that are over; how many there were."""
    over = (sessions.c.expires_ms <= now_ms()) | sessions.c.ended_ms.is_not(None)
    return conn.execute(delete(sessions).where(over)).rowcount


def tell(conn: Connection, person_id: str, action: str, subject_id: str, data: dict[str, str]) -> None:
    """Let the audit logs of a person's organizations know what they did with their account."""
    homes: list[str | None] = [membership.organization_id for membership in queries.memberships_of(conn, person_id)]
    acting.record(conn, [Deed(home, action, subject_id, data) for home in homes or [None]], now_ms())


def _end(conn: Connection, session_id: str) -> None:
    conn.execute(update(sessions).where(sessions.c.id == session_id).values(ended_ms=now_ms(), digest=None))
    conn.execute(delete(refresh_tokens).where(refresh_tokens.c.session_id == session_id))


def _pair(conn: Connection, access: tokens.Access, policy: Policy) -> Tokens:
    signed, expires_ms = tokens.mint(conn, access, policy.access_ms)
    again = new_secret()
    conn.execute(
        insert(refresh_tokens).values(digest=tokens.digest_of(again), session_id=access.session_id, created_ms=now_ms())
    )
    return Tokens(signed, expires_ms, again)
