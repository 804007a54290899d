"""Who may watch what, and what a viewer shows for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Algorithm(StrEnum):
    """How tokens of a signing key are signed: fixed with the key, whatever a token says."""

    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


class Audience(StrEnum):
    """What a token opens."""

    VIDEO = "video"  # streams, their files, and the page that plays them
    THUMBNAIL = "thumbnail"  # pictures at any moment, and the moving preview
    STORYBOARD = "storyboard"


EVERYTHING = tuple(Audience)
BY_SERVER = "server"


def by_server(at_ms: int) -> str:
    """The authority of a pass that the API gave at that time, to somebody who may: it can be taken back by it."""
    return f"{BY_SERVER}:{at_ms}"


@dataclass(frozen=True)
class SigningKey:
    """The public half of a key pair of an organization, as a JSON Web Key (RFC 7517)."""

    id: str
    organization_id: str
    name: str
    algorithm: Algorithm
    public_key: Mapping[str, Any]
    created_ms: int
    revoked_ms: int | None


@dataclass(frozen=True)
class Pass:
    """Leave to see one video until `expires_s` (Unix seconds), for all who meet its conditions.

    `authority` is who gave it: a signing key, we ourselves (see `by_server`), or a version of the video's password. It
    goes with that.
    """

    authority: str
    expires_s: int
    audiences: tuple[Audience, ...] = EVERYTHING
    ip: str | None = None
    """An address, or a network such as 203.0.113.0/24."""
    referrers: tuple[str, ...] = ()
    """Host names; `*.example.com` stands for all below."""
    viewer_id: str | None = None
    """The word of whoever signed for whoever watches; goes into the log."""
