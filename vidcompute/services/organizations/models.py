"""Organizations, their members, and who is invited."""

from dataclasses import dataclass

from vidcompute.services.accounts import Role


@dataclass(frozen=True)
class Organization:
    """A tenant. `slug` is its name in addresses, `logo_digest` tells one logo from another.

    Where `second_factor_required` is set, members who have none may do nothing in it.
    """

    id: str
    name: str
    slug: str | None
    created_ms: int
    logo_digest: str | None = None
    second_factor_required: bool = False


@dataclass(frozen=True)
class Member:
    """A person in an organization."""

    person_id: str
    email: str
    name: str
    role: Role
    created_ms: int


@dataclass(frozen=True)
class Invitation:
    """Who is asked to join, as what, and until when."""

    id: str
    organization_id: str
    email: str
    role: Role
    invited_by: str
    created_ms: int
    expires_ms: int

    def told(self) -> dict[str, str]:
        """What events tell of it."""
        return {"invitation_id": self.id, "email": self.email, "role": self.role.value}


@dataclass(frozen=True)
class Changes:
    """What to change of an organization; None leaves it."""

    name: str | None = None
    slug: str | None = None
    second_factor_required: bool | None = None
