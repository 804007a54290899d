"""Passkeys as rows: added, named, removed; and challenges, each of which counts for one answer, right or wrong."""

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import challenges, passkeys
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.ids import new_id
from vidcompute.services.people import notices, queries, sessions, tokens
from vidcompute.services.people.ceremonies import Credential, refused
from vidcompute.services.people.models import Passkey, Person, Policy, SessionKind, Started
from vidcompute.services.visitors import Visitor


def expect(conn: Connection, challenge: bytes, person_id: str | None, lifetime_ms: int) -> None:
    """Remember a challenge: of who adds a passkey, or of nobody yet, to log in."""
    row = {"digest": _digest(challenge), "person_id": person_id, "expires_ms": now_ms() + lifetime_ms}
    conn.execute(insert(challenges).values(row))


def take(conn: Connection, challenge: bytes, person_id: str | None) -> None:
    """Use a challenge up that was made for this person, or for nobody. `passkey_refused` where it can't be."""
    wanted = (challenges.c.digest == _digest(challenge), challenges.c.person_id == person_id)
    if not conn.execute(delete(challenges).where(*wanted, challenges.c.expires_ms > now_ms())).rowcount:
        raise refused()


def add(conn: Connection, person_id: str, name: str, made: Credential, *, most: int) -> Passkey:
    """Let a passkey open an account. `passkey_known`, `passkeys_full` (conflict)."""
    if queries.passkey_of_credential(conn, made.credential) is not None:
        raise VidComputeError(Kind.CONFLICT, "passkey_known", "This passkey was added already.")
    if len(queries.passkeys_of(conn, person_id)) >= most:
        detail = f"You have {most} passkeys, which is the most; remove one."
        raise VidComputeError(Kind.CONFLICT, "passkeys_full", detail, extra={"limit": most})
    passkey = Passkey(new_id("pk"), name, now_ms(), None)
    conn.execute(insert(passkeys).values(**vars(passkey), **vars(made), person_id=person_id))
    sessions.tell(conn, person_id, "person.passkey_added", passkey.id, {"name": name})
    change = f"A passkey, {name}, was added: it opens your account without the password. Remove it if it is not yours."
    notices.send(conn, queries.get(conn, person_id), change)
    return passkey


def rename(conn: Connection, person_id: str, passkey_id: str, name: str) -> Passkey:
    """Call a passkey so. `passkey_not_found`."""
    own = (passkeys.c.id == passkey_id, passkeys.c.person_id == person_id)
    if not conn.execute(update(passkeys).where(*own).values(name=name)).rowcount:
        raise not_found("passkey", passkey_id)
    sessions.tell(conn, person_id, "person.passkey_renamed", passkey_id, {"name": name})
    return next(passkey for passkey in queries.passkeys_of(conn, person_id) if passkey.id == passkey_id)


def remove(conn: Connection, person_id: str, passkey_id: str) -> None:
    """Let a passkey open nothing any more. `passkey_not_found`."""
    own = (passkeys.c.id == passkey_id, passkeys.c.person_id == person_id)
    if not conn.execute(delete(passkeys).where(*own)).rowcount:
        raise not_found("passkey", passkey_id)
    sessions.tell(conn, person_id, "person.passkey_removed", passkey_id, {})
    notices.send(conn, queries.get(conn, person_id), "A passkey was removed: it opens your account no more.")


def log_in(
    conn: Connection,
    person: Person,
    known: Credential,
    count: int,
    *,
    kind: SessionKind,
    visitor: Visitor,
    policy: Policy,
) -> Started:
    """Begin a session for who was recognised; `count` is what the device has counted by now.

    `passkey_refused` where the passkey was removed meanwhile, or another answer of it was faster.
    """
    own = (passkeys.c.credential == known.credential, passkeys.c.sign_count == known.sign_count)
    if not conn.execute(update(passkeys).where(*own).values(sign_count=count, used_ms=now_ms())).rowcount:
        raise refused()
    return sessions.start(conn, person, kind, visitor, policy)


def _digest(challenge: bytes) -> str:
    return tokens.digest_of(challenge.hex())
