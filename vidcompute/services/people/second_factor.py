"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for who has lost it.

The app's secret is derived from a key of the server and a salt in the person's row: it is stored nowhere, and shown
once. A code of the app is good in its 30 s, in those before and in those after, and once: of codes that were taken, the
newest counts, and none up to it is good any more.
"""

import base64
import hashlib
import hmac
import secrets as random
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db import acting
from vidcompute.db import secrets as shared
from vidcompute.db.acting import Deed
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import begun_logins, recovery_codes, second_factors
from vidcompute.errors import FieldProblem, Kind, VidComputeError, not_found
from vidcompute.ids import ALPHABET, new_secret
from vidcompute.services.people import notices, queries, sessions, tokens
from vidcompute.services.people.models import Enrolment, Person, Policy, SecondFactor, SessionKind, Started
from vidcompute.services.visitors import Visitor

if TYPE_CHECKING:
    from pyotp import TOTP

KEY = "second-factor"
RECOVERY_CODES = 10
_ISSUER = "VidCompute"
_STEP_MS = 30_000
_DIGITS = 6
_SECRET_BYTES = 20  # as much as the HMAC of these codes has, and what every app takes
_RECOVERY_LETTERS = 16  # of 5 random bits each
_MISREAD = str.maketrans("ilo", "110")  # letters that the alphabet does not have

_Spent = Literal["app", "recovery"]


def state(conn: Connection, person_id: str) -> SecondFactor:
    """Since when a code is asked for, and how many recovery codes are left."""
    found = queries.second_factor(conn, person_id)
    on_ms = None if found is None else found.confirmed_ms
    return SecondFactor(on_ms, queries.recovery_codes_left(conn, person_id))


def begin(conn: Connection, person: Person) -> Enrolment:
    """Give them a secret for their app; it counts once `confirm` was given a code. `second_factor_on` (conflict)."""
    if state(conn, person.id).on_ms is not None:
        raise _is_on()
    row = {"person_id": person.id, "salt": new_secret(), "last_step": 0, "created_ms": now_ms()}
    conn.execute(delete(second_factors).where(second_factors.c.person_id == person.id))
    conn.execute(insert(second_factors).values(row))
    secret = _secret(shared.ensure(conn, KEY), person.id, str(row["salt"]))
    return Enrolment(secret, _app(secret).provisioning_uri(name=person.email, issuer_name=_ISSUER))


def confirm(conn: Connection, person: Person, code: str, at_ms: int, *, but: str) -> list[str]:
    """Ask for codes from now on, as the app makes them; the recovery codes. All sessions but one end.

    `second_factor_off` where none was begun, `second_factor_on` (conflict), `code_wrong` (forbidden).
    """
    found = queries.second_factor(conn, person.id)
    if found is None:
        raise _is_off()
    if found.confirmed_ms is not None:
        raise _is_on()
    if not _take(conn, person.id, found, _plain(code), at_ms):
        raise _code_wrong()
    conn.execute(update(second_factors).where(second_factors.c.person_id == person.id).values(confirmed_ms=at_ms))
    made = ["".join(random.choice(ALPHABET) for _ in range(_RECOVERY_LETTERS)) for _ in range(RECOVERY_CODES)]
    conn.execute(insert(recovery_codes), [{"digest": _digest(person.id, one), "person_id": person.id} for one in made])
    sessions.end_all(conn, person.id, but=but)
    sessions.tell(conn, person.id, "person.second_factor_on", person.id, {})
    notices.send(conn, person, "From now on, logging in takes a code of your authenticator app.")
    return ["-".join(one[at : at + 4] for at in range(0, len(one), 4)) for one in made]


def end(conn: Connection, person: Person, code: str, at_ms: int) -> None:
    """Ask for codes no more. `second_factor_off` (conflict), `code_wrong` (forbidden)."""
    if state(conn, person.id).on_ms is None:
        raise _is_off()
    if _spend(conn, person.id, code, at_ms) is None:
        raise _code_wrong()
    _forget(conn, person.id)
    sessions.tell(conn, person.id, "person.second_factor_off", person.id, {})
    notices.send(conn, person, "From now on, logging in takes your password alone: codes are not asked for any more.")


def take_away(conn: Connection, email: str, organization_id: str) -> None:
    """Ask somebody for codes no more who has lost the app and the recovery codes: for who runs the installation.

    It stands in the audit logs of the person's organizations and of the one that did it, and a mail tells the person.
    `person_not_found`, `second_factor_off` (conflict).
    """
    person = queries.by_email(conn, email)
    if person is None:
        raise not_found("person", email)
    if state(conn, person.id).on_ms is None:
        raise _is_off()
    _forget(conn, person.id)
    homes = {organization_id, *(home.organization_id for home in queries.memberships_of(conn, person.id))}
    deeds = [Deed(home, "person.second_factor_taken", person.id, {}) for home in sorted(homes)]
    acting.record(conn, deeds, now_ms())
    change = (
        "Who runs this server has switched off the codes of your authenticator app: logging in takes your password "
        "alone. Set an app up again as soon as you have one."
    )
    notices.send(conn, person, change)


def _forget(conn: Connection, person_id: str) -> None:
    for table in (second_factors, recovery_codes, begun_logins):
        conn.execute(delete(table).where(table.c.person_id == person_id))


def ask(conn: Connection, person_id: str, policy: Policy) -> VidComputeError | None:
    """Where codes are asked for: the error `second_factor_wanted` with a ticket to come back with; None elsewhere.

    The error is a value, to be raised when the ticket is committed.
    """
    if state(conn, person_id).on_ms is None:
        return None
    ticket = new_secret()
    row = {"digest": tokens.digest_of(ticket), "person_id": person_id, "expires_ms": now_ms() + policy.ticket_ms}
    conn.execute(insert(begun_logins).values(row))
    detail = "Send the ticket with a code of your app, or a recovery code."
    told = {"ticket": ticket, "ticket_s": policy.ticket_ms // 1000}
    return VidComputeError(Kind.UNAUTHENTICATED, "second_factor_wanted", detail, extra=told)


def bearer_of(conn: Connection, ticket: str) -> Person:
    """Who has begun to log in with this ticket; `login_ended` (unauthenticated)."""
    person_id = queries.begun_login(conn, tokens.digest_of(ticket), now_ms())
    if person_id is None:
        detail = "This log-in was finished, has ended, or never began: log in again."
        raise VidComputeError(Kind.UNAUTHENTICATED, "login_ended", detail)
    return queries.get(conn, person_id)


def finish(
    conn: Connection, ticket: str, code: str, kind: SessionKind, visitor: Visitor, *, policy: Policy, at_ms: int
) -> Started:
    """Begin the session that a ticket is for, by a code. `login_ended`, `login_failed` (unauthenticated)."""
    person = bearer_of(conn, ticket)
    spent = _spend(conn, person.id, code, at_ms)
    if spent is None:
        raise VidComputeError(Kind.UNAUTHENTICATED, "login_failed", "The code is wrong, or was used before.")
    conn.execute(delete(begun_logins).where(begun_logins.c.digest == tokens.digest_of(ticket)))
    started = sessions.start(conn, person, kind, visitor, policy)
    if spent == "recovery":
        left = queries.recovery_codes_left(conn, person.id)
        sessions.tell(conn, person.id, "person.recovery_code_used", person.id, {"left": str(left)})
        notices.send(conn, person, f"Somebody has logged in by one of your recovery codes; {left} of them are left.")
    return started


def _spend(conn: Connection, person_id: str, code: str, at_ms: int) -> _Spent | None:
    """Take a code that is good, so that it is good no more; which kind it was, None for one that is not."""
    plain = _plain(code)
    found = queries.second_factor(conn, person_id)
    if found is None or found.confirmed_ms is None:
        return None
    if len(plain) == _DIGITS:
        return "app" if _take(conn, person_id, found, plain, at_ms) else None
    used = delete(recovery_codes).where(recovery_codes.c.digest == _digest(person_id, plain))
    return "recovery" if conn.execute(used).rowcount else None


def _take(conn: Connection, person_id: str, found: queries.AnyRow, code: str, at_ms: int) -> bool:
    """Take a code of the app: whether it is one of now, and newer than the newest that was taken."""
    key = shared.known(conn, KEY)
    if key is None:
        return False
    app, now = _app(_secret(key, person_id, found.salt)), at_ms // _STEP_MS
    steps = [
        step for step in (now - 1, now, now + 1) if hmac.compare_digest(app.generate_otp(step).encode(), code.encode())
    ]
    newest = max(steps, default=0)
    if newest <= found.last_step:
        return False
    conn.execute(update(second_factors).where(second_factors.c.person_id == person_id).values(last_step=newest))
    return True


def _app(secret: str) -> "TOTP":
    from pyotp import TOTP

    return TOTP(secret)


def _secret(key: bytes, person_id: str, salt: str) -> str:
    derived = hmac.digest(key, f"{person_id}.{salt}".encode(), hashlib.sha256)
    return base64.b32encode(derived[:_SECRET_BYTES]).decode()


def _plain(code: str) -> str:
    """A code without what people put between its letters, and with those that they misread."""
    return "".join(letter for letter in code.lower() if letter.isalnum()).translate(_MISREAD)


def _digest(person_id: str, code: str) -> str:
    return tokens.digest_of(f"{person_id}.{code}")


def _code_wrong() -> VidComputeError:
    detail = "This code is wrong, or was used before."
    return VidComputeError(Kind.FORBIDDEN, "code_wrong", detail, problems=(FieldProblem("/code", detail),))


def _is_on() -> VidComputeError:
    return VidComputeError(Kind.CONFLICT, "second_factor_on", "Codes are asked for already; switch that off first.")


def _is_off() -> VidComputeError:
    return VidComputeError(Kind.CONFLICT, "second_factor_off", "Codes are not asked for; ask for a secret first.")
