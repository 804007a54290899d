"""Who may watch: signing keys, tokens and passwords, and the passes that they are exchanged for."""

from vidcompute.services.admission.door import Door
from vidcompute.services.admission.models import (
    EVERYTHING,
    Algorithm,
    Audience,
    Pass,
    SigningKey,
    by_server,
)
from vidcompute.services.admission.queries import keys_of
from vidcompute.services.admission.service import NewKey, add_key, make_key, revoke_key

__all__ = [
    "EVERYTHING",
    "Algorithm",
    "Audience",
    "Door",
    "NewKey",
    "Pass",
    "SigningKey",
    "add_key",
    "by_server",
    "keys_of",
    "make_key",
    "revoke_key",
]
