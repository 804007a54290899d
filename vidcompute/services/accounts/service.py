"""The built-in organization and its key: what a person on a laptop works with, and never has to know of."""

import os
import secrets
from pathlib import Path

from sqlalchemy import Connection, insert

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import organizations
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services.accounts import keys, queries

KEY_FILE = "api.key"


def ensure_local(conn: Connection, data_dir: Path) -> Path:
    """Make the built-in organization and its key where they are missing; the path of the key file (mode 0600).

    The file holds the key as text, for `vidctl` of the same user; the database holds its digest alone. A key in the
    file that has expired or was revoked is replaced by a new one.
    """
    if not queries.organization_exists(conn, LOCAL_ORGANIZATION):
        conn.execute(insert(organizations).values(id=LOCAL_ORGANIZATION, name="local", created_ms=now_ms()))
    path = data_dir / KEY_FILE
    secret = _read_key(path)
    row = queries.key_by_digest(conn, keys.digest_of(secret)) if secret else None
    if secret is None or (row is not None and not _lives(row.expires_ms, row.revoked_ms)):
        secret, row = keys.new_secret(), None
        _write_key(path, secret)
    if row is None:
        keys.add_whole(conn, LOCAL_ORGANIZATION, "local", secret)
    path.chmod(0o600)
    return path


def _lives(expires_ms: int | None, revoked_ms: int | None) -> bool:
    return revoked_ms is None and (expires_ms is None or expires_ms > now_ms())


def _read_key(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if keys.SHAPE.fullmatch(text) else None


def _write_key(path: Path, secret: str) -> None:
    """Write the key so that it is never readable by others, not even for an instant."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
