"""Secrets and signatures as the Standard Webhooks specification has them (v1: HMAC-SHA256).

Secrets are derived from a key of the server and the version of the endpoint's secret: none is stored, each can be shown
whenever its owner asks, and a rotation counts the version on.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from sqlalchemy import Connection

from vidcompute.db import secrets as shared

KEY = "webhooks"
_PREFIX = "whsec_"


def ensure_key(conn: Connection) -> bytes:
    """The server's key that secrets are derived from, made where it is missing."""
    return shared.ensure(conn, KEY)


def known_key(conn: Connection) -> bytes:
    """The same where nothing may be written: it was made with the first webhook."""
    return shared.known(conn, KEY) or b""


def derive(key: bytes, webhook_id: str, version: int) -> bytes:
    """The secret of an endpoint: 32 bytes."""
    return hmac.digest(key, f"{webhook_id}.{version}".encode(), hashlib.sha256)


def as_text(secret: bytes) -> str:
    """A secret as receivers are given it."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def headers(secrets: Iterable[bytes], message_id: str, at_s: int, body: str) -> dict[str, str]:
    """The headers of a message, sent at a time in Unix seconds: signed with each of the secrets."""
    signed = f"{message_id}.{at_s}.{body}".encode()
    signatures = [
        "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode("ascii") for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signatures),
    }
