"""How people come in: register, log in, forget a password. Everything here is asked by strangers, so it is limited.

Each of them takes as long, and answers the same, whether there is such an account or not.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from vidcompute.db import acting
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.ports.rates import Allowance, Rates
from vidcompute.services import mailboxes, organizations, passwords
from vidcompute.services.people import ceremonies, passkeys, queries, second_factor, service, sessions
from vidcompute.services.people.ceremonies import Credential
from vidcompute.services.people.models import Person, Policy, SessionKind, Started
from vidcompute.services.visitors import Visitor

_DAY_S = 24 * 3600


@dataclass(frozen=True)
class Lobby:
    """What coming in needs: the rows, the counters of tries, the policy, and where links in mails lead."""

    db: Database
    rates: Rates
    policy: Policy
    base_url: str


@dataclass(frozen=True)
class Newcomer:
    """Who registers. `invitation` is the secret of one, where there is one."""

    email: str
    name: str
    password: str = field(repr=False)
    invitation: str | None = field(default=None, repr=False)


async def log_in(lobby: Lobby, email: str, password: str, kind: SessionKind, visitor: Visitor) -> Started:
    """Begin a session for who knows the password.

    `login_failed` (kind unauthenticated) for a wrong address or password, `email_unverified` (forbidden) for the right
    ones of a mailbox that is not proved, `second_factor_wanted` (unauthenticated, with a ticket) where a code has to
    follow, `too_many_attempts` (rate limited).
    """
    email = mailboxes.normal(email)
    await limit_logins(lobby, email, visitor)
    person = await lobby.db.read(queries.by_email, email)
    right = await passwords.matches(person.password if person else None, password)
    if person is None or not right:
        detail = "The e-mail address or the password is wrong."
        raise VidComputeError(Kind.UNAUTHENTICATED, "login_failed", detail)
    if person.verified_ms is None:
        detail = "Confirm your e-mail address first: open the link that was sent to you, or ask for another."
        raise VidComputeError(Kind.FORBIDDEN, "email_unverified", detail)
    if person.password is not None and passwords.is_weak(person.password):
        await lobby.db.write(service.strengthen, person.id, person.password, await passwords.hashed(password))
    started = await lobby.db.write(_enter, person, kind, visitor, lobby.policy)
    if isinstance(started, VidComputeError):
        raise started
    return started


def _enter(
    conn: Connection, person: Person, kind: SessionKind, visitor: Visitor, policy: Policy
) -> Started | VidComputeError:
    return second_factor.ask(conn, person.id, policy) or sessions.start(conn, person, kind, visitor, policy)


async def finish_log_in(lobby: Lobby, ticket: str, code: str, kind: SessionKind, visitor: Visitor) -> Started:
    """Begin a session for who has a ticket and a code. `login_ended`, `login_failed`, `too_many_attempts`."""
    person = await lobby.db.read(second_factor.bearer_of, ticket)
    await limit_logins(lobby, person.email, visitor)
    return await lobby.db.write(second_factor.finish, ticket, code, kind, visitor, policy=lobby.policy, at_ms=now_ms())


async def begin_passkey_log_in(lobby: Lobby, visitor: Visitor) -> dict[str, Any]:
    """What a browser is to ask a device, to log in. `passkeys_unavailable`, `too_many_attempts`."""
    site = ceremonies.site_of(lobby.base_url)
    await limit_logins(lobby, "", visitor)
    asked = await asyncio.to_thread(ceremonies.to_recognise, site)
    await lobby.db.write(passkeys.expect, asked.challenge, None, lobby.policy.ticket_ms)
    return asked.options


async def log_in_by_passkey(lobby: Lobby, answer: Mapping[str, Any], kind: SessionKind, visitor: Visitor) -> Started:
    """Begin a session for whom a device has recognised. `passkey_refused`, `too_many_attempts`."""
    site = ceremonies.site_of(lobby.base_url)
    await limit_logins(lobby, "", visitor)
    challenge = await asyncio.to_thread(ceremonies.challenge_in, answer)
    await lobby.db.write(passkeys.take, challenge, None)  # committed, so that it is gone whatever follows
    name = str(answer.get("id"))
    row = await lobby.db.read(queries.passkey_of_credential, name)
    if row is None:
        raise ceremonies.refused()
    known = Credential(name, row.public_key, row.sign_count)
    count = await asyncio.to_thread(ceremonies.recognised, site, answer, challenge, known, row.person_id)
    person = await lobby.db.read(queries.get, row.person_id)
    return await lobby.db.write(passkeys.log_in, person, known, count, kind=kind, visitor=visitor, policy=lobby.policy)


async def register(lobby: Lobby, newcomer: Newcomer, visitor: Visitor) -> None:
    """Make an account: at once with an invitation to that mailbox, else once the link in a mail was followed.

    `registration_closed`, `invitation_wanted` (forbidden), `invitation_not_found`, `password_weak`, `account_exists`
    (conflict, told to who has the invitation alone), `too_many_attempts`.
    """
    policy = lobby.policy
    if policy.registration == "closed":
        raise VidComputeError(Kind.FORBIDDEN, "registration_closed", "Nobody can register here.")
    if policy.registration == "invitation" and newcomer.invitation is None:
        raise VidComputeError(Kind.FORBIDDEN, "invitation_wanted", "One comes in here by invitation only.")
    email = mailboxes.parse(newcomer.email)
    service.check_password(newcomer.password, email, policy)
    await _limit_mails(lobby, email, visitor)
    kept = await passwords.hashed(newcomer.password)
    if newcomer.invitation is not None:
        await lobby.db.write(_join, newcomer, email, kept, newcomer.invitation, lobby=lobby)
    else:
        await lobby.db.write(_begin, newcomer, email, kept, lobby)


def _join(conn: Connection, newcomer: Newcomer, email: str, kept: str, invitation: str, *, lobby: Lobby) -> None:
    if queries.by_email(conn, email) is not None:
        organizations.find_invitation(conn, invitation, email)
        detail = "There is an account of this address: log in, and accept the invitation."
        raise VidComputeError(Kind.CONFLICT, "account_exists", detail)
    person = service.add(conn, email, newcomer.name, kept, verified=True)
    organizations.accept(conn, invitation, person.id, email)
    service.send_welcome(conn, person, lobby.base_url)


def _begin(conn: Connection, newcomer: Newcomer, email: str, kept: str, lobby: Lobby) -> None:
    """Who has an account gets the mail that helps them into it; nobody else learns of it."""
    person = queries.by_email(conn, email)
    if person is None:
        person = service.add(conn, email, newcomer.name, kept, verified=False)
    if person.verified_ms is None:
        service.send_verification(conn, person, lobby.policy, lobby.base_url)
    else:
        service.send_reset(conn, person, lobby.policy, lobby.base_url)


async def verify(lobby: Lobby, secret: str, password: str, visitor: Visitor) -> None:
    """Open an account by the link in a mail, for who knows its password; with an organization of their own.

    Whoever registered with another's address has the password, and whose mailbox it is has the link: neither gets in.
    `link_invalid`, `login_failed`, `too_many_attempts`.
    """
    await limit_logins(lobby, "", visitor)
    person = await lobby.db.read(service.owner_of, secret, service.VERIFY)
    if not await passwords.matches(person.password, password):
        raise VidComputeError(Kind.UNAUTHENTICATED, "login_failed", "The password is wrong.")

    def step(conn: Connection) -> None:
        verified = service.verify(conn, secret)
        acting.bind(conn, acting.Actor("person", person.id, person.email, visitor.request_id, visitor.address))
        if not queries.memberships_of(conn, verified.id):
            organizations.create(conn, verified.id, verified.email, verified.name)
        service.send_welcome(conn, verified, lobby.base_url)

    await lobby.db.write(step)


async def verify_again(lobby: Lobby, email: str, visitor: Visitor) -> None:
    """Send the link once more to who has still to follow it. `too_many_attempts`."""

    def unverified(conn: Connection, person: Person) -> None:
        if person.verified_ms is None:
            service.send_verification(conn, person, lobby.policy, lobby.base_url)

    await _mailed(lobby, email, visitor, unverified)


async def forgot_password(lobby: Lobby, email: str, visitor: Visitor) -> None:
    """Send a link that sets a new password. `too_many_attempts`."""

    def forgotten(conn: Connection, person: Person) -> None:
        service.send_reset(conn, person, lobby.policy, lobby.base_url)

    await _mailed(lobby, email, visitor, forgotten)


async def _mailed(lobby: Lobby, email: str, visitor: Visitor, work: Callable[[Connection, Person], None]) -> None:
    email = mailboxes.normal(email)
    await _limit_mails(lobby, email, visitor)

    def step(conn: Connection) -> None:
        person = queries.by_email(conn, email)
        if person is not None:
            work(conn, person)

    await lobby.db.write(step)


async def set_forgotten(lobby: Lobby, secret: str, password: str, visitor: Visitor) -> None:
    """Set a password by a link from a mail. `link_invalid`, `password_weak`, `too_many_attempts`."""
    await limit_logins(lobby, "", visitor)
    person = await lobby.db.read(service.owner_of, secret, service.RESET)
    service.check_password(password, person.email, lobby.policy)
    await lobby.db.write(service.reset_password, secret, await passwords.hashed(password))


async def confirm(lobby: Lobby, person_id: str, password: str, visitor: Visitor) -> Person:
    """Who is logged in says their password again. `password_wrong`, `password_unset` (forbidden)."""
    person = await lobby.db.read(queries.get, person_id)
    await limit_logins(lobby, person.email, visitor)
    if person.password is None:
        detail = "You have no password here yet: set one at /account/forgot, by a link that comes by mail."
        raise VidComputeError(Kind.FORBIDDEN, "password_unset", detail)
    if not await passwords.matches(person.password, password):
        detail = "This is not your password."
        problem = FieldProblem("/current_password", detail)
        raise VidComputeError(Kind.FORBIDDEN, "password_wrong", detail, problems=(problem,))
    return person


async def confirm_erasure(lobby: Lobby, person_id: str, email: str, password: str | None, visitor: Visitor) -> None:
    """Who wants to be erased types their address, and their password where they have one.

    `email_wrong` (invalid), `password_wrong` (forbidden), `too_many_attempts`.
    """
    person = await lobby.db.read(queries.get, person_id)
    if mailboxes.normal(email) != person.email:
        detail = "This is not the address of your account."
        raise invalid("email_wrong", detail, FieldProblem("/email", detail))
    if person.password is not None:
        await confirm(lobby, person_id, password or "", visitor)


async def change_password(
    lobby: Lobby, person_id: str, current: str, password: str, visitor: Visitor, *, but: str
) -> None:
    """Set another password; all sessions but one end. `password_wrong`, `password_weak`."""
    person = await confirm(lobby, person_id, current, visitor)
    service.check_password(password, person.email, lobby.policy)
    await lobby.db.write(service.set_password, person_id, await passwords.hashed(password), but=but)


async def change_email(lobby: Lobby, person_id: str, current: str, email: str, visitor: Visitor) -> None:
    """Send a link to their next mailbox; it counts when that is followed. `password_wrong`."""
    person = await confirm(lobby, person_id, current, visitor)
    email = mailboxes.parse(email)
    await _limit_mails(lobby, email, visitor)

    def step(conn: Connection) -> None:
        if queries.by_email(conn, email) is None:  # whose it is learns nothing, and who asks learns nothing of them
            service.send_change(conn, person, email, lobby.policy, lobby.base_url)

    await lobby.db.write(step)


async def limit_logins(lobby: Lobby, account: str, visitor: Visitor) -> None:
    """Count a try of a secret, against the account (where it is known) and the address that it came from."""
    policy = lobby.policy
    await count_try(lobby.rates, f"login-from:{visitor.network}", policy.attempts_from)
    if account:
        await count_try(lobby.rates, f"login:{_hidden(account)}", policy.attempts)


async def _limit_mails(lobby: Lobby, mailbox: str, visitor: Visitor) -> None:
    """Count a mail that a stranger has sent, against the mailbox and the address that it came from."""
    await count_try(lobby.rates, f"mail-from:{visitor.network}", lobby.policy.mails_from)
    await count_try(lobby.rates, f"mail:{_hidden(mailbox)}", lobby.policy.mails)


async def limit_invitations(lobby: Lobby, organization_id: str, mailbox: str, most: int) -> None:
    """Count an invitation, against the mailbox that gets the mail, and against its organization: `most` a day."""
    a_day = Allowance(max(1, most), max(1, most) / _DAY_S)
    await count_try(lobby.rates, f"invited:{_hidden(mailboxes.normal(mailbox))}", lobby.policy.mails)
    await count_try(lobby.rates, f"invites:{organization_id}", a_day)


def _hidden(mailbox: str) -> str:
    """What is counted may lie elsewhere: there it is nobody's address."""
    return hashlib.sha256(mailbox.encode()).hexdigest()[:24]


async def count_try(rates: Rates, name: str, allowance: Allowance) -> None:
    """Count a try; `too_many_attempts` (rate limited) where there were enough of this name."""
    taken = await rates.take(name, allowance)
    if not taken.allowed:
        wait_s = max(1, round(taken.retry_after_s))
        detail = f"Too many tries. Wait {wait_s} s."
        raise VidComputeError(Kind.RATE_LIMITED, "too_many_attempts", detail, extra={"retry_after_s": wait_s})
