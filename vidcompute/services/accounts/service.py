"""The built-in organization and its key, and who a key stands for."""

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import api_keys, organizations
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services.accounts import queries

KEY_FILE = "api.key"
_KEY = re.compile(r"vck_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Principal:
    """Who makes a request."""

    organization_id: str
    key_id: str


def authenticate(conn: Connection, secret: str) -> Principal:
    """Who this API key stands for; `invalid_api_key` (kind unauthenticated) for any other text.

    Keys have 256 random bits, so one SHA-256 keeps them safe, and finding it by index tells nothing of it.
    """
    row = queries.key_by_digest(conn, _digest(secret))
    if row is None:
        raise VidComputeError(Kind.UNAUTHENTICATED, "invalid_api_key", "This API key is not known, or was revoked.")
    return Principal(row.organization_id, row.id)


def ensure_local(conn: Connection, data_dir: Path) -> Path:
    """Make the built-in organization and its key where they are missing; the path of the key file (mode 0600).

    The file holds the key as text, for `vidctl` of the same user; the database holds its digest alone.
    """
    if not queries.organization_exists(conn, LOCAL_ORGANIZATION):
        conn.execute(insert(organizations).values(id=LOCAL_ORGANIZATION, name="local", created_ms=now_ms()))
    path = data_dir / KEY_FILE
    secret = _read_key(path)
    if secret is None:
        secret = f"vck_{secrets.token_urlsafe(32)}"
        _write_key(path, secret)
    if queries.key_by_digest(conn, _digest(secret)) is None:
        key = {"id": new_id("key"), "organization_id": LOCAL_ORGANIZATION, "name": "local", "prefix": secret[:8]}
        conn.execute(insert(api_keys).values(**key, digest=_digest(secret), created_ms=now_ms()))
    path.chmod(0o600)
    return path


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _read_key(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if _KEY.fullmatch(text) else None


def _write_key(path: Path, secret: str) -> None:
    """Write the key so that it is never readable by others, not even for an instant."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
