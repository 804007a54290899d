"""People, their sessions, and what they are limited to."""

from dataclasses import dataclass, field
from typing import Literal

from vidcompute.ports.rates import Allowance
from vidcompute.services.accounts import Role

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Registration = Literal["open", "invitation", "closed"]
SessionKind = Literal["browser", "app"]


@dataclass(frozen=True)
class Policy:
    """How people come in, how long what they are given lasts, and how often they may try.

    `attempts` are log-ins into one account, `attempts_from` those from one address; `mails` are those that strangers
    may have sent to one mailbox, `mails_from` those that one address may ask for. `device_ms` is how long a program may
    wait for somebody to let it in, `ticket_ms` how long a log-in that was begun waits for a code.
    """

    registration: Registration = "invitation"
    session_ms: int = 30 * DAY_MS
    access_ms: int = 10 * MINUTE_MS
    verify_ms: int = DAY_MS
    reset_ms: int = HOUR_MS
    device_ms: int = 10 * MINUTE_MS
    ticket_ms: int = 5 * MINUTE_MS
    shortest_password: int = 10
    attempts: Allowance = field(default_factory=lambda: Allowance(10, 10 / 600))
    attempts_from: Allowance = field(default_factory=lambda: Allowance(100, 100 / 600))
    mails: Allowance = field(default_factory=lambda: Allowance(5, 5 / 3600))
    mails_from: Allowance = field(default_factory=lambda: Allowance(20, 20 / 3600))


@dataclass(frozen=True)
class Person:
    """A person. `password` is what argon2 made of it; None for who has none."""

    id: str
    email: str
    name: str
    password: str | None = field(repr=False)
    verified_ms: int | None
    created_ms: int


@dataclass(frozen=True)
class Membership:
    """A person's place in an organization, which may demand a second factor of them."""

    organization_id: str
    name: str
    slug: str | None
    role: Role
    created_ms: int
    logo_digest: str | None
    second_factor_required: bool


@dataclass(frozen=True)
class Session:
    """One browser or app that a person is logged in with."""

    id: str
    kind: SessionKind
    agent: str
    address: str
    created_ms: int
    seen_ms: int
    expires_ms: int


@dataclass(frozen=True)
class Tokens:
    """What an app works with: a short-lived token for requests, and one to get the next pair with, once."""

    access: str = field(repr=False)
    access_expires_ms: int
    refresh: str = field(repr=False)


@dataclass(frozen=True)
class Started:
    """A session that has begun: with a secret for a browser's cookie, or with tokens for an app."""

    session_id: str
    person_id: str
    expires_ms: int
    cookie: str | None = field(default=None, repr=False)
    tokens: Tokens | None = None


@dataclass(frozen=True)
class Begun:
    """What a program that asks to be logged in is given: a secret of its own, a code to show, and how often to ask."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    lifetime_ms: int
    interval_s: int


@dataclass(frozen=True)
class Asking:
    """A program that asks to be logged in: what it calls itself, where it is, since when, until when."""

    agent: str
    address: str
    created_ms: int
    expires_ms: int


@dataclass(frozen=True)
class Allowed:
    """A program that was let in, and the organization in which it begins to work."""

    started: Started
    organization_id: str | None


@dataclass(frozen=True)
class SecondFactor:
    """Since when codes of an app are asked for (None where they are not), and how many recovery codes are left."""

    on_ms: int | None
    recovery_codes: int


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app is given, once: the secret in base 32, and the same as an otpauth:// URI."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True)
class Passkey:
    """A key on a device that opens an account."""

    id: str
    name: str
    created_ms: int
    used_ms: int | None
