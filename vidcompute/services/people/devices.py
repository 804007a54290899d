"""Programs that a person lets in from a browser elsewhere (RFC 8628).

The program has two secrets: a long one, which it trades for its tokens, once; and a short code, which a person types
where they are logged in. Who guesses codes would let programs of others in as themselves, so guesses are counted.
"""

import secrets as random

from sqlalchemy import Connection, delete, insert, update

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import device_logins
from vidcompute.errors import Kind, VidComputeError, invalid, not_found
from vidcompute.ids import new_secret
from vidcompute.services.people import queries, sessions, tokens
from vidcompute.services.people.coming_in import Lobby, count_try
from vidcompute.services.people.models import Allowed, Asking, Begun, Policy
from vidcompute.services.visitors import Visitor

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words, and nothing that reads like a digit (RFC 8628, 6.1)
_LENGTH = 8
INTERVAL_S = 5
_SLOWER_S = 5  # what is added for who asks too often (RFC 8628, 3.5)
_EARLY = 0.9  # a question may be faster on its way than the one before
_AGENT = 300  # characters


async def begin(lobby: Lobby, visitor: Visitor) -> Begun:
    """Let a program ask; nothing opens before a person says so. `too_many_attempts`."""
    await count_try(lobby.rates, f"device-from:{visitor.network}", lobby.policy.attempts_from)
    code = "".join(random.choice(LETTERS) for _ in range(_LENGTH))
    begun = Begun(new_secret(), f"{code[:4]}-{code[4:]}", lobby.policy.device_ms, INTERVAL_S)
    await lobby.db.write(_keep, begun, visitor)
    return begun


def _keep(conn: Connection, begun: Begun, visitor: Visitor) -> None:
    at = now_ms()
    conn.execute(
        insert(device_logins).values(
            digest=tokens.digest_of(begun.device_code),
            code_digest=_digest_of_code(begun.user_code),
            agent=visitor.agent[:_AGENT],
            address=visitor.address[:64],
            interval_s=begun.interval_s,
            created_ms=at,
            expires_ms=at + begun.lifetime_ms,
        )
    )


async def view(lobby: Lobby, person_id: str, code: str) -> Asking:
    """Who asks with this code. `device_not_found`, `too_many_attempts`."""
    await _count_guess(lobby, person_id)
    row = await lobby.db.read(_waiting, code)
    return Asking(row.agent, row.address, row.created_ms, row.expires_ms)


async def answer(lobby: Lobby, person_id: str, code: str, organization_id: str | None, *, allow: bool) -> None:
    """Let the program in as this person, to begin in one of their organizations; or refuse it. An answer is final.

    `device_not_found`, `organization_not_found`, `too_many_attempts`.
    """
    await _count_guess(lobby, person_id)

    def step(conn: Connection) -> None:
        row = _waiting(conn, code)
        homes = {home.organization_id for home in queries.memberships_of(conn, person_id)}
        if organization_id is not None and organization_id not in homes:
            raise not_found("organization", organization_id)
        said = {"answer": "allowed" if allow else "denied", "organization_id": organization_id}
        conn.execute(
            update(device_logins).where(device_logins.c.digest == row.digest).values(person_id=person_id, **said)
        )
        deed = "device.allowed" if allow else "device.denied"
        sessions.tell(conn, person_id, deed, person_id, {"agent": row.agent, "address": row.address})

    await lobby.db.write(step)


def redeem(conn: Connection, device_code: str, visitor: Visitor, policy: Policy) -> Allowed | VidComputeError:
    """The session that the program was let in for, once.

    An error of RFC 8628 comes back as a value, to be raised when what was noted of the question is committed:
    `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, `invalid_grant`.
    """
    at = now_ms()
    row = queries.device_login(conn, digest=tokens.digest_of(device_code))
    if row is None:
        return invalid("invalid_grant", "This device code is not known, or was used.")
    mine = device_logins.c.digest == row.digest
    if row.expires_ms <= at:
        return invalid("expired_token", "Nobody answered in time; begin anew.")
    if row.answer is None:
        early = row.asked_ms is not None and at - row.asked_ms < row.interval_s * 1000 * _EARLY
        interval_s = row.interval_s + (_SLOWER_S if early else 0)
        conn.execute(update(device_logins).where(mine).values(asked_ms=at, interval_s=interval_s))
        if early:
            return invalid("slow_down", f"You ask too often: wait {interval_s} s between two questions.")
        return invalid("authorization_pending", "Nobody has answered yet; ask again.")
    conn.execute(delete(device_logins).where(mine))
    if row.answer == "denied":
        return invalid("access_denied", "The person said no.")
    person = queries.get(conn, row.person_id)
    return Allowed(sessions.start(conn, person, "app", visitor, policy), row.organization_id)


def purge(conn: Connection) -> int:
    """Forget who asked and is not waited for any more; how many."""
    return conn.execute(delete(device_logins).where(device_logins.c.expires_ms <= now_ms())).rowcount


def _waiting(conn: Connection, code: str) -> queries.AnyRow:
    row = queries.device_login(conn, code_digest=_digest_of_code(code))
    if row is None or row.answer is not None or row.expires_ms <= now_ms():
        detail = "No program waits with this code: it was mistyped, was answered, or has ended."
        raise VidComputeError(Kind.NOT_FOUND, "device_not_found", detail)
    return row


async def _count_guess(lobby: Lobby, person_id: str) -> None:
    await count_try(lobby.rates, f"device-code:{person_id}", lobby.policy.attempts_from)


def _digest_of_code(code: str) -> str:
    """People type small letters, and hyphens or none."""
    return tokens.digest_of("".join(letter for letter in code.upper() if letter in LETTERS))
