"""Who knows people: a provider that they log in at, and that tells us who they are."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Attempt:
    """One log-in at a provider: what binds its end to the browser that began it. `return_url` is where it ends."""

    return_url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Returned:
    """What a browser brings back from the provider; empty where it brought nothing."""

    code: str = field(repr=False)
    state: str = field(default="", repr=False)
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True)
class Identity:
    """A person as the provider knows them: `subject` is theirs for ever, an e-mail address may change hands."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


class IdentityProvider(Protocol):
    """Lets people log in elsewhere.

    Stable error codes: `provider_unavailable` (unavailable: trying again may help); `provider_refused` (forbidden: the
    provider, or what it sent, does not let this person in); `url_address_refused`.
    """

    async def begin(self, attempt: Attempt) -> str:
        """The address at the provider to which the browser is sent."""
        ...

    async def finish(self, attempt: Attempt, returned: Returned) -> Identity:
        """Who came back, when everything that the provider said was checked."""
        ...
