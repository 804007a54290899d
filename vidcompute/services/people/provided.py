"""People who log in at a provider of the operator's choice (OpenID Connect).

What binds the end of a log-in to its beginning is one secret in the browser's cookie, of which a row has the digest:
state, nonce and the verifier of PKCE are made of it. The row goes with who comes back first, so a log-in ends once.

A provider's subject becomes a person's by a mailbox that the provider has proved, and by nothing else.
"""

import base64
import hmac
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert

from vidcompute.db import acting
from vidcompute.db.acting import Actor
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import identities, provider_logins
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_secret
from vidcompute.ports.identity import Attempt, Identity, IdentityProvider, Returned
from vidcompute.services import mailboxes, organizations
from vidcompute.services.people import queries, second_factor, service, sessions, tokens
from vidcompute.services.people.coming_in import Lobby, count_try
from vidcompute.services.people.models import MINUTE_MS, Person, Started
from vidcompute.services.visitors import Visitor

LIFETIME_MS = 10 * MINUTE_MS


@dataclass(frozen=True)
class SignOn:
    """Logging in at a provider: its name for people, whose mailboxes count (all, where no domain is named), and whether
    people that nobody knows yet get an account.
    """

    provider: IdentityProvider
    name: str
    domains: tuple[str, ...] = ()
    registers: bool = False


@dataclass(frozen=True)
class Leaving:
    """Where the browser is sent, and the secret that it keeps meanwhile."""

    url: str
    secret: str = field(repr=False)


async def begin(lobby: Lobby, sign_on: SignOn, return_url: str, visitor: Visitor) -> Leaving:
    """Send a browser to the provider. `too_many_attempts`, and what the provider raises."""
    await count_try(lobby.rates, f"provider-from:{visitor.network}", lobby.policy.attempts_from)
    secret = new_secret()
    url = await sign_on.provider.begin(_attempt(secret, return_url))
    await lobby.db.write(_keep, tokens.digest_of(secret))
    return Leaving(url, secret)


def _keep(conn: Connection, digest: str) -> None:
    conn.execute(insert(provider_logins).values(digest=digest, expires_ms=now_ms() + LIFETIME_MS))


async def finish(
    lobby: Lobby, sign_on: SignOn, returned: Returned, visitor: Visitor, *, return_url: str, secret: str
) -> Started:
    """The session of who came back from the provider, in the browser that began and has the secret.

    `login_not_begun` (conflict); `email_not_proved`, `domain_refused`, `account_wanted` (forbidden);
    `second_factor_wanted` (unauthenticated, with a ticket); and what the provider raises.
    """
    attempt = _attempt(secret, return_url)
    same = hmac.compare_digest(attempt.state.encode(), returned.state.encode())
    if not same or not await lobby.db.write(_take, tokens.digest_of(secret)):
        detail = "This log-in was not begun in this browser, was ended already, or took too long; begin anew."
        raise VidComputeError(Kind.CONFLICT, "login_not_begun", detail)
    identity = await sign_on.provider.finish(attempt, returned)
    _check(sign_on, identity)

    def step(conn: Connection) -> Started | VidComputeError:
        person = queries.by_identity(conn, identity.issuer, identity.subject)
        person = person or _linked(conn, identity, visitor, registers=sign_on.registers)
        wanted = second_factor.ask(conn, person.id, lobby.policy)
        return wanted or sessions.start(conn, person, "browser", visitor, lobby.policy)

    outcome = await lobby.db.write(step)
    if isinstance(outcome, VidComputeError):
        raise outcome
    return outcome


def _take(conn: Connection, digest: str) -> bool:
    """Whether this log-in was begun, and is over from now on."""
    living = (provider_logins.c.digest == digest) & (provider_logins.c.expires_ms > now_ms())
    return conn.execute(delete(provider_logins).where(living)).rowcount == 1


def purge(conn: Connection) -> int:
    """Forget log-ins that nobody came back from; how many."""
    return conn.execute(delete(provider_logins).where(provider_logins.c.expires_ms <= now_ms())).rowcount


def _attempt(secret: str, return_url: str) -> Attempt:
    def made(name: str) -> str:
        digest = hmac.digest(secret.encode(), name.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    return Attempt(return_url, made("state"), made("nonce"), made("verifier"))


def _check(sign_on: SignOn, identity: Identity) -> None:
    if not identity.email or not identity.email_verified:
        detail = f"{sign_on.name} does not say that your e-mail address is yours; confirm it there first."
        raise VidComputeError(Kind.FORBIDDEN, "email_not_proved", detail)
    domain = mailboxes.parse(identity.email).rpartition("@")[2]
    if sign_on.domains and domain not in sign_on.domains:
        detail = "Addresses of this domain do not log in here."
        raise VidComputeError(Kind.FORBIDDEN, "domain_refused", detail)


def _linked(conn: Connection, identity: Identity, visitor: Visitor, *, registers: bool) -> Person:
    """The person whose mailbox the provider has proved; from now on they are known by the provider's subject."""
    email = mailboxes.parse(identity.email)
    person = queries.by_email(conn, email)
    if person is None:
        if not registers:
            detail = "Nobody here has this address: ask for an invitation first."
            raise VidComputeError(Kind.FORBIDDEN, "account_wanted", detail)
        person = service.add(conn, email, _name_of(identity), None, verified=True)
    elif person.verified_ms is None:
        person = service.take_over(conn, person.id)
    acting.bind(conn, Actor("person", person.id, person.email, visitor.request_id, visitor.address))
    if not queries.memberships_of(conn, person.id):
        organizations.create(conn, person.id, person.email, person.name)
    row = {"issuer": identity.issuer, "subject": identity.subject, "person_id": person.id, "created_ms": now_ms()}
    conn.execute(insert(identities).values(row))
    sessions.tell(conn, person.id, "person.linked", person.id, {"issuer": identity.issuer})
    return person


def _name_of(identity: Identity) -> str:
    name = "".join(letter for letter in identity.name if letter.isprintable()).strip()
    return name or identity.email.partition("@")[0]
