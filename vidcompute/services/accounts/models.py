"""Who makes a request, and what is known of an API key."""

from dataclasses import dataclass

from vidcompute.services.accounts.access import Role, Scope


@dataclass(frozen=True)
class Principal:
    """Who makes a request, and what they may do in which organization.

    `organization_id` is empty for a person who is in none: then there is no scope either. `name` is what people know
    them by: a key's prefix, an e-mail address. `noted_ms` is when a use of the key or session was last written down.
    Who `lacks_second_factor` is in an organization that demands one: they have no scope in it until they have it.
    """

    organization_id: str
    scopes: frozenset[Scope]
    name: str
    key_id: str = ""
    person_id: str = ""
    session_id: str = ""
    role: Role | None = None
    noted_ms: int = 0
    lacks_second_factor: bool = False


@dataclass(frozen=True)
class ApiKey:
    """An API key without its secret. `prefix` is how the secret begins; times are Unix milliseconds."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    replaces: str | None
    created_ms: int
    expires_ms: int | None
    used_ms: int | None
    revoked_ms: int | None


@dataclass(frozen=True)
class NewKey:
    """What a key is made with; `scopes` are words of `Scope`, or "*" alone for all of them."""

    name: str
    scopes: tuple[str, ...]
    expires_ms: int | None = None
