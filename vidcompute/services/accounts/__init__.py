"""Organizations, API keys, and who may do what."""

from vidcompute.services.accounts.access import (
    ALL,
    INSTALLATION,
    OPERATIONS,
    ROLES,
    Entry,
    Role,
    Rule,
    Scope,
    require,
    scopes_of,
    scopes_of_key,
)
from vidcompute.services.accounts.keys import (
    authenticate,
    create_key,
    is_key,
    note_use,
    revoke_key,
    rotate_key,
    scopes_now,
    unknown_key,
)
from vidcompute.services.accounts.models import ApiKey, NewKey, Principal
from vidcompute.services.accounts.queries import get_key, list_keys
from vidcompute.services.accounts.service import ensure_local

__all__ = [
    "ALL",
    "INSTALLATION",
    "OPERATIONS",
    "ROLES",
    "ApiKey",
    "Entry",
    "NewKey",
    "Principal",
    "Role",
    "Rule",
    "Scope",
    "authenticate",
    "create_key",
    "ensure_local",
    "get_key",
    "is_key",
    "list_keys",
    "note_use",
    "require",
    "revoke_key",
    "rotate_key",
    "scopes_now",
    "scopes_of",
    "scopes_of_key",
    "unknown_key",
]
