"""What people do with their accounts: register, prove a mailbox, change what is known of them.

Who asks is told nothing of who else has an account: the answer is the same, and what differs is in a mail.
"""

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import begun_logins, challenges, persons, proofs
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.ids import new_id, new_secret
from vidcompute.services import mail, passwords
from vidcompute.services.mail import Mail
from vidcompute.services.people import notices, queries, sessions, tokens
from vidcompute.services.people.models import Person, Policy

VERIFY, RESET, CHANGE = "verify", "reset", "change"
_LONGEST_NAME = 200


def check_password(password: str, email: str, policy: Policy) -> None:
    """Refuse a password that is too short, or is the address: `password_weak` (invalid)."""
    if len(password) < policy.shortest_password or len(password) > passwords.LONGEST:
        told = f"Use {policy.shortest_password} to {passwords.LONGEST} characters."
    elif password.strip().lower() in {email, email.partition("@")[0]}:
        told = "Use something else than your address."
    else:
        return
    raise invalid("password_weak", f"This password won't do. {told}", FieldProblem("/password", told))


def add(conn: Connection, email: str, name: str, password: str | None, *, verified: bool) -> Person:
    """Add a person; `password` is what argon2 made of theirs."""
    at = now_ms()
    person = Person(new_id("person"), email, name[:_LONGEST_NAME], password, at if verified else None, at)
    conn.execute(insert(persons).values(**vars(person)))
    return person


def send_verification(conn: Connection, person: Person, policy: Policy, base_url: str) -> None:
    """Send them the link that proves their mailbox; an earlier one is good no more."""
    secret = _prove(conn, person.id, VERIFY, person.email, policy.verify_ms)
    link = f"{base_url}/account/verify#{secret}"
    mail.queue(conn, Mail(person.email, "verify", _values(person, link, policy.verify_ms)))


def send_reset(conn: Connection, person: Person, policy: Policy, base_url: str) -> None:
    """Send them the link that sets a new password."""
    secret = _prove(conn, person.id, RESET, person.email, policy.reset_ms)
    link = f"{base_url}/account/reset#{secret}"
    mail.queue(conn, Mail(person.email, "reset", _values(person, link, policy.reset_ms)))


def send_change(conn: Connection, person: Person, email: str, policy: Policy, base_url: str) -> None:
    """Send the link that proves their next mailbox, to that one."""
    secret = _prove(conn, person.id, CHANGE, email, policy.verify_ms)
    link = f"{base_url}/account/email#{secret}"
    mail.queue(conn, Mail(email, "verify", _values(person, link, policy.verify_ms)))


def send_welcome(conn: Connection, person: Person, base_url: str) -> None:
    """Tell them that their account is ready, and where it is."""
    mail.queue(conn, Mail(person.email, "welcome", {"name": person.name, "link": f"{base_url}/account/me"}))


def verify(conn: Connection, secret: str) -> Person:
    """Believe who followed a link that the mailbox is theirs. `link_invalid` where it was used, or has ended."""
    row = _use(conn, secret, VERIFY)
    conn.execute(update(persons).where(persons.c.id == row.person_id).values(verified_ms=now_ms()))
    return queries.get(conn, row.person_id)


def change_email(conn: Connection, person_id: str, secret: str) -> Person:
    """Take the mailbox that a link was sent to, for who asked for that; the one before is told, and its links end.

    `link_invalid`, `email_taken` (conflict).
    """
    row = _use(conn, secret, CHANGE)
    if row.person_id != person_id:
        raise _link_invalid()
    if queries.by_email(conn, row.email) is not None:
        raise VidComputeError(Kind.CONFLICT, "email_taken", "Somebody has this address by now.")
    before = queries.get(conn, person_id)
    conn.execute(update(persons).where(persons.c.id == person_id).values(email=row.email, verified_ms=now_ms()))
    conn.execute(delete(proofs).where(proofs.c.person_id == person_id))  # what lies in the mailbox of before
    sessions.tell(conn, person_id, "person.email_changed", person_id, {"email": row.email})
    notices.send(conn, before, "Your account has another e-mail address from now on; this one opens it no more.")
    return queries.get(conn, person_id)


def reset_password(conn: Connection, secret: str, password: str) -> Person:
    """Set a password by a link from a mail; all sessions end. `link_invalid`."""
    row = _use(conn, secret, RESET)
    fresh = {"password": password, "verified_ms": now_ms()}  # who has the link has the mailbox
    conn.execute(update(persons).where(persons.c.id == row.person_id).values(fresh))
    sessions.end_all(conn, row.person_id)
    sessions.tell(conn, row.person_id, "person.password_reset", row.person_id, {})
    person = queries.get(conn, row.person_id)
    notices.send(conn, person, "Your password was set anew by a link that was sent to you: all sessions have ended.")
    return person


def take_over(conn: Connection, person_id: str) -> Person:
    """Give an account to who has proved its mailbox elsewhere: the password of who registered it opens nothing."""
    fresh = {"password": None, "verified_ms": now_ms()}
    conn.execute(update(persons).where(persons.c.id == person_id).values(fresh))
    conn.execute(delete(proofs).where(proofs.c.person_id == person_id))
    sessions.end_all(conn, person_id)
    return queries.get(conn, person_id)


def owner_of(conn: Connection, secret: str, purpose: str) -> Person:
    """Whose mailbox a link for this purpose went to; it stays good. `link_invalid`."""
    row = queries.proof(conn, tokens.digest_of(secret), now_ms())
    if row is None or row.purpose != purpose:
        raise _link_invalid()
    return queries.get(conn, row.person_id)


def set_password(conn: Connection, person_id: str, password: str, *, but: str = "") -> None:
    """Set a password; all sessions but one end, and links that were sent are good no more."""
    conn.execute(update(persons).where(persons.c.id == person_id).values(password=password))
    conn.execute(delete(proofs).where(proofs.c.person_id == person_id, proofs.c.purpose == RESET))
    sessions.end_all(conn, person_id, but=but)
    sessions.tell(conn, person_id, "person.password_changed", person_id, {})
    notices.send(conn, queries.get(conn, person_id), "Your password was changed: all other sessions have ended.")


def strengthen(conn: Connection, person_id: str, old: str, password: str) -> None:
    """Keep the same password with more effort, unless it was changed meanwhile."""
    conn.execute(update(persons).where(persons.c.id == person_id, persons.c.password == old).values(password=password))


def rename(conn: Connection, person_id: str, name: str) -> Person:
    """Call them so from now on."""
    conn.execute(update(persons).where(persons.c.id == person_id).values(name=name))
    sessions.tell(conn, person_id, "person.renamed", person_id, {})
    return queries.get(conn, person_id)


def purge(conn: Connection) -> int:
    """Forget links, challenges, and log-ins that were begun, when they have ended; how many."""
    at, ending = now_ms(), (proofs, begun_logins, challenges)
    return sum(conn.execute(delete(table).where(table.c.expires_ms <= at)).rowcount for table in ending)


def valid_for(lifetime_ms: int) -> str:
    """How long something is good, in words."""
    hours = max(1, round(lifetime_ms / 3_600_000))
    if hours >= 48:
        return f"{hours // 24} days"
    return "1 hour" if hours == 1 else f"{hours} hours"


def _prove(conn: Connection, person_id: str, purpose: str, email: str, lifetime_ms: int) -> str:
    conn.execute(delete(proofs).where(proofs.c.person_id == person_id, proofs.c.purpose == purpose))
    secret, at = new_secret(), now_ms()
    row = {"digest": tokens.digest_of(secret), "person_id": person_id, "purpose": purpose, "email": email}
    conn.execute(insert(proofs).values(**row, created_ms=at, expires_ms=at + lifetime_ms))
    return secret


def _use(conn: Connection, secret: str, purpose: str) -> queries.AnyRow:
    digest = tokens.digest_of(secret)
    row = queries.proof(conn, digest, now_ms())
    if row is None or row.purpose != purpose:
        raise _link_invalid()
    conn.execute(delete(proofs).where(proofs.c.digest == digest))
    return row


def _link_invalid() -> VidComputeError:
    return invalid("link_invalid", "This link was used already, has ended, or is not whole; ask for another one.")


def _values(person: Person, link: str, lifetime_ms: int) -> dict[str, str]:
    return {"name": person.name, "link": link, "valid_for": valid_for(lifetime_ms)}
