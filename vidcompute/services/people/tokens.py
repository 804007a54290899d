"""Secrets that people are given: random ones, of which a digest is kept, and signed ones (JWT), of which nothing is.

An access token is signed with HS256 by a key that all servers on the database share. Which algorithm counts is said
here and never by the token; its `kid` is compared with those of the two keys that live, and looked up nowhere.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute.db import secrets
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError

ALGORITHM = "HS256"
ISSUER = "vidcompute"
AUDIENCE = "vidcompute-api"
_LONGEST = 4096
_CURRENT = "access"
_FORMER = "access.former"  # still believed, so that tokens outlive the change of keys


@dataclass(frozen=True)
class Access:
    """What a good access token says."""

    person_id: str
    session_id: str


def digest_of(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mint(conn: Connection, access: Access, lifetime_ms: int) -> tuple[str, int]:
    """A signed token, and when it ends in Unix milliseconds."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    key = secrets.ensure(conn, _CURRENT)
    at = now_ms()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": access.person_id,
        "sid": access.session_id,
        "iat": at // 1000,
        "exp": (at + lifetime_ms) // 1000,
    }
    header = {"alg": ALGORITHM, "kid": kid_of(key)}
    signed = jwt.encode(header, claims, OctKey.import_key(key), algorithms=[ALGORITHM])
    return signed, at + lifetime_ms


def verify(conn: Connection, token: str) -> Access:
    """What the token says; `invalid_token`, or `token_expired` (kind unauthenticated)."""
    from joserfc import jws, jwt
    from joserfc.errors import ExpiredTokenError, JoseError
    from joserfc.jwk import OctKey

    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid") if len(token) <= _LONGEST else None
        key = next((key for key in _living(conn) if kid_of(key) == kid), None)
        if key is None:
            raise invalid_token()
        claims = jwt.decode(token, OctKey.import_key(key), algorithms=[ALGORITHM]).claims
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            sid={"essential": True},
        )
        registry.validate(claims)
    except ExpiredTokenError as error:
        detail = "The token has ended; get another one with the refresh token."
        raise VidComputeError(Kind.UNAUTHENTICATED, "token_expired", detail) from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise invalid_token() from error
    return Access(str(claims["sub"]), str(claims["sid"]))


def invalid_token() -> VidComputeError:
    """The error of a token that was not made here, or for something else."""
    return VidComputeError(Kind.UNAUTHENTICATED, "invalid_token", "This token opens nothing here; log in again.")


def kid_of(key: bytes) -> str:
    """The name of a key, which tells nothing of it."""
    return hashlib.sha256(b"kid:" + key.hex().encode()).hexdigest()[:12]


def rotate_key(conn: Connection) -> None:
    """Sign with another key from now on; the one before is believed until the next change."""
    secrets.renew(conn, _CURRENT, _FORMER)


def _living(conn: Connection) -> list[bytes]:
    return [key for key in (secrets.known(conn, _CURRENT), secrets.known(conn, _FORMER)) if key is not None]
