"""Organizations and API keys."""

from vidcompute.services.accounts.service import Principal, authenticate, ensure_local

__all__ = ["Principal", "authenticate", "ensure_local"]
