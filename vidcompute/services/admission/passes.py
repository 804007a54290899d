"""Passes: what a viewer's token or password is exchanged for, as a part of the path.

Players resolve the addresses in a playlist against its own: with the pass in the path, segments and storyboards are
covered without a word in any of them, and the token itself goes into no address but the one that it came with.
The text is `payload~signature`, signed for one playback ID with a secret that all servers on the database share.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from vidcompute.services.admission.models import Audience, Pass

_LONGEST = 2048


def mint(secret: bytes, playback_id: str, given: Pass) -> str:
    """The pass as text that fits into a path."""
    fields: Sequence[Any] = [
        given.authority,
        given.expires_s,
        list(given.audiences),
        given.ip,
        list(given.referrers),
        given.viewer_id,
    ]
    payload = _text(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())
    return f"{payload}~{_signature(secret, playback_id, payload)}"


def read(secret: bytes, playback_id: str, text: str) -> Pass | None:
    """What `mint` was given; None for what wasn't signed here for this playback ID."""
    payload, _, signature = text[:_LONGEST].partition("~")
    if not hmac.compare_digest(signature.encode(), _signature(secret, playback_id, payload).encode()):
        return None
    try:
        authority, expires_s, audiences, ip, referrers, viewer_id = json.loads(_bytes(payload))
    except (ValueError, binascii.Error):  # of another release
        return None
    return Pass(authority, expires_s, tuple(map(Audience, audiences)), ip, tuple(referrers), viewer_id)


def _signature(secret: bytes, playback_id: str, payload: str) -> str:
    return _text(hmac.digest(secret, f"pass:{playback_id}:{payload}".encode(), hashlib.sha256))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
