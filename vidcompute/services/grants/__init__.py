"""What an attempt may do with the storage while it runs on a node that has no key to it."""

from vidcompute.services.grants.service import Scope, ensure_secret, installation, mint, scope_of

__all__ = ["Scope", "ensure_secret", "installation", "mint", "scope_of"]
