"""API keys: made, shown once, replaced, revoked. The database holds a digest of each and how it begins."""

import hashlib
import re
from collections.abc import Iterable

from sqlalchemy import Connection, insert, update

from vidcompute import ids
from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema import api_keys
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.services.accounts import queries
from vidcompute.services.accounts.access import ALL, Scope, scopes_of_key
from vidcompute.services.accounts.models import ApiKey, NewKey, Principal

SHAPE = re.compile(r"vck_[A-Za-z0-9_-]{43}")
_PREFIX = 12  # characters of the key that are shown: 48 of its 256 random bits


def is_key(text: str) -> bool:
    """Whether a text has the form of a key."""
    return SHAPE.fullmatch(text) is not None


def new_secret() -> str:
    """A fresh key as its owner gets it: 256 random bits."""
    return f"vck_{ids.new_secret()}"


def digest_of(secret: str) -> str:
    """What is kept of a key. It has 256 random bits, so one SHA-256 keeps it safe, and finding it tells nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def scopes_now(conn: Connection, organization_id: str, key_id: str) -> frozenset[Scope]:
    """What a key may do at this moment; nothing where it has expired or was revoked. `key_not_found`."""
    key = queries.get_key(conn, organization_id, key_id)
    dead = key.revoked_ms is not None or (key.expires_ms is not None and key.expires_ms <= now_ms())
    return frozenset() if dead else scopes_of_key(key.scopes, organization_id)


def authenticate(conn: Connection, secret: str) -> Principal:
    """Who this API key stands for; `invalid_api_key` (kind unauthenticated) for any text that is none, or no more."""
    row = queries.key_by_digest(conn, digest_of(secret))
    dead = row is None or row.revoked_ms is not None or (row.expires_ms is not None and row.expires_ms <= now_ms())
    if row is None or dead:
        raise unknown_key()
    scopes = scopes_of_key(row.scopes, row.organization_id)
    return Principal(row.organization_id, scopes, row.prefix, key_id=row.id, noted_ms=row.used_ms or 0)


def unknown_key() -> VidComputeError:
    """The error of a key that opens nothing."""
    detail = "This API key is not known, has expired, or was revoked."
    return VidComputeError(Kind.UNAUTHENTICATED, "invalid_api_key", detail)


def note_use(conn: Connection, key_id: str) -> None:
    """Write down that a key was used just now."""
    conn.execute(update(api_keys).where(api_keys.c.id == key_id).values(used_ms=now_ms()))


def create_key(conn: Connection, caller: Principal, wanted: NewKey, *, most: int) -> tuple[ApiKey, str]:
    """Make a key of the caller's organization; it, and its secret, which nobody can look up later.

    `scope_not_granted` (forbidden) where it could do more than the caller, `keys_full` (conflict) beyond `most`.
    """
    _check_room(conn, caller.organization_id, most)
    _check_within(caller, wanted.scopes)
    if wanted.expires_ms is not None and wanted.expires_ms <= now_ms():
        raise _past()
    return _told(conn, caller.organization_id, _add(conn, caller.organization_id, wanted))


def rotate_key(
    conn: Connection, caller: Principal, key_id: str, *, overlap_ms: int, expires_ms: int | None = None
) -> tuple[ApiKey, str]:
    """Make a key in the place of another, which goes on for `overlap_ms`; the new one with its secret.

    `key_not_found`, `scope_not_granted`; `key_dead` (conflict) where the old one opens nothing any more.
    """
    old = queries.get_key(conn, caller.organization_id, key_id)
    at = now_ms()
    if old.revoked_ms is not None or (old.expires_ms is not None and old.expires_ms <= at):
        raise VidComputeError(Kind.CONFLICT, "key_dead", "This key has expired or was revoked; make a new one.")
    _check_within(caller, old.scopes)
    if expires_ms is not None and expires_ms <= at:
        raise _past()
    ends = at + overlap_ms if old.expires_ms is None else min(old.expires_ms, at + overlap_ms)
    conn.execute(update(api_keys).where(api_keys.c.id == old.id).values(expires_ms=ends))
    emit(conn, caller.organization_id, "key.rotated", old.id, {"key_id": old.id, "expires_ms": ends})
    made = _add(conn, caller.organization_id, NewKey(old.name, tuple(old.scopes), expires_ms), replaces=old.id)
    return _told(conn, caller.organization_id, made)


def revoke_key(conn: Connection, organization_id: str, key_id: str) -> ApiKey:
    """Let a key open nothing from now on; done twice it is done. `key_not_found`."""
    key = queries.get_key(conn, organization_id, key_id)
    if key.revoked_ms is None:
        conn.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_ms=now_ms()))
        emit(conn, organization_id, "key.revoked", key_id, {"key_id": key_id, "name": key.name})
    return queries.get_key(conn, organization_id, key_id)


def add_whole(conn: Connection, organization_id: str, name: str, secret: str) -> None:
    """Keep a key that may do everything in its organization; it is the platform that makes it, so nobody is told."""
    _add(conn, organization_id, NewKey(name, (ALL,)), secret=secret)


def _add(
    conn: Connection, organization_id: str, wanted: NewKey, *, replaces: str | None = None, secret: str | None = None
) -> tuple[ApiKey, str]:
    secret = secret or new_secret()
    key = ApiKey(
        id=ids.new_id("key"),
        name=wanted.name,
        prefix=secret[:_PREFIX],
        scopes=sorted(set(wanted.scopes)),
        replaces=replaces,
        created_ms=now_ms(),
        expires_ms=wanted.expires_ms,
        used_ms=None,
        revoked_ms=None,
    )
    conn.execute(insert(api_keys).values(**vars(key), organization_id=organization_id, digest=digest_of(secret)))
    return key, secret


def _told(conn: Connection, organization_id: str, made: tuple[ApiKey, str]) -> tuple[ApiKey, str]:
    key, _ = made
    told = {"key_id": key.id, "name": key.name, "prefix": key.prefix, "scopes": key.scopes, "replaces": key.replaces}
    emit(conn, organization_id, "key.created", key.id, told)
    return made


def _check_room(conn: Connection, organization_id: str, most: int) -> None:
    if queries.count_keys(conn, organization_id, now_ms()) >= most:
        detail = f"The organization has {most} keys, which is the most; revoke one that is not needed any more."
        raise VidComputeError(Kind.CONFLICT, "keys_full", detail, extra={"limit": most})


def _check_within(caller: Principal, words: Iterable[str]) -> None:
    """Nobody makes a key that may do more than they may."""
    missing = sorted(scope.value for scope in scopes_of_key(words, caller.organization_id) - caller.scopes)
    if missing:
        detail = f"You can't give what you do not have: {', '.join(missing)}."
        raise VidComputeError(Kind.FORBIDDEN, "scope_not_granted", detail, extra={"scopes": missing})


def _past() -> VidComputeError:
    return invalid(
        "expiry_past", "A key can't expire before it is made.", FieldProblem("/expires_at", "This time has passed.")
    )
