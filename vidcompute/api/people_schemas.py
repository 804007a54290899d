"""What the API sends and takes about people and organizations: wire models."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken
from vidcompute.services.accounts import Role
from vidcompute.services.people import Registration

PERSON_ID = "person_01kq3v8a4rj0t5w6x7y8z9abcj"
INVITATION_ID = "inv_01kq3v8a4rj0t5w6x7y8z9abck"
SESSION_ID = "ses_01kq3v8a4rj0t5w6x7y8z9abcm"

Email = Annotated[str, Field(min_length=3, max_length=320)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1000)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class WaysIn(Sent):
    """How people come in here."""

    registration: Registration
    shortest_password: int
    """Characters that a password has at least."""
    provider: str | None
    """The name of the provider at which one can log in, at `/oauth/login`; null where there is none."""
    passkeys: bool
    """Whether browsers make passkeys for this server: its public URL has TLS and a host name."""


class Registering(Taken):
    """Who registers."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ann@example.com", "name": "Ann", "password": "correct horse battery"}}
    )

    email: Email
    name: Name
    password: Password
    invitation: Secret | None = None
    """The secret of an invitation to this address: what follows the `#` of its link."""


class Registered(Sent):
    """What is next."""

    verified: bool
    """Whether they can log in; else there is a mail first, with a link to follow."""


class Verifying(Taken):
    """The link of a mail, and the password of the account that it opens."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "abc", "password": "correct horse battery"}})

    token: Secret
    """What follows the `#` of the link."""
    password: Password


class Addressed(Taken):
    """A mailbox."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ann@example.com"}})

    email: Email


class Link(Taken):
    """The link of a mail."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "abc"}})

    token: Secret
    """What follows the `#` of the link."""


class LoggingIn(Taken):
    """Who logs in, and with what."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ann@example.com", "password": "correct horse battery", "kind": "app"}}
    )

    email: Email
    password: Password
    kind: Literal["browser", "app"] = "app"
    """A browser gets a cookie, an app gets tokens."""


class TokenPair(Sent):
    """What an app works with."""

    access_token: str
    """Goes along with requests, as `Authorization: Bearer …`, until it ends."""
    access_expires_at: Time
    refresh_token: str
    """Gets the next pair, once."""


class LoggedIn(Sent):
    """A session that has begun."""

    session_id: str
    person_id: str
    expires_at: Time
    tokens: TokenPair | None
    """For an app; a browser has its cookie."""


class Refreshing(Taken):
    """A refresh token."""

    model_config = ConfigDict(json_schema_extra={"example": {"refresh_token": "abc"}})

    refresh_token: Secret


class NewPassword(Taken):
    """A password that is set by the link of a mail."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "abc", "password": "correct horse battery"}})

    token: Secret
    """What follows the `#` of the link."""
    password: Password


class PasswordChange(Taken):
    """A password in the place of another."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"current_password": "correct horse battery", "password": "staple of the day"}}
    )

    current_password: Password
    password: Password


class EmailChange(Taken):
    """Another mailbox."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"current_password": "correct horse battery", "email": "ann@example.org"}}
    )

    current_password: Password
    email: Email


class MeChanges(Taken):
    """What to change of one's own account."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Ann Example"}})

    name: Name


class Me(Sent):
    """One's own account."""

    id: str
    email: str
    name: str
    created_at: Time
    organizations: list["Membership"]


class Membership(Sent):
    """A place in an organization."""

    organization_id: str
    name: str
    slug: str | None
    role: Role
    joined_at: Time
    logo_digest: str | None
    """As the organization's; null where it has none."""
    second_factor_required: bool
    """Whether one may do nothing in it before one has a second factor."""


class MembershipList(Sent):
    """Where one is a member, the first joined first."""

    items: list[Membership]


class Session(Sent):
    """A browser or an app that one is logged in with."""

    id: str
    kind: Literal["browser", "app"]
    current: bool
    """Whether it is the one that asks."""
    agent: str
    """What the program calls itself."""
    address: str
    """Where it logged in from."""
    created_at: Time
    seen_at: Time
    """When it was last used, within some minutes."""
    expires_at: Time


class SessionList(Sent):
    """One's living sessions, newest first."""

    items: list[Session]


class Ended(Sent):
    """How many sessions ended."""

    ended: int


class Organization(Sent):
    """A tenant."""

    id: str
    name: str
    slug: str | None
    """Its name in addresses."""
    logo_digest: str | None
    """Of the picture at `/organization/logo`: another one where that changes; null where there is none."""
    second_factor_required: bool
    """Whether members without a second factor may do nothing in it."""
    created_at: Time


class OrganizationWish(Taken):
    """A new organization."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Example Films"}})

    name: Name


class OrganizationChanges(Taken):
    """What to change of the organization; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Example Films", "slug": "example-films"}})

    name: Name | None = None
    slug: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """Letters a to z, digits, and single hyphens between them."""
    second_factor_required: bool | None = None
    """Whether members without a second factor may do nothing in it. You, and an owner, need one first; keys go on."""


class Member(Sent):
    """A person in the organization."""

    person_id: str
    email: str
    name: str
    role: Role
    joined_at: Time


class MemberPage(Sent):
    """Some members, the newest accounts first."""

    items: list[Member]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class RoleChange(Taken):
    """A member's role."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "editor"}})

    role: Role


class Transfer(Taken):
    """Who is to be the owner."""

    model_config = ConfigDict(json_schema_extra={"example": {"person_id": PERSON_ID}})

    person_id: Annotated[str, Field(max_length=100)]


class InvitationWish(Taken):
    """Who is invited, and as what: never as more than the inviter is."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "bob@example.com", "role": "editor"}})

    email: Email
    role: Role = Role.VIEWER


class Invitation(Sent):
    """An invitation that waits to be accepted. Its link is in the mail alone."""

    id: str
    email: str
    role: Role
    invited_by: str
    created_at: Time
    expires_at: Time


class InvitationPage(Sent):
    """Some invitations, newest first."""

    items: list[Invitation]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class InvitationView(Sent):
    """What an invitation says to who has its link."""

    organization: str
    email: str
    role: Role
    expires_at: Time
    registered: bool
    """Whether there is an account of this address: then log in, and accept."""


class Joined(Sent):
    """The organization that one is a member of now."""

    organization_id: str
