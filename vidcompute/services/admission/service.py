"""Signing keys, and the passwords of videos. All run in the caller's transaction and emit their events in it."""

import hashlib
from dataclasses import dataclass, replace

from sqlalchemy import Connection, insert, update

from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema import signing_keys
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.services.admission import queries
from vidcompute.services.admission.models import Algorithm, SigningKey


@dataclass(frozen=True)
class NewKey:
    """A key pair that isn't recorded yet; `private_pem` is None where somebody else keeps it."""

    key: SigningKey
    private_pem: str | None


def make_key(organization_id: str, name: str, algorithm: Algorithm, public_pem: str | None = None) -> NewKey:
    """A new key pair, or one whose public half is given. Making RSA takes a while: not for the writer's thread."""
    from vidcompute.services.admission.tokens import adopt, generate

    public, private_pem = generate(algorithm) if public_pem is None else (adopt(algorithm, public_pem), None)
    return NewKey(SigningKey(new_id("skey"), organization_id, name, algorithm, public, now_ms(), None), private_pem)


def add_key(conn: Connection, key: SigningKey, *, most: int) -> SigningKey:
    """Record a key: its tokens are good from now on. `signing_keys_full` (conflict) beyond `most` that are."""
    if len(queries.keys_of(conn, key.organization_id, alive=True)) >= most:
        detail = f"The organization has {most} signing keys, which is the most; revoke one that is not needed any more."
        raise VidComputeError(Kind.CONFLICT, "signing_keys_full", detail, extra={"limit": most})
    conn.execute(insert(signing_keys).values({**vars(key), "public_key": dict(key.public_key)}))
    emit(conn, key.organization_id, "signing_key.created", key.id, {"signing_key_id": key.id, "name": key.name})
    return key


def revoke_key(conn: Connection, organization_id: str, key_id: str) -> SigningKey:
    """Let nobody in with this key's tokens any more; a key that was revoked stays as it is."""
    key = queries.key(conn, organization_id, key_id)
    if key.revoked_ms is not None:
        return key
    at = now_ms()
    conn.execute(update(signing_keys).where(signing_keys.c.id == key_id).values(revoked_ms=at))
    emit(conn, organization_id, "signing_key.revoked", key_id, {"signing_key_id": key_id, "name": key.name})
    return replace(key, revoked_ms=at)


def password_version(password_digest: str) -> str:
    """The authority of passes that a password gave: another one where the password was changed."""
    return f"password:{hashlib.sha256(password_digest.encode()).hexdigest()[:16]}"
