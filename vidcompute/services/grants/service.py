"""Tokens that open the storage to one attempt: what it reads, where it writes, while it owns its task.

A token is `attempt.expires.signature`. It names the attempt alone: what that one may do is looked up each time, so the
token dies with the attempt's claim to its task. It is signed with a secret that all servers on the database share.
"""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass

from sqlalchemy import Connection

from vidcompute.db import secrets
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.plan import SOURCE
from vidcompute.services.grants import queries
from vidcompute.services.states import OWNED_TASKS
from vidcompute.services.tasks.queries import AnyRow, artifacts, source_key

_NAME = "grants"


@dataclass(frozen=True)
class Scope:
    """What one attempt may do: read these objects, and all below these prefixes; write its log, and below `output`."""

    objects: frozenset[str]
    prefixes: frozenset[str]
    output: str
    log: str

    def may_read(self, key: str) -> bool:
        """Whether it may read the object `key`."""
        return key in self.objects or any(key.startswith(f"{prefix}/") for prefix in self.prefixes)

    def may_list(self, prefix: str) -> bool:
        """Whether it may see what lies below `prefix`."""
        return prefix in self.prefixes or self.may_read(prefix)

    def may_write(self, key: str) -> bool:
        """Whether it may store the object `key`."""
        return key == self.log or bool(self.output and key.startswith(f"{self.output}/"))


def ensure_secret(conn: Connection) -> bytes:
    """The secret that tokens are signed with, made where it is missing."""
    return secrets.ensure(conn, _NAME)


def installation(secret: bytes) -> str:
    """A public name for all servers that share the secret: twelve hexadecimal digits."""
    return hmac.digest(secret, b"installation", hashlib.sha256).hex()[:12]


def mint(secret: bytes, attempt_id: str, valid_s: float) -> str:
    """A token of this attempt that is worth nothing after `valid_s` seconds."""
    claim = f"{attempt_id}.{int(time.time() + valid_s)}"
    return f"{claim}.{_signature(secret, claim)}"


def scope_of(conn: Connection, token: str) -> Scope:
    """What the token's attempt may do now; `grant_invalid` (unauthenticated) for a false or old one.

    An attempt that doesn't own its task any more may still store its log, and nothing else.
    """
    secret = secrets.known(conn, _NAME)
    if secret is None:
        raise _invalid("no server has made any")
    row = queries.work_of(conn, _attempt_of(secret, token))
    if row is None:
        raise _invalid("its attempt is gone")
    attempt_id = token.partition(".")[0]
    if row.outcome is not None or row.attempt != row.number or row.status not in OWNED_TASKS:
        return Scope(frozenset(), frozenset(), "", row.logs_key)
    output = f"orgs/{row.organization_id}/artifacts/{row.content_key}/{attempt_id}"
    return Scope(_objects(conn, row), _prefixes(conn, row), output, row.logs_key)


def _keys(row: AnyRow) -> list[str]:
    return [key for _, keys in row.inputs for key in keys]


def _objects(conn: Connection, row: AnyRow) -> frozenset[str]:
    digests = {key.removeprefix(f"{SOURCE}:") for key in _keys(row) if key.startswith(f"{SOURCE}:")}
    return frozenset(source_key(conn, row.organization_id, digest) for digest in digests)


def _prefixes(conn: Connection, row: AnyRow) -> frozenset[str]:
    wanted = [key for key in _keys(row) if not key.startswith(f"{SOURCE}:")]
    return frozenset(made.storage_prefix for made in artifacts(conn, row.organization_id, wanted).values())


def _attempt_of(secret: bytes, token: str) -> str:
    claim, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, claim).encode()):
        raise _invalid("it was not signed here")
    attempt_id, _, expires = claim.partition(".")
    if int(expires) < time.time():  # what was signed here is well-formed
        raise _invalid("its time is over")
    return attempt_id


def _signature(secret: bytes, claim: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret, claim.encode(), hashlib.sha256)).rstrip(b"=").decode()


def _invalid(why: str) -> VidComputeError:
    return VidComputeError(Kind.UNAUTHENTICATED, "grant_invalid", f"This token opens nothing: {why}.")
